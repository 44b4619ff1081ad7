/* sound_format.c - see sound_format.h. */
#include "serve/sound_format.h"

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

void sound_wav_head(const struct sound_format *format, uint32_t bytes,
                    unsigned char head[WAV_HEAD_BYTES]) {
    static const enum wav_code codes[] = {
        [SOUND_PCM16] = WAV_PCM, [SOUND_ULAW] = WAV_ULAW, [SOUND_ALAW] = WAV_ALAW};
    wav_head_make(head, codes[format->kind], format->rate_hz, (uint32_t)sound_width(format), bytes);
}
