/* results_file.h - results.json: everything an evaluation has found out.
 *
 * docs/EVAL.md has its form. It is printed as it goes, utterances last: a tree of a hundred
 * thousand of them would not fit the memory. */
#ifndef POTSTILL_CLI_RESULTS_FILE_H
#define POTSTILL_CLI_RESULTS_FILE_H

#include <stdio.h>

#include "eval/eval_terms.h"
#include "eval/evaluation.h"

/* What the file says of how it was made. */
struct results_about {
    const char *title;              /* NULL: none */
    const char *normalizer, *map;   /* map NULL: none */
    const char *precision, *decode; /* NULL: nothing was run */
    const char *by_group;           /* NULL: none */
    uint64_t seed;
    uint32_t samples;
    int no_timing;      /* leaves out whatever differs from run to run */
    size_t embed_bytes; /* of sound in report.html */
};

/* `canary` and `terms` may be NULL. */
void results_print(FILE *out, const struct evaluation *evaluation, const struct evaluation *canary,
                   const struct eval_terms *terms, const struct results_about *about);

#endif
