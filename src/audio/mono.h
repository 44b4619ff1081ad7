/* mono.h - sound of any rate and number of channels as one channel of numbers. */
#ifndef PST_AUDIO_MONO_H
#define PST_AUDIO_MONO_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

enum {
    /* Below 1 kHz no speech is left, and the resampler would turn a few bytes into much memory;
     * 768 kHz is the fastest rate of converters on sale. Beyond these the header is damaged. */
    AUDIO_RATE_MIN_HZ = 1000,
    AUDIO_RATE_MAX_HZ = 768000,
    /* Twice the 64 channels of a seventh-order ambisonic recording; also how many numbers numpy
     * sums before it starts to split. */
    AUDIO_CHANNELS_MAX = 128
};

/* PST_ERR_INPUT: beyond the limits above. `name` is for messages. */
pst_status mono_check_format(const char *name, int64_t rate_hz, int64_t channels, pst_error *err);

/* The mean of the channels of frames [count, channels] into mono [count], with numpy's bits. */
void mono_mix(const float *frames, size_t count, int channels, float *mono);

/* Channel `channel` of them, from 1. */
void mono_pick(const float *frames, size_t count, int channels, uint32_t channel, float *mono);

/* One NaN would silently make the whole transcript empty, so it is looked for where its place is
 * still known. `rate_hz` is the rate of mono [count], `before` the samples ahead of it. */
pst_status mono_check_finite(const char *name, const float *mono, size_t count, uint64_t before,
                             int rate_hz, pst_error *err);

#endif
