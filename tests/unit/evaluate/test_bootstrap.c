/* test_bootstrap.c - intervals of rates, and corrected p values. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "potstill_tools.h"

enum { UNITS = 400 };

static void is_near(double actual, double expected, double bound) {
    if (!(fabs(actual - expected) <= bound)) fail_msg("%.6f, expected %.6f", actual, expected);
}

/* One word a unit, wrong in every fourth: the interval is that of a share of 0.25, 0.25 +- 1.96
 * sqrt(0.25 * 0.75 / 400). Two percentiles of 4000 samples are off by 0.0015 at most. */
static void knows_a_share(void **state) {
    (void)state;
    static double values[UNITS][2];
    for (int i = 0; i < UNITS; i++) {
        values[i][0] = i % 4 == 0;
        values[i][1] = 1;
    }
    const pst_eval_ratio ratio = {.over = 0, .under = 1};
    pst_eval_interval interval, again;
    assert_int_equal(
        pst_eval_bootstrap(&values[0][0], UNITS, 2, &ratio, 1, 4000, 7, &interval, NULL), PST_OK);
    assert_true(interval.value == 0.25);
    is_near(interval.low, 0.25 - 0.04244, 0.0035);
    is_near(interval.high, 0.25 + 0.04244, 0.0035);
    assert_true(interval.p < 0.001);
    pst_eval_bootstrap(&values[0][0], UNITS, 2, &ratio, 1, 4000, 7, &again, NULL);
    assert_memory_equal(&interval, &again, sizeof again);
}

/* Columns: errors of a, of b, of c, words. b has one word in ten right that a has wrong; c errs as
 * often as a, elsewhere. */
static void pairs_differences(void **state) {
    (void)state;
    static double values[UNITS][4];
    for (int i = 0; i < UNITS; i++) {
        values[i][0] = i % 2;
        values[i][1] = i % 2 && i % 10 != 1;
        values[i][2] = (i + 1) % 2;
        values[i][3] = 1;
    }
    const pst_eval_ratio ratios[] = {
        {.over = 1, .under = 3, .minus = 1, .minus_over = 0, .minus_under = 3},
        {.over = 2, .under = 3, .minus = 1, .minus_over = 0, .minus_under = 3},
        {.over = 0, .under = 3, .minus = 1, .minus_over = 0, .minus_under = 3},
    };
    pst_eval_interval intervals[3];
    assert_int_equal(
        pst_eval_bootstrap(&values[0][0], UNITS, 4, ratios, 3, 2000, 1, intervals, NULL), PST_OK);
    is_near(intervals[0].value, -0.1, 1e-12);
    is_near(intervals[0].low, -0.1 - 0.0294, 0.004); /* 1.96 sqrt(0.1 * 0.9 / 400) */
    is_near(intervals[0].high, -0.1 + 0.0294, 0.004);
    is_near(intervals[0].p, 2.0 / 2001, 1e-12);
    assert_true(intervals[1].value == 0 && intervals[1].p > 0.8);
    is_near(intervals[1].high, 0.098, 0.01); /* 1.96 / sqrt(400) */
    assert_true(intervals[2].low == 0 && intervals[2].high == 0 && intervals[2].p == 1);
}

static void has_no_rate_without_words(void **state) {
    (void)state;
    const double values[] = {3, 0};
    const pst_eval_ratio ratio = {.over = 0, .under = 1}, past = {.over = 0, .under = 2};
    pst_eval_interval interval;
    assert_int_equal(pst_eval_bootstrap(values, 1, 2, &ratio, 1, 10, 1, &interval, NULL), PST_OK);
    assert_true(isnan(interval.value) && isnan(interval.low) && isnan(interval.p));
    pst_error err = {0};
    assert_int_equal(pst_eval_bootstrap(values, 0, 2, &ratio, 1, 10, 1, &interval, &err),
                     PST_ERR_ARGUMENT);
    assert_int_equal(pst_eval_bootstrap(values, 1, 2, &ratio, 1, 0, 1, &interval, &err),
                     PST_ERR_ARGUMENT);
    assert_int_equal(pst_eval_bootstrap(values, 1, 2, &past, 1, 10, 1, &interval, &err),
                     PST_ERR_ARGUMENT);
}

/* statsmodels: multipletests([0.01, 0.04, 0.03, 0.005], method="holm") */
static void corrects_as_holm_does(void **state) {
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005}, high[] = {0.9, 0.8}, one[] = {0.03};
    const double expected[] = {0.03, 0.06, 0.06, 0.02};
    pst_eval_holm(p, 4);
    for (int i = 0; i < 4; i++) is_near(p[i], expected[i], 1e-12);
    pst_eval_holm(high, 2);
    assert_true(high[0] == 1 && high[1] == 1);
    pst_eval_holm(one, 1);
    assert_true(one[0] == 0.03);
    pst_eval_holm(one, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_share),
        cmocka_unit_test(pairs_differences),
        cmocka_unit_test(has_no_rate_without_words),
        cmocka_unit_test(corrects_as_holm_does),
    };
    return cmocka_run_group_tests_name("bootstrap", tests, NULL, NULL);
}
