/* test_loudness.c - the loudness rule by hand-made numbers; torch's own are in the oracle tests. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "potstill.h"

static void scales_to_the_target(void **state) {
    (void)state;
    float samples[] = {0.5f, -0.5f, 0.5f, -0.5f}; /* rms 0.5, so the factor is 0.15 */
    assert_int_equal(pst_audio_normalize_rms(samples, 4, NULL), PST_OK);
    float expected = 0.5f * (float)(0.075 / 0.5);
    for (int i = 0; i < 4; i++) assert_true(samples[i] == (i % 2 ? -expected : expected));
}

/* One click in silence has a peak far over its rms. */
static void clamps_the_peaks(void **state) {
    (void)state;
    float samples[1600] = {0};
    samples[3] = 0.5f;
    samples[900] = -0.5f; /* rms 0.0177, factor 4.24 */
    assert_int_equal(pst_audio_normalize_rms(samples, 1600, NULL), PST_OK);
    assert_true(samples[3] == 1.0f);
    assert_true(samples[900] == -1.0f);
    assert_true(samples[4] == 0.0f);
}

static void refuses_silence(void **state) {
    (void)state;
    float silent[64] = {0}, faint[64], audible[64];
    pst_error err;
    assert_int_equal(pst_audio_normalize_rms(silent, 64, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "audio RMS (0) is too low to normalize safely");
    for (int i = 0; i < 64; i++) {
        faint[i] = 0.00099f;
        audible[i] = 0.00101f;
    }
    assert_int_equal(pst_audio_normalize_rms(faint, 64, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "(0.00098999"));
    for (int i = 0; i < 64; i++) assert_true(faint[i] == 0.00099f);
    assert_int_equal(pst_audio_normalize_rms(audible, 64, &err), PST_OK);
    assert_true(fabs(audible[0] - 0.075) < 1e-7);
}

static void refuses_what_has_no_loudness(void **state) {
    (void)state;
    float samples[] = {0.5f, 0.5f, NAN};
    float huge[] = {3e38f, 3e38f};
    pst_error err;
    assert_int_equal(pst_audio_normalize_rms(samples, 3, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "audio sample 2 is not a finite number");
    assert_true(samples[0] == 0.5f && isnan(samples[2]));
    samples[2] = -INFINITY;
    assert_int_equal(pst_audio_normalize_rms(samples, 3, &err), PST_ERR_INPUT);
    assert_int_equal(pst_audio_normalize_rms(huge, 2, &err), PST_ERR_INPUT);
    assert_true(huge[0] == 3e38f);
    assert_int_equal(pst_audio_normalize_rms(samples, 0, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "audio holds no samples");
    assert_int_equal(pst_audio_normalize_rms(NULL, 3, &err), PST_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_to_the_target),
        cmocka_unit_test(clamps_the_peaks),
        cmocka_unit_test(refuses_silence),
        cmocka_unit_test(refuses_what_has_no_loudness),
    };
    return cmocka_run_group_tests_name("loudness", tests, NULL, NULL);
}
