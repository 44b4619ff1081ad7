/* speed.h - how fast a system was: the one place of an evaluation that differs from run to run. */
#ifndef POTSTILL_CLI_SPEED_H
#define POTSTILL_CLI_SPEED_H

#include "eval/evaluation.h"

/* NAN: not known. */
struct eval_speed {
    double real_time_factor;       /* seconds of work for a second of sound, all threads together */
    double p50_ms, p90_ms, p99_ms; /* of single utterances */
};

struct eval_speed speed_of(const struct evaluation *evaluation, size_t system);

#endif
