/* sound_length.c - see sound_length.h. */
#include "serve/sound_length.h"

#include <string.h>

/* Speech in MP3, Opus and Vorbis: 32 kbit/s and more. */
static const double BYTES_PER_SECOND = 4000;

static uint32_t little(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Of the chunk "fmt ", which is the first one where a WAV file is as everybody writes it. */
static double wave_seconds(const unsigned char *head, size_t count, uint64_t size) {
    if (count < 36 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVEfmt ", 8) != 0)
        return 0;
    uint32_t rate = little(head + 28);
    return rate ? (double)size / rate : 0;
}

/* Of STREAMINFO, which is the first block: 20 bits of rate, 8 of other things, 36 of samples. */
static double flac_seconds(const unsigned char *head, size_t count) {
    if (count < 26 || memcmp(head, "fLaC", 4) != 0) return 0;
    uint32_t rate = (uint32_t)head[18] << 12 | (uint32_t)head[19] << 4 | head[20] >> 4;
    uint64_t samples = (uint64_t)(head[21] & 15) << 32 | (uint64_t)head[22] << 24 |
                       (uint64_t)head[23] << 16 | (uint64_t)head[24] << 8 | head[25];
    return rate ? (double)samples / rate : 0;
}

double sound_length(const unsigned char *head, size_t count, uint64_t size) {
    double seconds = wave_seconds(head, count, size);
    if (!(seconds > 0)) seconds = flac_seconds(head, count);
    return seconds > 0 ? seconds : (double)size / BYTES_PER_SECOND;
}
