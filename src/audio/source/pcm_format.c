/* pcm_format.c - see pcm_format.h. */
#include "audio/source/pcm_format.h"

#include <string.h>

#include "base/error.h"

static uint32_t little(const unsigned char *bytes, uint32_t count) {
    uint32_t value = 0;
    for (uint32_t i = count; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

static float value_of(const struct pcm_format *format, const unsigned char *bytes) {
    if (format->kind == PCM_UNSIGNED8) return (float)(bytes[0] - 128) / 128.0f;
    uint32_t bits = little(bytes, format->bytes);
    if (format->kind == PCM_FLOAT32) {
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint32_t shifted = bits << (32 - 8 * format->bytes); /* its sign where that of 32 bits is */
    int32_t whole;
    memcpy(&whole, &shifted, sizeof whole);
    return (float)((double)whole / 2147483648.0);
}

void pcm_values(const struct pcm_format *format, const unsigned char *bytes, size_t count,
                float *values) {
    for (size_t i = 0; i < count; i++) values[i] = value_of(format, bytes + i * format->bytes);
}

/* ------------------------------------------------------------------------------------- headers */

/* Headers of recorders have a few chunks of a few kilobytes before the sound. */
enum { HEADER_MAX = 1 << 20 };

enum { TAG_PCM = 1, TAG_FLOAT = 3, TAG_EXTENSIBLE = 0xFFFE };

static int refuse(const char *name, const char *what, pst_error *err) {
    error_set(err, PST_ERR_INPUT, "%s: %s", name, what);
    return -1;
}

static int read_format(const unsigned char *chunk, uint32_t size, const char *name,
                       struct pcm_format *format, pst_error *err) {
    if (size < 16) return refuse(name, "the WAV header is damaged", err);
    uint32_t tag = little(chunk, 2), bits = little(chunk + 14, 2);
    if (tag == TAG_EXTENSIBLE && size >= 26) tag = little(chunk + 24, 2);
    *format = (struct pcm_format){
        .bytes = bits / 8, .channels = little(chunk + 2, 2), .rate_hz = little(chunk + 4, 4)};
    format->kind = tag == TAG_FLOAT ? PCM_FLOAT32 : bits == 8 ? PCM_UNSIGNED8 : PCM_SIGNED;
    int known = tag == TAG_FLOAT ? bits == 32 : tag == TAG_PCM;
    if (!known || bits % 8 || bits < 8 || bits > 32)
        return refuse(name,
                      "is a WAV file of a kind that cannot be read as it comes: expected "
                      "PCM of 8, 16, 24 or 32 bits, or float of 32",
                      err);
    return 1;
}

int pcm_wav_header(const unsigned char *bytes, size_t size, const char *name,
                   struct pcm_format *format, size_t *data, pst_error *err) {
    int known = 0;
    if (size >= 4 && memcmp(bytes, "RIFF", 4) && memcmp(bytes, "RF64", 4))
        return refuse(name, "is not a WAV stream (raw sound needs its format named)", err);
    if (size >= 12 && memcmp(bytes + 8, "WAVE", 4))
        return refuse(name, "is not a WAV stream (raw sound needs its format named)", err);
    for (size_t at = 12; at + 8 <= size;) {
        uint32_t length = little(bytes + at + 4, 4);
        if (!memcmp(bytes + at, "data", 4)) {
            *data = at + 8;
            return known ? 1 : refuse(name, "the WAV header does not tell its format", err);
        }
        if (length > HEADER_MAX || at + length > HEADER_MAX)
            return refuse(name, "the WAV header has no sound behind it", err);
        if (at + 8 + length > size) return 0;
        if (!memcmp(bytes + at, "fmt ", 4)) {
            known = read_format(bytes + at + 8, length, name, format, err);
            if (known < 0) return known;
        }
        at += 8 + length + length % 2;
    }
    return 0;
}
