/* waveform.c - see waveform.h. */
#include "pipeline/waveform.h"

#include <math.h>

#include "base/error.h"
#include "model/family.h"

pst_status waveform_check(const struct config *config, const float *samples, size_t count,
                          pst_error *err) {
    size_t least = family_samples_min(config);
    if (count < least)
        return error_set(err, PST_ERR_INPUT,
                         "the clip has %zu samples (%.0f ms), at least %zu (%.0f ms) are needed",
                         count, 1000.0 * (double)count / PST_SAMPLE_RATE_HZ, least,
                         ceil(1000.0 * (double)least / PST_SAMPLE_RATE_HZ));
    size_t frames = family_extent_of(config, count).frames;
    if (config->family == FAMILY_STREAMING && frames > config->max_position_embeddings)
        return error_set(err, PST_ERR_INPUT,
                         "the clip has %zu samples, %zu frames of 20 ms; this model has positions "
                         "for %u frames",
                         count, frames, config->max_position_embeddings);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return error_set(err, PST_ERR_INPUT, "sample %zu is not a finite number", i);
    return PST_OK;
}

void waveform_standardize(const float *samples, size_t count, float *out) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) sum += samples[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += (samples[i] - mean) * (samples[i] - mean);
    double scale = 1.0 / sqrt(squares / (double)count + 1e-7); /* upstream's epsilon */
    for (size_t i = 0; i < count; i++) out[i] = (float)((samples[i] - mean) * scale);
}
