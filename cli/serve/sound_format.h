/* sound_format.h - sound as clients of realtime sessions send it: one channel of samples. */
#ifndef POTSTILL_CLI_SOUND_FORMAT_H
#define POTSTILL_CLI_SOUND_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "wav_head.h"

enum sound_kind {
    SOUND_PCM16, /* little endian */
    SOUND_ULAW,  /* G.711, as phones have it */
    SOUND_ALAW,
};

struct sound_format {
    enum sound_kind kind;
    uint32_t rate_hz;
};

/* Bytes of a sample. */
size_t sound_width(const struct sound_format *format);
/* Samples in `bytes` as numbers [count], full scale 1. */
void sound_values(const struct sound_format *format, const unsigned char *bytes, size_t count,
                  float *values);
/* What stands before `bytes` of it in a WAV file. */
void sound_wav_head(const struct sound_format *format, uint32_t bytes,
                    unsigned char head[WAV_HEAD_BYTES]);

#endif
