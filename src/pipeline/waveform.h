/* waveform.h - what is asked of the samples of a clip before anything hears them. */
#ifndef PST_PIPELINE_WAVEFORM_H
#define PST_PIPELINE_WAVEFORM_H

#include <stddef.h>

#include "potstill.h"

/* Long enough for one frame of the encoder, and every sample a finite number. */
pst_status waveform_check(const float *samples, size_t count, pst_error *err);
/* out [count]: zero mean and unit variance over the clip, as Wav2Vec2FeatureExtractor with do_normalize. */
void waveform_standardize(const float *samples, size_t count, float *out);

#endif
