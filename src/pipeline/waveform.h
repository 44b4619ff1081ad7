/* waveform.h - checking and scaling the samples of a clip before they are encoded. */
#ifndef PST_PIPELINE_WAVEFORM_H
#define PST_PIPELINE_WAVEFORM_H

#include <stddef.h>

#include "model/config.h"
#include "potstill.h"

/* Refuses a clip too short for one frame of the encoder or too long for its positions, and samples
 * that are not finite. */
pst_status waveform_check(const struct config *config, const float *samples, size_t count,
                          pst_error *err);
/* out [count]: zero mean and unit variance over the clip, as Wav2Vec2FeatureExtractor does with
 * do_normalize. */
void waveform_standardize(const float *samples, size_t count, float *out);

#endif
