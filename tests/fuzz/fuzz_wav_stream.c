/* fuzz_wav_stream.c - any bytes as the start of a WAV stream: the header is refused, or its sound
 * begins within what was read and has samples of a sensible size; and each sample is a number. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "audio/source/pcm_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pcm_format format;
    pst_error err;
    size_t begin = 0;
    int found = pcm_wav_header(data, size, "fuzz", &format, &begin, &err);
    if (found <= 0) return 0;
    require(begin <= size && format.bytes >= 1 && format.bytes <= 4);
    for (size_t at = begin; at + format.bytes <= size; at += format.bytes) {
        float value;
        pcm_values(&format, data + at, 1, &value);
        require(format.kind == PCM_FLOAT32 || fabsf(value) <= 1);
    }
    return 0;
}
