/* eval_screen.h - an evaluation as people read it: a table, sentences, and the errors. */
#ifndef POTSTILL_CLI_EVAL_SCREEN_H
#define POTSTILL_CLI_EVAL_SCREEN_H

#include <stdio.h>

#include "eval/evaluation.h"

/* A row for each system, then what the comparisons say. */
void eval_print_summary(FILE *out, const struct evaluation *evaluation, int no_timing);
/* Of every utterance with an error: both texts under each other, in as many lines as `width`
 * columns need. What differs is marked by a line below it, and by colour with `colours`. */
void eval_print_errors(FILE *out, const struct evaluation *evaluation, unsigned width, int colours);

#endif
