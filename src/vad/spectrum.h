/* spectrum.h - how the power of a frame lies over the frequencies. */
#ifndef PST_VAD_SPECTRUM_H
#define PST_VAD_SPECTRUM_H

#include "vad/fourier.h"
#include "vad/frame.h"

enum { SPECTRUM_BINS = VAD_FRAME / 2 + 1 }; /* 31.25 Hz apart */

/* samples [VAD_FRAME] to power [SPECTRUM_BINS]; the transform is of VAD_FRAME values. */
void spectrum_power(const struct fourier *fourier, const float *samples, float *power);

#endif
