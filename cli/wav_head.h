/* wav_head.h - what stands before the samples of one channel in a WAV file. */
#ifndef POTSTILL_CLI_WAV_HEAD_H
#define POTSTILL_CLI_WAV_HEAD_H

#include <stdint.h>

enum { WAV_HEAD_BYTES = 44 };

/* Codes of formats, by RFC 2361. */
enum wav_code { WAV_PCM = 1, WAV_ALAW = 6, WAV_ULAW = 7 };

/* Of `bytes` of samples of `width` bytes each. */
void wav_head_make(unsigned char head[WAV_HEAD_BYTES], enum wav_code code, uint32_t rate_hz,
                   uint32_t width, uint32_t bytes);

#endif
