/* levels.h - how loud a recording is, looked at as it is read: what its user should know of it. */
#ifndef PST_AUDIO_LEVELS_H
#define PST_AUDIO_LEVELS_H

#include <sndfile.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/mono.h"

struct levels {
    int channels;
    uint32_t channel; /* the one that is heard, from 1; 0: all, mixed */
    int rate_hz;
    float full; /* the largest number that its kind of sample has */
    uint64_t frames;
    uint64_t clipped;                   /* samples in runs at full scale, of what is heard */
    uint32_t run[AUDIO_CHANNELS_MAX];   /* samples at full scale just before, of each channel */
    double squares[AUDIO_CHANNELS_MAX]; /* sums, of each channel */
    double second, loudest; /* sum of squares of what is heard in this second; the most */
};

enum { LEVELS_WARNINGS_MAX = 3, LEVELS_WARNING_BYTES = 200 };

/* Of a file of this kind, of which channel `channel` is heard; 0: all. */
void levels_begin(struct levels *levels, const SF_INFO *info, uint32_t channel);
/* The next frames [count, channels], and what is heard of them, mono [count]. */
void levels_add(struct levels *levels, const float *frames, const float *mono, size_t count);
/* What there is to say of all of it, a line each; returns how many. With `alone` a channel without
 * any sound is none: the others are heard by themselves. */
size_t levels_warnings(const struct levels *levels, int alone,
                       char lines[LEVELS_WARNINGS_MAX][LEVELS_WARNING_BYTES]);

#endif
