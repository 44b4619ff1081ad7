/* speed.c - see speed.h. */
#include "eval/speed.h"

#include <math.h>
#include <stdlib.h>

#include "console.h"

/* The least number that `share` of them do not exceed. */
static double percentile(const double *sorted, size_t count, double share) {
    size_t place = (size_t)ceil(share * (double)count);
    return sorted[place > 0 ? place - 1 : 0];
}

struct eval_speed speed_of(const struct evaluation *evaluation, size_t system) {
    const struct eval_heard *heard = &evaluation->heard[system];
    struct eval_speed speed = {NAN, NAN, NAN, NAN};
    if (heard->seconds > 0) speed.real_time_factor = heard->work_seconds / heard->seconds;
    if (!heard->ms) return speed;
    double *sorted = need(calloc(evaluation->set.count + 1, sizeof *sorted));
    size_t count = 0;
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (eval_has(evaluation, system, i) && isfinite(heard->ms[i]))
            sorted[count++] = heard->ms[i];
    if (count) {
        qsort(sorted, count, sizeof *sorted, eval_compare_numbers);
        speed.p50_ms = percentile(sorted, count, 0.5);
        speed.p90_ms = percentile(sorted, count, 0.9);
        speed.p99_ms = percentile(sorted, count, 0.99);
    }
    free(sorted);
    return speed;
}
