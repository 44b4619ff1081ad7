/* pauses.c - see pauses.h.
 *
 * The measure is loudness in steps of 5 ms, which is as finely as starts of words can be told. The
 * limit lies between the loudness of what is quietest and what is loudest in this recording. */
#include "audio/pauses.h"

#include <math.h>
#include <stdlib.h>

#include "potstill.h"

enum { STEP_SAMPLES = PST_SAMPLE_RATE_HZ / 200 };
static const double STEP_SECONDS = (double)STEP_SAMPLES / PST_SAMPLE_RATE_HZ;

/* Closures of consonants (p, t, k) are shorter. */
static const double SECONDS_MIN = 0.1;
/* Of the way, in dB, from the quietest to the loudest: breaths lie below it. Of 0.3, 0.4 and 0.5
 * the last gave the best ends of words (docs/TIMES.md). */
static const double LIMIT = 0.5;
static const double QUIETEST = 0.1, LOUDEST = 0.95;
/* Digital silence is not the floor of a room; and without this much between them all is speech. */
static const double RANGE_MAX_DB = 60, RANGE_MIN_DB = 12;

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* levels [steps]: dB of each step and its neighbours. */
static void measure(const float *samples, size_t steps, float *levels, float *energies) {
    for (size_t i = 0; i < steps; i++) {
        float sum = 0;
        for (size_t k = 0; k < STEP_SAMPLES; k++) {
            float x = samples[i * STEP_SAMPLES + k];
            sum += x * x;
        }
        energies[i] = sum / STEP_SAMPLES;
    }
    for (size_t i = 0; i < steps; i++) {
        float before = i ? energies[i - 1] : 0, behind = i + 1 < steps ? energies[i + 1] : 0;
        levels[i] = 10 * log10f((before + energies[i] + behind) / 3 + 1e-12f);
    }
}

/* The limit, in dB; `sorted` [steps] is scratch. -INFINITY: nothing is below it. */
static double find_limit(const float *levels, size_t steps, float *sorted) {
    for (size_t i = 0; i < steps; i++) sorted[i] = levels[i];
    qsort(sorted, steps, sizeof *sorted, ascending);
    double top = sorted[(size_t)(LOUDEST * (double)(steps - 1))];
    double floor = fmax(sorted[(size_t)(QUIETEST * (double)(steps - 1))], top - RANGE_MAX_DB);
    return top - floor < RANGE_MIN_DB ? -INFINITY : floor + LIMIT * (top - floor);
}

int pauses_find(const float *samples, size_t count, struct pause **pauses, size_t *pause_count) {
    size_t steps = count / STEP_SAMPLES, found = 0;
    *pauses = NULL;
    *pause_count = 0;
    if (steps < 2) return 1;
    float *levels = malloc(2 * steps * sizeof *levels);
    struct pause *list = malloc((steps / 2 + 1) * sizeof *list);
    if (levels && list) {
        measure(samples, steps, levels, levels + steps);
        double limit = find_limit(levels, steps, levels + steps);
        for (size_t i = 0, end; i < steps; i = end + 1) {
            for (end = i; end < steps && levels[end] < limit;) end++;
            double seconds = (double)(end - i) * STEP_SECONDS;
            if (end == i || (seconds < SECONDS_MIN && i > 0 && end < steps)) continue;
            list[found++] = (struct pause){(double)i * STEP_SECONDS, (double)end * STEP_SECONDS};
        }
    }
    int done = levels && list;
    free(levels);
    if (!done || !found) {
        free(list);
        return done;
    }
    *pauses = list;
    *pause_count = found;
    return 1;
}
