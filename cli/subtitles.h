/* subtitles.h - words with times to cues: what is on the screen together, and its lines.
 *
 * All ways to cut the words are weighed, and the cheapest is taken (a shortest path): breaks after
 * sentences, clauses and pauses cost little, breaks inside a phrase much; text that is there too
 * briefly to be read costs most. Then a cue that is too short for its text lasts into the pause
 * behind it, and begins in the one before it. */
#ifndef POTSTILL_CLI_SUBTITLES_H
#define POTSTILL_CLI_SUBTITLES_H

#include <stddef.h>

#include "subtitle_word.h"

/* Shown together: words first .. last, without the last. */
struct cue {
    double start, end;
    size_t first, last;
};

struct subtitle_style {
    size_t width;  /* characters of a line; 0: a cue a segment, as long as it is */
    size_t lines;  /* of a cue */
    double speed;  /* characters a second that people can read */
    int highlight; /* each word is marked while it is said */
};

struct subtitles {
    struct subtitle_word *words; /* [word_count] */
    size_t word_count;
    struct cue *cues; /* [cue_count] */
    size_t cue_count;
};

/* Of a clip whose words have been added (subtitle_words.h), and which ends at `duration`. */
void subtitles_lay_out(struct subtitles *subtitles, const struct subtitle_style *style,
                       double duration);
void subtitles_free(struct subtitles *subtitles);

#endif
