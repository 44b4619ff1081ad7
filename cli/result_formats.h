/* result_formats.h - the formats of results as a table. */
#ifndef POTSTILL_CLI_RESULT_FORMATS_H
#define POTSTILL_CLI_RESULT_FORMATS_H

#include "result_style.h"

#define RESULT_FORMAT_NAMES "text|json|jsonl|srt|vtt|tsv|csv|whisper-json"

/* The order of the names. */
enum result_format {
    RESULT_TEXT,
    RESULT_JSON,
    RESULT_JSONL,
    RESULT_SRT,
    RESULT_VTT,
    RESULT_TSV,
    RESULT_CSV,
    RESULT_WHISPER_JSON,
    RESULT_FORMATS
};

struct format {
    const char *extension;
    /* A result that is no error, as a file of its own. */
    void (*print)(FILE *stream, const struct result *result, const struct result_style *style);
    int lines;       /* several results may follow each other on a stream */
    int scored;      /* it shows avg_logprob, which else is not computed */
    int words;       /* it is made of words with times, asked for or not */
    int marks_limit; /* it shows `truncated`, which else is said */
};

extern const struct format result_formats[RESULT_FORMATS];

static inline int formats_have(unsigned formats, enum result_format format) {
    return (int)(formats >> format & 1);
}

#endif
