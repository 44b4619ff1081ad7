/* subtitle_word.h - a word with its times, on its way to a cue. */
#ifndef POTSTILL_CLI_SUBTITLE_WORD_H
#define POTSTILL_CLI_SUBTITLE_WORD_H

#include <stddef.h>

struct subtitle_word {
    const char *text; /* [length] UTF-8, borrowed */
    size_t length;
    size_t width;      /* characters */
    double start, end; /* seconds */
    size_t segment;    /* of the clip, that it comes from */
    int space;         /* there is one before it */
    int breaks_line;   /* laid out: it begins a line below the first */
};

#endif
