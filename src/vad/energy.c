/* energy.c - see energy.h. Decibels are those of a mean square, 0 that of a full-scale square. */
#include "vad/energy.h"

#include <math.h>

enum {
    LOW = 5,   /* 156 Hz: above hum and handling noise */
    HIGH = 128 /* 4000 Hz: what a telephone lets through */
};

/* A background that is assumed until the first quiet frame: a quiet room on a usual microphone. */
static const float FLOOR_START = -55;
/* Below it nobody speaks, whatever the background: about the noise of 12-bit converters. */
static const float SILENT = -65;
/* The background rises slowly, so that a long word is not taken for it: 2 dB a second. */
static const float FLOOR_RISE = 2 * 0.032F;
/* It falls at once, but by a fifth of the way: a single quiet frame may be a gap of the sound. */
static const float FLOOR_FALL = 0.2F;
/* As likely as not: a vowel is some 20 dB above the background, and breath below 6. */
static const float LOUD = 9, LOUD_WIDTH = 1.5F;
/* White noise has a flatness of 0.56 in a single frame, vowels below 0.2. */
static const float FLAT = 0.4F, FLAT_WIDTH = 0.04F;
/* A word does not end within a frame: what is lost of the probability each frame. */
static const float KEPT = 0.8F;

void energy_init(struct energy *energy) {
    fourier_init(&energy->fourier, VAD_FRAME);
    energy_reset(energy);
}

void energy_reset(struct energy *energy) {
    energy->floor = FLOOR_START;
    energy->probability = 0;
}

static float logistic(float x) {
    return 1 / (1 + expf(-x));
}

/* Parseval: squares of bins, one side of the spectrum, through a Hann window whose mean square is
 * 3/8, to the mean square of the samples. */
static float decibels(double power) {
    double mean = power * 2 / ((double)VAD_FRAME * VAD_FRAME * 0.375);
    return (float)(10 * log10(mean + 1e-12));
}

static void follow_floor(struct energy *energy, float level) {
    if (level < energy->floor)
        energy->floor += FLOOR_FALL * (level - energy->floor);
    else
        energy->floor += fminf(FLOOR_RISE, level - energy->floor);
}

float energy_probability(struct energy *energy, const float *samples) {
    float power[SPECTRUM_BINS];
    double sum = 0, logs = 0;
    spectrum_power(&energy->fourier, samples, power);
    for (int i = LOW; i < HIGH; i++) {
        sum += power[i];
        logs += log(power[i] + 1e-12);
    }
    if (!isfinite(sum)) return energy->probability = 0;
    float level = decibels(sum), mean = (float)(sum / (HIGH - LOW)) + 1e-12F;
    float flatness = (float)exp(logs / (HIGH - LOW)) / mean;
    float loud = logistic((level - energy->floor - LOUD) / LOUD_WIDTH);
    float peaked = logistic((FLAT - flatness) / FLAT_WIDTH);
    follow_floor(energy, level);
    energy->probability = fmaxf(level < SILENT ? 0 : loud * peaked, KEPT * energy->probability);
    return energy->probability;
}
