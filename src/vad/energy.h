/* energy.h - speech by loudness and spectrum, where there are no weights of a network.
 *
 * Two things are looked at from 150 to 4000 Hz: how much louder a frame is than the background,
 * which is followed, and how flat its spectrum is: that of noise is, that of a voice has peaks.
 * It hears words well in a quiet room. Steady tones it forgets as background within seconds, but
 * music and animals it takes for voices: the network does not. */
#ifndef PST_VAD_ENERGY_H
#define PST_VAD_ENERGY_H

#include "vad/spectrum.h"

struct energy {
    struct fourier fourier;
    float floor;       /* decibels of the background */
    float probability; /* of the frame before */
};

void energy_init(struct energy *energy);
/* Forgets what it has heard. */
void energy_reset(struct energy *energy);
/* samples [VAD_FRAME], which follow those of the call before. */
float energy_probability(struct energy *energy, const float *samples);

#endif
