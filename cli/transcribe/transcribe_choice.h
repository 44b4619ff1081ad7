/* transcribe_choice.h - what the command line of transcribe says, and the tables of its options. */
#ifndef POTSTILL_CLI_TRANSCRIBE_CHOICE_H
#define POTSTILL_CLI_TRANSCRIBE_CHOICE_H

#include "command_table.h"
#include "decoding.h"
#include "engine.h"
#include "result_style.h"
#include "speech_choice.h"
#include "transcribe/subtitle_choice.h"

struct transcribe_choice {
    struct engine_choice engine;
    struct decoding_choice decoding;
    const char *output, *folder, *language;
    double window;    /* seconds */
    unsigned formats; /* bits of enum result_format; 0: text */
    int normalize, highlight, words;
    struct option_texts heads;
    struct subtitle_choice subtitles;
    struct speech_choice speech;
    const char *channels; /* "mix", "split" or a number */
    int resume;
    const char *watch;
};

extern const struct transcribe_choice transcribe_defaults;
/* About a struct transcribe_choice: what is transcribed and where it goes; words and what is made
 * of them. */
extern const struct option transcribe_choice_options[];
extern const struct option subtitle_options[];

/* Can all of it be, with so many operands? 0, or an exit code with the reason printed. */
int transcribe_check(const struct command *command, const struct transcribe_choice *choice,
                     int operand_count);
/* How results are written, as far as the command line alone says it. */
struct result_style transcribe_style(const struct transcribe_choice *choice);

#endif
