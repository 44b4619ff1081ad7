/* spectrum.c - see spectrum.h. */
#include "vad/spectrum.h"

void spectrum_power(const struct fourier *fourier, const float *samples, float *power) {
    struct fourier_values values = {0};
    for (int i = 0; i < VAD_FRAME; i++)
        values.real[fourier->reversed[i]][0] = samples[i] * fourier->window[i];
    fourier_transform(fourier, &values);
    for (int i = 0; i < SPECTRUM_BINS; i++) {
        float real = values.real[i][0], imaginary = values.imaginary[i][0];
        power[i] = real * real + imaginary * imaginary;
    }
}
