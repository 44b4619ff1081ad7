/* results.h - transcripts in any format, one after the other, on one stream or as files.
 *
 * On a stream each result is printed as it comes, a line each, so json is written piece by piece:
 * the brackets here, the objects by jansson. In a folder each result is a file of each format,
 * named as its input (result_folder.h). */
#ifndef POTSTILL_CLI_RESULTS_H
#define POTSTILL_CLI_RESULTS_H

#include "output.h"
#include "result_formats.h"

struct results {
    struct output output;
    const char *folder; /* NULL: the output */
    unsigned formats;   /* bit of each enum result_format asked for; of an output: one */
    struct result_style style;
    int named;    /* text: "path: transcript" */
    size_t total; /* results there will be */
    size_t count; /* added so far */
    size_t parts; /* segments of the next result that are printed already */
    int begun;    /* its line has text */
};

/* 0, or an exit code with the reason printed: the results have no reader. */
/* Prints segments of the next result before it is added, where that can be done: text without
 * names, on standard output. */
int results_add_segments(struct results *results, const pst_segment *segments, size_t count);
int results_add(struct results *results, const struct result *result);
/* Closes the array, if there is one; the output stays open. 0, or an exit code. */
int results_end(struct results *results);

#endif
