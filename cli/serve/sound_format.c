/* sound_format.c - see sound_format.h. */
#include "serve/sound_format.h"

#include <string.h>

static const float FULL_SCALE = 32768;

size_t sound_width(const struct sound_format *format) {
    return format->kind == SOUND_PCM16 ? 2 : 1;
}

/* G.711: a sign, an exponent of three bits and a mantissa of four, all bits turned over. The bias
 * makes the steps of the first segment as wide as they are. */
static int ulaw_value(unsigned char code) {
    enum { BIAS = 0x84 };
    unsigned bits = ~(unsigned)code & 0xff;
    int size = (int)(((bits & 0x0f) << 3) + BIAS) << ((bits & 0x70) >> 4);
    return bits & 0x80 ? BIAS - size : size - BIAS;
}

/* The same, every other bit turned over; the first two segments have one step. */
static int alaw_value(unsigned char code) {
    unsigned bits = code ^ 0x55U, exponent = (bits & 0x70) >> 4;
    int size = (int)((bits & 0x0f) << 4) + 8;
    if (exponent > 0) size = (size + 0x100) << (exponent - 1);
    return bits & 0x80 ? size : -size;
}

static int value_at(enum sound_kind kind, const unsigned char *bytes, size_t at) {
    if (kind == SOUND_ULAW) return ulaw_value(bytes[at]);
    if (kind == SOUND_ALAW) return alaw_value(bytes[at]);
    return (int16_t)(bytes[2 * at] | bytes[2 * at + 1] << 8);
}

void sound_values(const struct sound_format *format, const unsigned char *bytes, size_t count,
                  float *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)value_at(format->kind, bytes, i) / FULL_SCALE;
}

static void put(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i & 0xff);
}

void sound_wav_head(const struct sound_format *format, uint32_t bytes,
                    unsigned char head[SOUND_WAV_HEAD_BYTES]) {
    enum { FORMAT_BYTES = 16 };
    static const uint32_t codes[] = {[SOUND_PCM16] = 1, [SOUND_ULAW] = 7, [SOUND_ALAW] = 6};
    uint32_t width = (uint32_t)sound_width(format);
    memcpy(head, "RIFF----WAVEfmt ", 16);
    put(head + 4, bytes + SOUND_WAV_HEAD_BYTES - 8, 4);
    put(head + 16, FORMAT_BYTES, 4);
    put(head + 20, codes[format->kind], 2);
    put(head + 22, 1, 2);
    put(head + 24, format->rate_hz, 4);
    put(head + 28, format->rate_hz * width, 4);
    put(head + 32, width, 2);
    put(head + 34, 8 * width, 2);
    memcpy(head + 36, "data", 4);
    put(head + 40, bytes, 4);
}
