/* audio_file.h - the limits of what is read as audio, and reading from memory. */
#ifndef PST_AUDIO_AUDIO_FILE_H
#define PST_AUDIO_AUDIO_FILE_H

#include <stddef.h>

#include "potstill.h"

enum {
    /* Below 1 kHz no speech is left, and the resampler would turn a few bytes into much memory;
     * 768 kHz is the fastest rate converters are sold with. Outside, the header is damaged. */
    AUDIO_RATE_MIN_HZ = 1000,
    AUDIO_RATE_MAX_HZ = 768000,
    /* Twice the 64 channels of a seventh-order ambisonic recording; also how many numbers numpy
     * sums before it starts to split, see sum_channels(). */
    AUDIO_CHANNELS_MAX = 128,
    /* A working session. A few kilobytes of FLAC can hold days of silence; this keeps the samples
     * below 1.4 GB. */
    AUDIO_SECONDS_MAX = 6 * 3600
};

/* A pipe cannot seek, which many formats need, so it is held in memory: 93 minutes of 48 kHz 16-bit
 * stereo. */
#define AUDIO_STREAM_BYTES_MAX ((size_t)1 << 30)

/* pst_audio_read() over a file that lies in memory. */
pst_status audio_read_bytes(const void *bytes, size_t size, const char *name, pst_audio *audio,
                            pst_error *err);

#endif
