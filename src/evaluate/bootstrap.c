/* bootstrap.c - how far a rate would move if other utterances had been drawn.
 *
 * Every sample draws as many units as there are, with repetition, and the ratios are computed from
 * its sums. Intervals are the 2.5th and the 97.5th percentile of the samples. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "potstill_tools.h"

static const double TAIL = 0.025; /* on either side, of an interval of 95 % */

/* SplitMix64: the state is a counter, and its bits are mixed. Small, and the same everywhere. */
static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Below `count`, from the upper half of 64 random bits: with fewer than 2^32 units no one is
 * favoured by more than one part in 2^32. */
static size_t next_unit(uint64_t *state, size_t count) {
    return (size_t)((next_random(state) >> 32) * count >> 32);
}

static double divide(const double *sums, size_t over, size_t under) {
    return sums[under] != 0 ? sums[over] / sums[under] : NAN;
}

static double ratio_of(const double *sums, const pst_eval_ratio *ratio) {
    double value = divide(sums, ratio->over, ratio->under);
    return ratio->minus ? value - divide(sums, ratio->minus_over, ratio->minus_under) : value;
}

static void add_rows(double *restrict sums, const double *restrict row, size_t columns,
                     double times) {
    for (size_t i = 0; i < columns; i++) sums[i] += times * row[i];
}

static int compare_numbers(const void *left, const void *right) {
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Between the two sorted numbers that `share` of them lies between. */
static double percentile(const double *sorted, size_t count, double share) {
    double place = share * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (place - (double)below);
}

/* `values` [samples] of a ratio. A sample without a value (nothing to divide by) is left out. */
static void summarize(double *values, size_t samples, pst_eval_interval *interval) {
    size_t count = 0, below = 0, above = 0;
    for (size_t i = 0; i < samples; i++)
        if (!isnan(values[i])) values[count++] = values[i];
    interval->low = interval->high = interval->p = NAN;
    if (count == 0 || isnan(interval->value)) return;
    for (size_t i = 0; i < count; i++) {
        below += values[i] <= 0;
        above += values[i] >= 0;
    }
    /* The value itself is counted as one more sample, so that no p is 0. */
    size_t fewer = below < above ? below : above;
    double p = 2 * (double)(fewer + 1) / (double)(count + 1);
    qsort(values, count, sizeof *values, compare_numbers);
    interval->low = percentile(values, count, TAIL);
    interval->high = percentile(values, count, 1 - TAIL);
    interval->p = p < 1 ? p : 1;
}

/* drawn [count, samples]. How often each unit is drawn is counted first, `times` [units]: these lie
 * in a near cache, and the rows are then read one after the other. */
static void draw(const double *values, size_t units, size_t columns, const pst_eval_ratio *ratios,
                 size_t count, size_t samples, uint64_t seed, uint32_t *times, double *sums,
                 double *drawn) {
    for (size_t s = 0; s < samples; s++) {
        memset(sums, 0, columns * sizeof *sums);
        memset(times, 0, units * sizeof *times);
        for (size_t i = 0; i < units; i++) times[next_unit(&seed, units)]++;
        for (size_t i = 0; i < units; i++)
            add_rows(sums, values + i * columns, columns, (double)times[i]);
        for (size_t i = 0; i < count; i++) drawn[i * samples + s] = ratio_of(sums, &ratios[i]);
    }
}

static pst_status check(size_t units, size_t columns, const pst_eval_ratio *ratios, size_t count,
                        uint32_t samples, pst_error *err) {
    if (units == 0 || units > UINT32_MAX || samples == 0)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_eval_bootstrap: %zu units and %u samples, expected at least 1 of "
                         "both, and fewer than 2^32 units",
                         units, (unsigned)samples);
    for (size_t i = 0; i < count; i++) {
        const pst_eval_ratio *ratio = &ratios[i];
        int minus = ratio->minus != 0;
        if (ratio->over >= columns || ratio->under >= columns ||
            (minus && (ratio->minus_over >= columns || ratio->minus_under >= columns)))
            return error_set(err, PST_ERR_ARGUMENT,
                             "pst_eval_bootstrap: ratio %zu is of a column past the %zu there are",
                             i, columns);
    }
    return PST_OK;
}

pst_status pst_eval_bootstrap(const double *values, size_t units, size_t columns,
                              const pst_eval_ratio *ratios, size_t count, uint32_t samples,
                              uint64_t seed, pst_eval_interval *intervals, pst_error *err) {
    if (!values || !ratios || !intervals)
        return error_set(err, PST_ERR_ARGUMENT, "pst_eval_bootstrap: a pointer is NULL");
    pst_status status = check(units, columns, ratios, count, samples, err);
    if (status) return status;
    double *sums = calloc(columns + 1, sizeof *sums);
    double *drawn = calloc(count * samples + 1, sizeof *drawn);
    uint32_t *times = calloc(units, sizeof *times);
    if (sums && drawn && times) {
        for (size_t i = 0; i < units; i++) add_rows(sums, values + i * columns, columns, 1);
        for (size_t i = 0; i < count; i++)
            intervals[i] = (pst_eval_interval){.value = ratio_of(sums, &ratios[i])};
        draw(values, units, columns, ratios, count, samples, seed, times, sums, drawn);
        for (size_t i = 0; i < count; i++) summarize(drawn + i * samples, samples, &intervals[i]);
    } else {
        status = error_memory(err, (columns + count * samples + units) * sizeof *drawn);
    }
    free(times);
    free(sums);
    free(drawn);
    return status;
}

/* From the least p on: each is multiplied by how many are no smaller, and none falls below the one
 * before it. Few enough are corrected together that looking for the least is no work. */
void pst_eval_holm(double *p, size_t count) {
    unsigned char *done = calloc(count + 1, 1);
    double floor = 0;
    for (size_t left = count; done && left > 0; left--) {
        size_t least = count;
        for (size_t i = 0; i < count; i++)
            if (!done[i] && (least == count || p[i] < p[least])) least = i;
        double corrected = p[least] * (double)left;
        if (corrected > 1) corrected = 1;
        if (corrected > floor) floor = corrected;
        p[least] = isnan(p[least]) ? p[least] : floor;
        done[least] = 1;
    }
    free(done);
}
