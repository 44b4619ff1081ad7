/* mono.c - see mono.h. */
#include "audio/mono.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

pst_status mono_check_format(const char *name, int64_t rate_hz, int64_t channels, pst_error *err) {
    if (rate_hz < AUDIO_RATE_MIN_HZ || rate_hz > AUDIO_RATE_MAX_HZ)
        return error_set(err, PST_ERR_INPUT, "%s: sample rate is %lld Hz, expected %d to %d", name,
                         (long long)rate_hz, AUDIO_RATE_MIN_HZ, AUDIO_RATE_MAX_HZ);
    if (channels < 1 || channels > AUDIO_CHANNELS_MAX)
        return error_set(err, PST_ERR_INPUT, "%s: has %lld channels, expected 1 to %d", name,
                         (long long)channels, AUDIO_CHANNELS_MAX);
    return PST_OK;
}

/* Adds up `x` [count <= 128] in numpy's order: eight running sums once there are eight numbers, and
 * the rest one by one. For one and two channels any order gives the same bits. */
static float sum_channels(const float *x, int count) {
    int i = 0;
    float sum = 0;
    if (count >= 8) {
        float lane[8];
        memcpy(lane, x, sizeof lane);
        for (i = 8; i + 8 <= count; i += 8)
            for (int k = 0; k < 8; k++) lane[k] += x[i + k];
        sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
              ((lane[4] + lane[5]) + (lane[6] + lane[7]));
    }
    for (; i < count; i++) sum += x[i];
    return sum;
}

void mono_mix(const float *frames, size_t count, int channels, float *mono) {
    for (size_t i = 0; i < count; i++)
        mono[i] = sum_channels(frames + i * (size_t)channels, channels) / (float)channels;
}

void mono_pick(const float *frames, size_t count, int channels, uint32_t channel, float *mono) {
    for (size_t i = 0; i < count; i++) mono[i] = frames[i * (size_t)channels + channel - 1];
}

pst_status mono_check_finite(const char *name, const float *mono, size_t count, uint64_t before,
                             int rate_hz, pst_error *err) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(mono[i]))
            return error_set(err, PST_ERR_INPUT, "%s: the sample at %.4f s is not a finite number",
                             name, (double)(before + i) / rate_hz);
    return PST_OK;
}
