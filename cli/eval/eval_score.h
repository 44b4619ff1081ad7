/* eval_score.h - from texts to rates with intervals, and to what is better. */
#ifndef POTSTILL_CLI_EVAL_SCORE_H
#define POTSTILL_CLI_EVAL_SCORE_H

#include "eval/evaluation.h"

/* Aligns, scores and compares what is heard. 0, or an exit code with the reason printed. */
int evaluation_score(struct evaluation *evaluation, const struct eval_settings *settings);

#endif
