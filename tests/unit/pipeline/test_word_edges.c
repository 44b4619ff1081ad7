/* test_word_edges.c - word times beside pauses. */
#include "support/test.h"

#include <math.h>

#include "pipeline/word_edges.h"

static void expect(const struct word_time *times, size_t count, const double *edges) {
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(times[i].start - edges[2 * i]) < 1e-9);
        assert_true(fabs(times[i].end - edges[2 * i + 1]) < 1e-9);
    }
}

static void words_end_at_pauses(void **state) {
    (void)state;
    struct word_time times[] = {{0.1, 1.0}, {1.0, 1.6}, {1.6, 2.9}};
    const struct pause pauses[] = {{0, 0.3}, {0.85, 0.95}, {2.5, 3}};
    const double edges[] = {0.3, 0.85, 0.95, 1.6, 1.6, 2.5};
    word_edges_refine(times, 3, pauses, 3, 3);
    expect(times, 3, edges);
}

static void pauses_far_from_boundaries_are_in_a_word(void **state) {
    (void)state;
    struct word_time times[] = {{0, 1.0}, {1.0, 2.0}};
    const struct pause pauses[] = {{0.4, 0.6}};
    const double edges[] = {0, 1, 1, 2};
    word_edges_refine(times, 2, pauses, 1, 2);
    expect(times, 2, edges);
}

static void sound_between_two_pauses_is_no_word(void **state) {
    (void)state;
    struct word_time times[] = {{0, 1.0}, {1.0, 2.0}};
    const struct pause pauses[] = {{0.9, 1.05}, {1.1, 1.25}};
    const double edges[] = {0, 0.9, 1.25, 2};
    word_edges_refine(times, 2, pauses, 2, 2);
    expect(times, 2, edges);
}

static double chance(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) / 16777216.0;
}

static void always_in_order(void **state) {
    (void)state;
    unsigned seed = 3;
    for (int run = 0; run < 2000; run++) {
        struct word_time times[12];
        struct pause pauses[8];
        double at = 0, pause_at = 0;
        for (int i = 0; i < 12; i++) {
            times[i].start = at;
            at += 0.3 * chance(&seed) * (chance(&seed) < 0.8);
            times[i].end = at;
        }
        for (int i = 0; i < 8; i++) {
            pauses[i].start = pause_at + (i ? 0.2 * chance(&seed) : 0);
            pause_at = pauses[i].end = pauses[i].start + 0.1 + 0.3 * chance(&seed);
        }
        word_edges_refine(times, 12, pauses, 8, 2.5);
        for (int i = 0; i < 12; i++) {
            assert_true(times[i].start >= (i ? times[i - 1].end : 0));
            assert_true(times[i].end >= times[i].start && times[i].end <= 2.5);
        }
    }
    word_edges_refine(NULL, 0, NULL, 0, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_end_at_pauses),
        cmocka_unit_test(pauses_far_from_boundaries_are_in_a_word),
        cmocka_unit_test(sound_between_two_pauses_is_no_word),
        cmocka_unit_test(always_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
