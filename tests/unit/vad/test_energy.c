/* test_energy.c - the detector without weights, on sounds made here. */
#include "support/test.h"

#include <math.h>

#include "vad/energy.h"
#include "vad/vad.h"

static const double PI = 3.14159265358979323846;

static double noise(unsigned *state) {
    *state = *state * 1664525U + 1013904223U;
    return (double)(*state >> 8) / (1 << 23) - 1;
}

/* Something like vowels: harmonics of 120 Hz, in syllables of 0.25 s, over a quiet hiss. */
static double voice(int sample, unsigned *state) {
    double t = sample / 16000.0, sum = 0;
    for (int k = 1; k < 20; k++) sum += sin(2 * PI * 120 * k * t) / k;
    return 0.1 * sum * fmax(sin(2 * PI * 2 * t), 0) + 1e-3 * noise(state);
}
static double hiss(int sample, unsigned *state) {
    (void)sample;
    return 0.1 * noise(state);
}
static double tone(int sample, unsigned *state) {
    return 0.2 * sin(2 * PI * 440 * sample / 16000.0) + 1e-3 * noise(state);
}
static double silence(int sample, unsigned *state) {
    (void)sample;
    return 1e-5 * noise(state);
}

/* The part of the frames in [from, to) seconds that are taken for speech. */
static double part_of_speech(double (*sound)(int, unsigned *), double from, double to) {
    struct vad *vad = NULL;
    float frame[VAD_FRAME];
    unsigned state = 1;
    int frames = 0, speech = 0;
    assert_int_equal(vad_new(&vad, NULL, PST_CPU_AUTO, NULL), PST_OK);
    assert_string_equal(vad_name(vad), "energy");
    for (int at = 0; at < to * 16000; at += VAD_FRAME) {
        for (int i = 0; i < VAD_FRAME; i++) frame[i] = (float)sound(at + i, &state);
        float found = vad_probability(vad, frame);
        assert_true(found >= 0 && found <= 1);
        if (at < from * 16000) continue;
        frames++;
        speech += found >= 0.5F;
    }
    vad_free(vad);
    return (double)speech / frames;
}

static void hears_voices(void **state) {
    (void)state;
    double part = part_of_speech(voice, 0, 10);
    assert_true(part > 0.4 && part < 0.9); /* half of the time is syllables */
}

static void hears_nothing_in_silence_and_noise(void **state) {
    (void)state;
    assert_true(part_of_speech(silence, 0, 10) == 0);
    assert_true(part_of_speech(hiss, 0, 10) < 0.01);
    assert_true(part_of_speech(tone, 20, 30) == 0); /* it is background by then */
}

static void spectrum_finds_a_tone(void **state) {
    (void)state;
    struct fourier fourier;
    float samples[VAD_FRAME], power[SPECTRUM_BINS];
    fourier_init(&fourier, VAD_FRAME);
    for (int i = 0; i < VAD_FRAME; i++) samples[i] = (float)(0.5 * cos(2 * PI * 40 * i / 512.0));
    spectrum_power(&fourier, samples, power);
    /* The sum of the window is 256; a cosine has half of its amplitude on each side. */
    assert_true(fabs(sqrt(power[40]) - 0.25 * 256) < 1e-3);
    assert_true(fabs(sqrt(power[41]) - 0.125 * 256) < 1e-3);
    assert_true(power[43] < 1e-6F && power[0] < 1e-6F);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_voices),
        cmocka_unit_test(hears_nothing_in_silence_and_noise),
        cmocka_unit_test(spectrum_finds_a_tone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
