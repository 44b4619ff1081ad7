/* fourier.c - see fourier.h. */
#include "vad/fourier.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

void fourier_init(struct fourier *fourier, int size) {
    *fourier = (struct fourier){.size = size};
    for (int i = 0; i < size; i++) {
        fourier->window[i] = (float)(0.5 - 0.5 * cos(2 * PI * i / size));
        for (int bit = 1, number = i; bit < size; bit <<= 1, number >>= 1)
            fourier->reversed[i] = fourier->reversed[i] << 1 | (number & 1);
    }
    for (int i = 0; i < size / 2; i++) {
        fourier->cosine[i] = (float)cos(2 * PI * i / size);
        fourier->sine[i] = (float)-sin(2 * PI * i / size);
    }
}

/* Joins the transforms of two halves: value k and value k + half of a group. */
static void join(const struct fourier *fourier, struct fourier_values *values, int half) {
    int turn = fourier->size / (2 * half); /* between the angles of neighbours */
    for (int start = 0; start < fourier->size; start += 2 * half)
        for (int k = 0; k < half; k++) {
            float cosine = fourier->cosine[k * turn], sine = fourier->sine[k * turn];
            float *restrict real_a = values->real[start + k];
            float *restrict real_b = values->real[start + k + half];
            float *restrict imaginary_a = values->imaginary[start + k];
            float *restrict imaginary_b = values->imaginary[start + k + half];
            for (int lane = 0; lane < FOURIER_LANES; lane++) {
                float x = real_b[lane] * cosine - imaginary_b[lane] * sine;
                float y = real_b[lane] * sine + imaginary_b[lane] * cosine;
                real_b[lane] = real_a[lane] - x;
                imaginary_b[lane] = imaginary_a[lane] - y;
                real_a[lane] += x;
                imaginary_a[lane] += y;
            }
        }
}

void fourier_transform(const struct fourier *fourier, struct fourier_values *values) {
    for (int half = 1; half < fourier->size; half *= 2) join(fourier, values, half);
}
