/* quiet.c - see quiet.h.
 *
 * Between words a speaker is silent for 0.2 s and more, within a word (before a p or a k) for at
 * most 0.1 s. So the stretch of 0.3 s with the least power is taken, and cut in its middle: in the
 * sum one loud frame outweighs all quiet ones, so that stretch is quiet throughout. */
#include "audio/quiet.h"

#include <stdlib.h>

enum {
    FRAME = 320,     /* 20 ms: a few periods of the lowest voice */
    SPAN = 15,       /* frames in 0.3 s */
    FRAMES_MAX = 500 /* of a background: 10 s */
};

/* Power about the mean: a constant offset makes no sound. */
static double frame_power(const float *samples) {
    double sum = 0, squares = 0;
    for (int i = 0; i < FRAME; i++) {
        sum += samples[i];
        squares += (double)samples[i] * samples[i];
    }
    return squares - sum * sum / FRAME;
}

/* The mean square of rounding to 16 bits is 8e-11. */
static const double DIGITAL_SILENCE = 1e-10;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quiet_background(const float *samples, size_t count) {
    double power[FRAMES_MAX];
    size_t frames = 0;
    for (size_t i = 0; i < count / FRAME && i < FRAMES_MAX; i++) {
        double found = frame_power(samples + i * FRAME) / FRAME;
        if (found > DIGITAL_SILENCE) power[frames++] = found;
    }
    if (frames == 0) return 0;
    qsort(power, frames, sizeof *power, compare);
    return power[frames / 10];
}

size_t quiet_find(const float *samples, size_t from, size_t to) {
    size_t frames = (to - from) / FRAME;
    if (frames == 0) return to;
    size_t span = frames < SPAN ? frames : SPAN;
    double power[SPAN]; /* of the last frames, by their number modulo SPAN */
    double least = 0;
    size_t best = 0; /* the first frame of the quietest span */
    for (size_t i = 0; i < frames; i++) {
        power[i % SPAN] = frame_power(samples + from + i * FRAME);
        if (i + 1 < span) continue;
        double sum = 0;
        for (size_t k = 0; k < span; k++) sum += power[(i - k) % SPAN];
        if (i + 1 > span && sum > least) continue;
        least = sum;
        best = i + 1 - span;
    }
    return from + best * FRAME + span * FRAME / 2;
}
