/* subtitle_choice.h - the options that say how subtitles are laid out, for every command that
 * writes some. */
#ifndef POTSTILL_CLI_SUBTITLE_CHOICE_H
#define POTSTILL_CLI_SUBTITLE_CHOICE_H

#include "options.h"
#include "subtitles.h"

struct subtitle_choice {
    int64_t width, lines; /* of a line, in characters; of a cue */
    double speed;         /* characters a second */
};

/* What broadcasters ask of subtitles in Latin letters. */
#define SUBTITLE_CHOICE                                                                            \
    { 42, 2, 20 }

/* About a struct subtitle_choice. */
extern const struct option subtitle_layout_options[];

/* 0, or an exit code with the reason printed. */
int subtitle_choice_check(const struct command *command, const struct subtitle_choice *choice);
struct subtitle_style subtitle_choice_style(const struct subtitle_choice *choice);

#endif
