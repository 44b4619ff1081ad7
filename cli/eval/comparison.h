/* comparison.h - which of two systems is better, and how sure that is. */
#ifndef POTSTILL_CLI_COMPARISON_H
#define POTSTILL_CLI_COMPARISON_H

#include "eval/evaluation.h"

/* The unit of the bootstrap that each item belongs to: [set->count] of numbers below `*units`, to
 * be freed. */
size_t *eval_units(const struct eval_set *set, int by_group, size_t *units);

/* Compares the systems a and b of `comparison`; its p_adjusted and verdict are left to
 * comparisons_judge(). 0, or an exit code with the reason printed. */
int comparison_make(struct eval_comparison *comparison, const struct evaluation *evaluation,
                    const struct eval_settings *settings);
/* Corrects for how many comparisons there are, and judges each. */
void comparisons_judge(struct eval_comparison *comparisons, size_t count);

/* What it says, in a sentence without a full stop; to be freed. */
char *comparison_text(const struct eval_comparison *comparison, const struct eval_system *systems);

#endif
