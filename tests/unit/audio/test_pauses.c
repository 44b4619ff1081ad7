/* test_pauses.c - pauses between tones. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#include "audio/pauses.h"
#include "potstill.h"

enum { COUNT = 2 * PST_SAMPLE_RATE_HZ };

/* A tone in 0.25 .. 0.75 s and 0.8 .. 1.5 s, with noise of `floor` everywhere. */
static void make(float *samples, float floor) {
    uint32_t noise = 1;
    for (size_t i = 0; i < COUNT; i++) {
        double t = (double)i / PST_SAMPLE_RATE_HZ;
        int loud = (t >= 0.25 && t < 0.75) || (t >= 0.8 && t < 1.5);
        noise = noise * 1664525u + 1013904223u;
        samples[i] = loud ? (float)(0.3 * sin(2000 * t)) : 0;
        samples[i] += floor * ((float)(noise >> 8) / 8388608.0f - 1);
    }
}

static void expect(float floor) {
    static float samples[COUNT];
    struct pause *pauses;
    size_t count;
    make(samples, floor);
    assert_true(pauses_find(samples, COUNT, &pauses, &count));
    assert_int_equal(count, 2); /* 50 ms between the tones are none */
    assert_true(pauses[0].start == 0 && fabs(pauses[0].end - 0.25) < 0.011);
    assert_true(fabs(pauses[1].start - 1.5) < 0.011 && fabs(pauses[1].end - 2) < 1e-9);
    free(pauses);
}

static void between_tones(void **state) {
    (void)state;
    expect(0);
    expect(0.01f);
    expect(0.03f);
}

static void none(const float *samples, size_t length) {
    struct pause *pauses;
    size_t count;
    assert_true(pauses_find(samples, length, &pauses, &count));
    assert_true(count == 0 && !pauses);
}

static void none_in_even_sound(void **state) {
    (void)state;
    static float samples[COUNT];
    none(samples, COUNT); /* silence alone has nothing to pause from */
    for (size_t i = 0; i < COUNT; i++) samples[i] = (float)(0.3 * sin((double)i));
    none(samples, COUNT);
    none(samples, 100);
    none(samples, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_tones),
        cmocka_unit_test(none_in_even_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
