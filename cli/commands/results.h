/* results.h - transcripts as text, json or jsonl, one after the other.
 *
 * Each result is printed as it comes, a line each, so json is written piece by piece: the brackets
 * here, the objects by jansson. */
#ifndef POTSTILL_CLI_RESULTS_H
#define POTSTILL_CLI_RESULTS_H

#include "output.h"
#include "potstill.h"

/* The order of the choices of --format. */
enum result_format { RESULT_TEXT, RESULT_JSON, RESULT_JSONL };

struct results {
    struct output output;
    enum result_format format;
    int named;    /* text: "path: transcript" */
    size_t total; /* results there will be */
    size_t count; /* added so far */
};

struct result {
    const char *path;
    const char *error;           /* NULL: transcribed */
    const pst_clip_result *clip; /* NULL with an error */
};

/* 0, or an exit code with the reason printed: the results have no reader. */
int results_add(struct results *results, const struct result *result);
/* Closes the array, if there is one; the output stays open. 0, or an exit code. */
int results_end(struct results *results);

#endif
