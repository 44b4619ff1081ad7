/* test_spans.c - spans by thread, and the wall clock shared out among stages. */
#include "support/test.h"

#include "base/spans.h"
#include "potstill_tools.h"

static void nobody_watching(void **state) {
    (void)state;
    assert_int_equal(spans_start(NULL), 0);
    spans_end(NULL, 0, PST_STAGE_STEM, "stem", 0);
    spans_clear(NULL);
    spans_free(NULL);
}

static void keeps_each_thread_apart(void **state) {
    (void)state;
    struct spans *spans;
    pst_error err;
    size_t count, lost;
    assert_int_equal(spans_new(&spans, 2, &err), PST_OK);
    for (int i = 0; i < 3000; i++) /* more than a list has room for at first */
        spans_end(spans, i % 3 == 0, PST_STAGE_DETAIL, "work", spans_start(spans));
    const pst_span *all = spans_all(spans, &count, &lost);
    assert_int_equal(count, 3000);
    assert_int_equal(lost, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].thread, i >= 2000);
        assert_true(all[i].end_ns >= all[i].start_ns);
        if (i > 0 && i != 2000) assert_true(all[i].end_ns >= all[i - 1].end_ns);
    }
    spans_clear(spans);
    spans_all(spans, &count, &lost);
    assert_int_equal(count, 0);
    spans_free(spans);
}

static void shares_the_clock(void **state) {
    (void)state;
    static const uint64_t MS = 1000000;
    const pst_span spans[] = {
        {"stem", PST_STAGE_STEM, 0, 10 * MS, 20 * MS},       /* both at it */
        {"stem", PST_STAGE_STEM, 1, 10 * MS, 16 * MS},       /* one until 20 */
        {"encoder", PST_STAGE_ENCODER, 1, 16 * MS, 20 * MS}, /* half of 4 each */
        {"inside", PST_STAGE_DETAIL, 1, 16 * MS, 18 * MS},
        {"decoder", PST_STAGE_DECODER, 0, 30 * MS, 35 * MS}, /* after 10 of nothing */
    };
    double ms[PST_STAGE_COUNT];
    pst_error err;
    assert_int_equal(pst_spans_by_stage(spans, 5, ms, &err), PST_OK);
    assert_float_equal(ms[PST_STAGE_STEM], 8, 1e-9);
    assert_float_equal(ms[PST_STAGE_ENCODER], 2, 1e-9);
    assert_float_equal(ms[PST_STAGE_CROSS], 0, 1e-9);
    assert_float_equal(ms[PST_STAGE_DECODER], 5, 1e-9);
    assert_int_equal(pst_spans_by_stage(NULL, 0, ms, &err), PST_OK);
    assert_float_equal(ms[PST_STAGE_STEM], 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_watching),
        cmocka_unit_test(keeps_each_thread_apart),
        cmocka_unit_test(shares_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
