/* breakdown.h - error rates of parts of the set: short and long, quiet and loud, slow and fast. */
#ifndef POTSTILL_CLI_BREAKDOWN_H
#define POTSTILL_CLI_BREAKDOWN_H

#include "eval/evaluation.h"

struct eval_part {
    char *name;
    size_t utterances, words;
    size_t *part_words, *part_errors; /* [systems] over what each has heard */
};

struct eval_breakdown {
    const char *by, *unit; /* "duration", "s" */
    struct eval_part *parts;
    size_t count;
};

/* All that the set knows enough for: `*breakdowns` [*count]. */
void breakdowns_make(const struct evaluation *evaluation, struct eval_breakdown **breakdowns,
                     size_t *count);
void breakdowns_free(struct eval_breakdown *breakdowns, size_t count);

#endif
