/* test_kmeans.c - the best parting of values into runs, against every parting there is. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#include "coreml/weights/kmeans.h"

enum { SMALL = 12 };

static double cost_of(const double *values, const uint64_t *counts, size_t first, size_t last) {
    double mean = kmeans_mean(values, counts, first, last), cost = 0;
    for (size_t i = first; i < last; i++)
        cost += (double)counts[i] * (values[i] - mean) * (values[i] - mean);
    return cost;
}

/* The least cost of `runs` runs over values [first, count), by trying every end
 * of the first one. */
static double try_all(const double *values, const uint64_t *counts, size_t first, size_t count,
                      size_t runs) {
    if (runs == 1) return cost_of(values, counts, first, count);
    double least = INFINITY;
    for (size_t end = first + 1; end + runs - 1 <= count; end++) {
        double cost =
            cost_of(values, counts, first, end) + try_all(values, counts, end, count, runs - 1);
        if (cost < least) least = cost;
    }
    return least;
}

static double total(const double *values, const uint64_t *counts, const size_t *starts,
                    size_t runs) {
    double sum = 0;
    for (size_t i = 0; i < runs; i++) sum += cost_of(values, counts, starts[i], starts[i + 1]);
    return sum;
}

static void check(const double *values, const uint64_t *counts, size_t count, size_t most) {
    size_t starts[SMALL + 1];
    size_t runs = kmeans_runs(values, counts, count, most, starts, NULL);
    assert_int_equal(runs, most < count ? most : count);
    assert_int_equal(starts[0], 0);
    assert_int_equal(starts[runs], count);
    for (size_t i = 0; i < runs; i++) assert_true(starts[i] < starts[i + 1]);
    double found = total(values, counts, starts, runs);
    double least = try_all(values, counts, 0, count, runs);
    if (found > least + 1e-12 * (1 + least))
        fail_msg("%zu values in %zu runs cost %.17g, %.17g is possible", count, runs, found, least);
}

static unsigned next_random(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void random_values_are_parted_best(void **state) {
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 300; round++) {
        double values[SMALL], at = -1;
        uint64_t counts[SMALL];
        size_t count = 1 + next_random(&seed) % SMALL;
        for (size_t i = 0; i < count; i++) {
            values[i] = at += (1 + next_random(&seed) % 1000) / 500.0;
            counts[i] = 1 + next_random(&seed) % 9;
        }
        for (size_t most = 1; most <= count + 1; most++) check(values, counts, count, most);
    }
}

/* Evenly spaced values have many best partings, and numbers of runs that no price singles out. */
static void even_values_are_parted_best(void **state) {
    (void)state;
    for (size_t count = 1; count <= SMALL; count++) {
        double values[SMALL];
        uint64_t counts[SMALL];
        for (size_t i = 0; i < count; i++) {
            values[i] = (double)i;
            counts[i] = 3;
        }
        for (size_t most = 1; most <= count; most++) check(values, counts, count, most);
    }
}

/* Values of very different sizes: what is lost next to a large one is small. */
static void far_values_are_parted(void **state) {
    (void)state;
    double values[] = {-60000, -1, -0.5, -6e-8, 0, 6e-8, 0.25, 1, 3, 65504};
    uint64_t counts[] = {1, 1000, 20, 3, 9000, 3, 77, 1, 1, 2};
    size_t starts[11];
    assert_int_equal(kmeans_runs(values, counts, 10, 4, starts, NULL), 4);
    assert_int_equal(starts[1], 1);
    assert_int_equal(starts[3], 9);
}

/* A large case by both ways: prices, and the table for a number of runs that they pass over. */
static void many_values_are_parted_alike(void **state) {
    (void)state;
    enum { MANY = 4000, RUNS = 64 };
    double *values = malloc(MANY * sizeof *values);
    uint64_t *counts = malloc(MANY * sizeof *counts);
    size_t starts[RUNS + 1], local[RUNS + 1];
    unsigned seed = 7;
    double at = 0;
    for (size_t i = 0; i < MANY; i++) {
        values[i] = at += 1e-6 * (1 + next_random(&seed) % 100);
        counts[i] = 1 + next_random(&seed) % 50;
    }
    assert_int_equal(kmeans_runs(values, counts, MANY, RUNS, starts, NULL), RUNS);
    double found = total(values, counts, starts, RUNS);
    /* No border can be moved by one value to advantage. */
    for (size_t i = 1; i < RUNS; i++)
        for (int step = -1; step <= 1; step += 2) {
            for (size_t j = 0; j <= RUNS; j++) local[j] = starts[j];
            local[i] += (size_t)step;
            if (local[i] <= local[i - 1] || local[i] >= local[i + 1]) continue;
            assert_true(total(values, counts, local, RUNS) >= found * (1 - 1e-9));
        }
    free(values);
    free(counts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_values_are_parted_best),
        cmocka_unit_test(even_values_are_parted_best),
        cmocka_unit_test(far_values_are_parted),
        cmocka_unit_test(many_values_are_parted_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
