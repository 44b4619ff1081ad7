/* spectrum.c - see spectrum.h. */
#include "vad/spectrum.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

void spectrum_init(struct spectrum *spectrum) {
    for (int i = 0; i < VAD_FRAME; i++)
        spectrum->window[i] = (float)(0.5 - 0.5 * cos(2 * PI * i / VAD_FRAME));
    for (int i = 0; i < VAD_FRAME / 2; i++) {
        spectrum->cosine[i] = (float)cos(2 * PI * i / VAD_FRAME);
        spectrum->sine[i] = (float)-sin(2 * PI * i / VAD_FRAME);
    }
}

/* Where a value goes first: the bits of its number, backwards. */
static int reversed(int number) {
    int out = 0;
    for (int bit = 1; bit < VAD_FRAME; bit <<= 1, number >>= 1) out = out << 1 | (number & 1);
    return out;
}

/* Joins the transforms of two halves: value k and value k + half of a group. */
static void join(const struct spectrum *spectrum, float *real, float *imaginary, int half) {
    int turn = VAD_FRAME / (2 * half); /* between the angles of neighbours */
    for (int start = 0; start < VAD_FRAME; start += 2 * half)
        for (int k = 0; k < half; k++) {
            int a = start + k, b = a + half;
            float cosine = spectrum->cosine[k * turn], sine = spectrum->sine[k * turn];
            float x = real[b] * cosine - imaginary[b] * sine;
            float y = real[b] * sine + imaginary[b] * cosine;
            real[b] = real[a] - x;
            imaginary[b] = imaginary[a] - y;
            real[a] += x;
            imaginary[a] += y;
        }
}

void spectrum_power(const struct spectrum *spectrum, const float *samples, float *power) {
    float real[VAD_FRAME], imaginary[VAD_FRAME] = {0};
    for (int i = 0; i < VAD_FRAME; i++) real[reversed(i)] = samples[i] * spectrum->window[i];
    for (int half = 1; half < VAD_FRAME; half *= 2) join(spectrum, real, imaginary, half);
    for (int i = 0; i < SPECTRUM_BINS; i++)
        power[i] = real[i] * real[i] + imaginary[i] * imaginary[i];
}
