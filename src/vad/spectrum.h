/* spectrum.h - how the power of a frame lies over the frequencies. */
#ifndef PST_VAD_SPECTRUM_H
#define PST_VAD_SPECTRUM_H

#include "vad/frame.h"

enum { SPECTRUM_BINS = VAD_FRAME / 2 + 1 }; /* 31.25 Hz apart */

struct spectrum {
    float window[VAD_FRAME];                          /* Hann */
    float cosine[VAD_FRAME / 2], sine[VAD_FRAME / 2]; /* of the angles of the transform */
};

void spectrum_init(struct spectrum *spectrum);
/* samples [VAD_FRAME] to power [SPECTRUM_BINS]. */
void spectrum_power(const struct spectrum *spectrum, const float *samples, float *power);

#endif
