/* wav_head.c - see wav_head.h. */
#include "wav_head.h"

#include <string.h>

static void put(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i & 0xff);
}

void wav_head_make(unsigned char head[WAV_HEAD_BYTES], enum wav_code code, uint32_t rate_hz,
                   uint32_t width, uint32_t bytes) {
    enum { FORMAT_BYTES = 16 };
    memcpy(head, "RIFF----WAVEfmt ", 16);
    put(head + 4, bytes + WAV_HEAD_BYTES - 8, 4);
    put(head + 16, FORMAT_BYTES, 4);
    put(head + 20, code, 2);
    put(head + 22, 1, 2); /* one channel */
    put(head + 24, rate_hz, 4);
    put(head + 28, rate_hz * width, 4);
    put(head + 32, width, 2);
    put(head + 34, 8 * width, 2);
    memcpy(head + 36, "data", 4);
    put(head + 40, bytes, 4);
}
