/* logits.h - from the last rows of a step to logits, or to the best token alone.
 *
 * The output matrix is half of what a step reads. logits_search() reads a quarter of it: products
 * with the matrix as int8 come with a bound of how far from the float32 logits they can be, so
 * nearly every token is proven not to be the best, and the few that are left get their float32
 * logit. What it finds is what a search of all float32 logits finds, to the bit. */
#ifndef PST_NETWORK_LOGITS_H
#define PST_NETWORK_LOGITS_H

#include "network/workspace.h"

/* What a search of one row of logits is after. */
struct logits_best {
    size_t token; /* the first of those with the highest logit */
    float logit;
    float margin; /* to the second highest */
};

/* Searches row `row` of the `rows` of the last step, none of which is a beam: rows <= extent.ahead.
 * Returns 0 when all logits are needed: adapters change the matrix, it is not packed, it or the row
 * is not finite, or too many tokens are too near the best. On success ws->logits.all has the
 * approximate logits of all tokens, of all rows. The first search of a step reads the matrix, for
 * all of them; what is found of a row does not depend on those beside it. */
int logits_search(struct workspace *ws, size_t rows, size_t row, struct logits_best *best);

/* ws->logits.all [rows, vocab] of the rows in ws->step.normed: in float32 at that precision and
 * where the matrix is adapted, else with weights and rows as int8. */
void logits_compute(struct workspace *ws, size_t rows);

#endif
