/* waveform.c - see waveform.h. */
#include "pipeline/waveform.h"

#include <math.h>

#include "base/error.h"
#include "model/moonshine.h"

pst_status waveform_check(const float *samples, size_t count, pst_error *err) {
    if (count < CLIP_SAMPLES_MIN)
        return error_set(err, PST_ERR_INPUT,
                         "the clip has %zu samples (%.0f ms), at least %d (%d ms) are needed",
                         count, 1000.0 * (double)count / PST_SAMPLE_RATE_HZ, CLIP_SAMPLES_MIN,
                         1000 * CLIP_SAMPLES_MIN / PST_SAMPLE_RATE_HZ + 1);
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
