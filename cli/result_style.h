/* result_style.h - one result, and what is asked of how it is written. */
#ifndef POTSTILL_CLI_RESULT_STYLE_H
#define POTSTILL_CLI_RESULT_STYLE_H

#include <stdio.h>

#include "potstill.h"
#include "subtitles.h"

struct result {
    const char *path;
    const char *error;           /* NULL: transcribed */
    const pst_clip_result *clip; /* NULL with an error */
};

struct result_style {
    struct subtitle_style subtitles;
    const char *language; /* "en": what whisper-json says */
    const char *vad;      /* the detector of speech; NULL: none */
    int guarded;          /* json says what is in doubt */
    int channels;         /* each was heard by itself: segments say which they are of */
};

#endif
