/* eval_gate.h - thresholds: may what was evaluated go out? */
#ifndef POTSTILL_CLI_EVAL_GATE_H
#define POTSTILL_CLI_EVAL_GATE_H

#include <math.h>

#include "eval/evaluation.h"

struct eval_gate {
    double max_wer;            /* NAN: none */
    const char *no_worse_than; /* results.json; NULL: none */
    double margin;             /* points; NAN: 0 */
};
#define EVAL_GATE_OPEN                                                                             \
    { .max_wer = NAN, .margin = NAN }

/* Each: 0, or an exit code with the reason printed. */
/* Before the work begins. */
int eval_gate_check(const struct eval_gate *gate);
/* The rate of the last system in the file that it names; `wer` may be NULL. */
int eval_gate_read(const struct eval_gate *gate, double *wer);
/* Of the last system: EXIT_THRESHOLD when a threshold is missed. */
int eval_gate_judge(const struct eval_gate *gate, const struct evaluation *evaluation);

#endif
