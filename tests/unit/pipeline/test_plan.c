/* test_plan.c - which stretches of speech become a segment. */
#include "support/test.h"

#include "pipeline/speech/plan.h"
#include "potstill.h"

enum { RATE = PST_SAMPLE_RATE_HZ, TENTH = RATE / 10 };

/* Stretches in tenths of a second: start, end, start, end, .., 0. */
static size_t fill(struct speech *list, const int *tenths) {
    size_t count = 0;
    for (; tenths[2 * count + 1]; count++)
        list[count] = (struct speech){(uint64_t)tenths[2 * count] * TENTH,
                                      (uint64_t)tenths[2 * count + 1] * TENTH};
    return count;
}

/* The pause before 8 s is the noisy one. */
static int noisy(void *user, uint64_t from, uint64_t to) {
    (void)user;
    (void)from;
    return to == 8 * RATE;
}

static int plan(const int *tenths, int heard, int ended, struct plan *found) {
    struct plan_limits limits = plan_limits_of(30 * RATE, 400);
    struct speech list[32];
    size_t count = fill(list, tenths);
    struct plan_sound sound = {.quiet = (uint64_t)heard * TENTH,
                               .heard = (uint64_t)heard * TENTH,
                               .ended = ended,
                               .noisy = noisy};
    return plan_next(&limits, list, count, &sound, found);
}

static void expect(const struct plan *found, int start, int end, size_t taken) {
    assert_int_equal(found->start / (TENTH / 10), start * 10);
    assert_int_equal(found->end / (TENTH / 10), end * 10);
    assert_int_equal(found->taken, taken);
    assert_false(found->cut);
}

static void margins_stay_within_their_half(void **state) {
    (void)state;
    struct plan found;
    assert_true(plan((const int[]){10, 50, 53, 60, 0, 0}, 62, 1, &found));
    expect(&found, 6, 62, 2);
    assert_true(plan((const int[]){2, 90, 100, 130, 0, 0}, 300, 0, &found)); /* a long pause */
    expect(&found, 0, 94, 1);
    assert_true(plan((const int[]){2, 22, 44, 60, 0, 0}, 300, 0, &found)); /* a very long one */
    expect(&found, 0, 26, 1);
}

static void the_longest_pause_ends_it(void **state) {
    (void)state;
    struct plan found;
    const int speech[] = {0, 60, 66, 100, 104, 150, 157, 200, 204, 260, 263, 310, 0, 0};
    assert_false(plan(speech, 280, 0, &found)); /* more may come that is better */
    assert_true(plan(speech, 310, 0, &found));
    assert_int_equal(found.taken, 3);
    /* A pause too early for a segment of its own does not count, if there is another. */
    const int early[] = {0, 60, 69, 100, 103, 180, 183, 330, 0, 0};
    assert_true(plan(early, 330, 0, &found));
    assert_int_equal(found.taken, 3);
}

static void a_noise_ends_it(void **state) {
    (void)state;
    struct plan found;
    assert_true(plan((const int[]){0, 70, 80, 120, 0, 0}, 200, 1, &found));
    expect(&found, 0, 74, 1);
    assert_true(plan((const int[]){0, 60, 70, 120, 0, 0}, 124, 1, &found)); /* another pause */
    expect(&found, 0, 124, 2);
}

static void speech_without_a_pause_is_cut(void **state) {
    (void)state;
    struct plan found;
    assert_false(plan((const int[]){0, 280, 0, 0}, 280, 0, &found));
    assert_true(plan((const int[]){0, 400, 0, 0}, 400, 0, &found));
    assert_true(found.cut && found.taken == 0 && found.end < 28 * RATE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_stay_within_their_half),
        cmocka_unit_test(the_longest_pause_ends_it),
        cmocka_unit_test(a_noise_ends_it),
        cmocka_unit_test(speech_without_a_pause_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
