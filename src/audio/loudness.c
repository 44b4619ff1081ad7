/* loudness.c - samples to the loudness the reference script transcribes at.
 *
 * The script computes in float32 with torch. Its sum runs in an order that depends on the
 * machine's vector width and number of threads, so its last bit is undefined; here the
 * float32 squares are added in double, which is within that order's own error, and every other
 * step is rounded to float32 where torch rounds. */
#include <math.h>
#include <stddef.h>

#include "base/error.h"
#include "potstill.h"

/* Both from the script: the level adapters were trained at, and the one it takes for silence. */
static const double TARGET_RMS = 0.075;
static const double SILENCE_RMS = 0.001;

static double root_mean_square(const float *samples, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        float square = samples[i] * samples[i];
        sum += square;
    }
    return sqrtf((float)sum / (float)count);
}

pst_status pst_audio_normalize_rms(float *samples, size_t count, pst_error *err) {
    if (!samples && count)
        return error_set(err, PST_ERR_ARGUMENT, "pst_audio_normalize_rms: samples are NULL");
    if (count == 0) return error_set(err, PST_ERR_INPUT, "audio holds no samples");
    for (size_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return error_set(err, PST_ERR_INPUT, "audio sample %zu is not a finite number", i);
    double rms = root_mean_square(samples, count);
    if (!isfinite(rms)) return error_set(err, PST_ERR_INPUT, "audio RMS is too large for float32");
    if (rms <= SILENCE_RMS)
        return error_set(err, PST_ERR_INPUT, "audio RMS (%.9g) is too low to normalize safely",
                         rms);
    /* torch multiplies a float32 tensor by a Python number in float32. */
    float scale = (float)(TARGET_RMS / rms);
    for (size_t i = 0; i < count; i++) {
        float scaled = samples[i] * scale;
        samples[i] = scaled < -1.0f ? -1.0f : scaled > 1.0f ? 1.0f : scaled;
    }
    return PST_OK;
}
