/* test_levels.c - what is said of a recording: a silent side, clipping, far too quiet. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "audio/levels.h"

enum { RATE_HZ = 8000, FRAMES = 3 * RATE_HZ, BLOCK = 999 };

static float frames[FRAMES * 2], mono[FRAMES];
static char lines[LEVELS_WARNINGS_MAX][LEVELS_WARNING_BYTES];

/* A tone in both channels, as loud as that. */
static void fill(double left, double right) {
    for (size_t i = 0; i < FRAMES; i++) {
        double x = sin((double)i * 0.3);
        frames[2 * i] = (float)(left * x);
        frames[2 * i + 1] = (float)(right * x);
    }
}

/* All of it in blocks that fit nothing. */
static size_t warnings(int channels, uint32_t channel, int alone, int format) {
    struct levels levels;
    SF_INFO info = {.samplerate = RATE_HZ, .channels = channels, .format = format};
    levels_begin(&levels, &info, channel);
    if (channel)
        mono_pick(frames, FRAMES, channels, channel, mono);
    else
        mono_mix(frames, FRAMES, channels, mono);
    for (size_t i = 0; i < FRAMES; i += BLOCK) {
        size_t count = FRAMES - i < BLOCK ? FRAMES - i : BLOCK;
        levels_add(&levels, frames + i * (size_t)channels, mono + i, count);
    }
    return levels_warnings(&levels, alone, lines);
}

static size_t stereo(void) {
    return warnings(2, 0, 0, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
}

static void good_sound_needs_no_word(void **state) {
    (void)state;
    fill(0.5, 0.5);
    assert_int_equal(stereo(), 0);
    fill(0.9, 0.05);
    assert_int_equal(stereo(), 0);
    fill(0.01, 0.01);
    assert_int_equal(stereo(), 0);
    struct levels levels;
    SF_INFO info = {.samplerate = RATE_HZ, .channels = 1, .format = SF_FORMAT_PCM_16};
    levels_begin(&levels, &info, 0);
    assert_int_equal(levels_warnings(&levels, 0, lines), 0);
}

static void a_silent_side(void **state) {
    (void)state;
    fill(0.5, 0);
    assert_int_equal(stereo(), 1);
    assert_string_equal(
        lines[0], "channel 2 of 2 is silent, so that in the mix the other has half its level: "
                  "channel 1 alone has all of it");
    fill(0.004, 0.5); /* 42 dB below */
    assert_int_equal(stereo(), 1);
    assert_non_null(strstr(lines[0], "channel 1 of 2 is silent"));
    fill(0.006, 0.5); /* 38 */
    assert_int_equal(stereo(), 0);
    /* The good one alone is good. */
    fill(0.5, 0);
    assert_int_equal(warnings(2, 1, 0, SF_FORMAT_PCM_16), 0);
    assert_int_equal(warnings(2, 2, 1, SF_FORMAT_PCM_16), 0);
    assert_int_equal(warnings(2, 2, 0, SF_FORMAT_PCM_16), 1);
    assert_non_null(strstr(lines[0], "there is no sound in it"));
}

/* Loud sound as a recorder with so many bits writes it. */
static void clip(double scale) {
    for (size_t i = 0; i < 2 * FRAMES; i++) {
        double x = frames[i] * 32768.0;
        frames[i] = (float)(fmin(fmax(x, -32768.0), 32767.0) / 32768.0 * scale);
    }
}

static void clipping(void **state) {
    (void)state;
    fill(1.5, 1.5);
    clip(1);
    assert_int_equal(stereo(), 1);
    assert_non_null(strstr(lines[0], "the sound is clipped: 5"));
    assert_non_null(strstr(lines[0], "% of the samples are at full scale"));
    /* Normalised to full scale: its peaks touch it, one sample each. */
    fill(1, 1);
    clip(1);
    assert_int_equal(stereo(), 0);
    /* Of a telephone, full scale is less. */
    fill(1.5, 1.5);
    clip(32124 / 32768.0);
    assert_int_equal(stereo(), 0);
    assert_int_equal(warnings(2, 0, 0, SF_FORMAT_WAV | SF_FORMAT_ULAW), 1);
    /* One of two. */
    fill(1.5, 0.5);
    clip(1);
    assert_int_equal(warnings(2, 2, 0, SF_FORMAT_PCM_16), 0);
    assert_int_equal(warnings(2, 1, 1, SF_FORMAT_PCM_16), 1);
    assert_non_null(strstr(lines[0], "channel 1: the sound is clipped"));
}

static void far_too_quiet(void **state) {
    (void)state;
    fill(0.001, 0.001); /* -63 dB */
    assert_int_equal(stereo(), 1);
    assert_string_equal(lines[0], "the sound is far too quiet: its loudest second has -63 dB of "
                                  "full scale, expected more than -60");
    fill(0.002, 0.002);
    assert_int_equal(stereo(), 0);
    fill(0, 0);
    assert_int_equal(stereo(), 1);
    assert_string_equal(lines[0], "there is no sound in it: its loudest second is below -90 dB of "
                                  "full scale");
    /* A loud second in a quiet hour is enough. */
    fill(0.0005, 0.0005);
    for (size_t i = 0; i < 2 * RATE_HZ; i++) frames[i] *= 100;
    assert_int_equal(stereo(), 0);
    /* Less than a second. */
    struct levels levels;
    SF_INFO info = {.samplerate = 2 * FRAMES, .channels = 1, .format = SF_FORMAT_PCM_16};
    fill(0.0005, 0.0005);
    mono_mix(frames, FRAMES, 2, mono);
    levels_begin(&levels, &info, 0);
    levels_add(&levels, mono, mono, FRAMES);
    assert_int_equal(levels_warnings(&levels, 0, lines), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_sound_needs_no_word),
        cmocka_unit_test(a_silent_side),
        cmocka_unit_test(clipping),
        cmocka_unit_test(far_too_quiet),
    };
    return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
