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
    int named;       /* text: "path: transcript" */
    size_t total;    /* results there will be */
    size_t count;    /* added so far */
    size_t parts;    /* segments of the next result that are printed already */
    int begun;       /* its line has text */
    const char *vad; /* the detector of speech; NULL: none */
    int guarded;     /* json says what is in doubt */
};

struct result {
    const char *path;
    const char *error;           /* NULL: transcribed */
    const pst_clip_result *clip; /* NULL with an error */
};

/* 0, or an exit code with the reason printed: the results have no reader. */
/* Prints segments of the next result before it is added, where that can be done: text without
 * names, on standard output. */
int results_add_segments(struct results *results, const pst_segment *segments, size_t count);
int results_add(struct results *results, const struct result *result);
/* Closes the array, if there is one; the output stays open. 0, or an exit code. */
int results_end(struct results *results);

#endif
