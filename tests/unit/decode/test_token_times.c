/* test_token_times.c - the line through pictures of attention that were painted by hand. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "decode/token_times.h"

enum { TOKENS = 5, HEADS = 2, FRAMES = 24 };

/* Head 0 looks at frames 4 t .. 4 t + 3 of token t, head 1 three frames later; both also look at
 * frame 11, for every token. */
static void paint(float *weights) {
    for (int t = 0; t < TOKENS; t++)
        for (int h = 0; h < HEADS; h++)
            for (int f = 0; f < FRAMES; f++) {
                int from = 4 * t + 3 * h;
                weights[(t * HEADS + h) * FRAMES + f] = f == 11                     ? 0.5f
                                                        : f >= from && f < from + 4 ? 0.12f
                                                                                    : 0.001f;
            }
}

static void find(const int *lags, const unsigned char *silent, uint32_t *starts) {
    static float weights[TOKENS * HEADS * FRAMES];
    paint(weights);
    const struct token_picture picture = {weights, TOKENS, HEADS, FRAMES, lags, silent};
    assert_true(token_times_find(&picture, starts));
}

static void follows_the_line(void **state) {
    (void)state;
    const unsigned char silent[FRAMES] = {0};
    const int lags[HEADS] = {0, 3};
    uint32_t starts[TOKENS];
    find(lags, silent, starts);
    for (uint32_t t = 0; t < TOKENS; t++) assert_int_equal(starts[t], 4 * t);
}

static void silent_frames_hold_no_token(void **state) {
    (void)state;
    unsigned char silent[FRAMES] = {0};
    const int lags[HEADS] = {0, 3};
    uint32_t starts[TOKENS];
    memset(silent, 1, 3);
    memset(silent + 8, 1, 2);
    find(lags, silent, starts);
    assert_int_equal(starts[0], 3);
    assert_int_equal(starts[2], 10);
    for (int t = 1; t < TOKENS; t++) assert_true(starts[t] >= starts[t - 1] && !silent[starts[t]]);
}

static void all_may_be_silent(void **state) {
    (void)state;
    unsigned char silent[FRAMES];
    const int lags[HEADS] = {0, 3};
    uint32_t starts[TOKENS];
    memset(silent, 1, sizeof silent);
    find(lags, silent, starts);
    for (uint32_t t = 0; t < TOKENS; t++) assert_int_equal(starts[t], 4 * t);
}

static void lags_may_leave_the_clip(void **state) {
    (void)state;
    const unsigned char silent[FRAMES] = {0};
    const int lags[HEADS] = {-1000, 1000};
    uint32_t starts[TOKENS];
    find(lags, silent, starts);
    for (int t = 1; t < TOKENS; t++) assert_true(starts[t] >= starts[t - 1] && starts[t] < FRAMES);
}

static void more_tokens_than_frames(void **state) {
    (void)state;
    const float weights[6] = {0};
    const unsigned char silent[2] = {0};
    const int lag = 0;
    uint32_t starts[3];
    const struct token_picture picture = {weights, 3, 1, 2, &lag, silent};
    assert_true(token_times_find(&picture, starts));
    for (int t = 1; t < 3; t++) assert_true(starts[t] >= starts[t - 1] && starts[t] < 2);
    const struct token_picture none = {weights, 0, 1, 2, &lag, silent};
    assert_true(token_times_find(&none, starts));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_line),        cmocka_unit_test(silent_frames_hold_no_token),
        cmocka_unit_test(all_may_be_silent),       cmocka_unit_test(lags_may_leave_the_clip),
        cmocka_unit_test(more_tokens_than_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
