/* pcm_format.h - samples as bytes: what raw sound and the data of a WAV file are. */
#ifndef PST_AUDIO_PCM_FORMAT_H
#define PST_AUDIO_PCM_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

enum pcm_kind { PCM_UNSIGNED8, PCM_SIGNED, PCM_FLOAT32 };

struct pcm_format {
    enum pcm_kind kind;
    uint32_t bytes; /* of a sample */
    uint32_t channels, rate_hz;
};

/* The samples in `bytes` as numbers [count], full scale 1. */
void pcm_values(const struct pcm_format *format, const unsigned char *bytes, size_t count,
                float *values);

/* Looks for the header of a WAV file at the start of bytes [size]. 1: `*format` is what it says,
 * and its sound begins at `*data`. 0: more bytes are needed. PST_ERR_INPUT into `err` and -1: it is
 * not one that can be read; `name` is for messages. */
int pcm_wav_header(const unsigned char *bytes, size_t size, const char *name,
                   struct pcm_format *format, size_t *data, pst_error *err);

#endif
