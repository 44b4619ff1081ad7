/* silero_file.h - a file of weights with the names and shapes of Silero VAD, numbers by rule. */
#ifndef TESTS_SILERO_FILE_H
#define TESTS_SILERO_FILE_H

#include <math.h>
#include <stdlib.h>

#include "formats/safetensors.h"
#include "support/scratch.h"

enum { SILERO_TENSORS = 15 };

static const struct tensor_source SILERO_SHAPES[SILERO_TENSORS] = {
    {"stft_conv.weight", DTYPE_F32, 3, {258, 1, 256}, NULL},
    {"conv1.weight", DTYPE_F32, 3, {128, 129, 3}, NULL},
    {"conv1.bias", DTYPE_F32, 1, {128}, NULL},
    {"conv2.weight", DTYPE_F32, 3, {64, 128, 3}, NULL},
    {"conv2.bias", DTYPE_F32, 1, {64}, NULL},
    {"conv3.weight", DTYPE_F32, 3, {64, 64, 3}, NULL},
    {"conv3.bias", DTYPE_F32, 1, {64}, NULL},
    {"conv4.weight", DTYPE_F32, 3, {128, 64, 3}, NULL},
    {"conv4.bias", DTYPE_F32, 1, {128}, NULL},
    {"lstm_cell.weight_ih", DTYPE_F32, 2, {512, 128}, NULL},
    {"lstm_cell.weight_hh", DTYPE_F32, 2, {512, 128}, NULL},
    {"lstm_cell.bias_ih", DTYPE_F32, 1, {512}, NULL},
    {"lstm_cell.bias_hh", DTYPE_F32, 1, {512}, NULL},
    {"final_conv.weight", DTYPE_F32, 3, {1, 128, 1}, NULL},
    {"final_conv.bias", DTYPE_F32, 1, {1}, NULL},
};

/* The same numbers on every run, between -size and size. */
static inline float silero_number(unsigned *state, float size) {
    *state = *state * 1664525U + 1013904223U;
    return size * ((float)(*state >> 8) / (1 << 23) - 1);
}

/* values [258, 256]: cosines, then negative sines, under a Hann window. */
static inline void silero_transform(float *values) {
    const double turn = 2 * 3.14159265358979323846 / 256;
    for (int bin = 0; bin < 129; bin++)
        for (int i = 0; i < 256; i++) {
            double window = 0.5 - 0.5 * cos(turn * i);
            values[bin * 256 + i] = (float)(window * cos(turn * bin * i));
            values[(129 + bin) * 256 + i] = (float)(-window * sin(turn * bin * i));
        }
}

/* Tensors [SILERO_TENSORS] whose data is to be freed. Sizes keep every layer's values near 1. */
static inline void silero_tensors(struct tensor_source *tensors) {
    static const float sizes[SILERO_TENSORS] = {0.3F, 0.15F, 0.1F, 0.15F, 0.1F, 0.2F, 0.1F, 0.2F,
                                                0.1F, 0.3F,  0.2F, 0.2F,  0.2F, 0.5F, 0.1F};
    unsigned state = 7;
    for (int i = 0; i < SILERO_TENSORS; i++) {
        tensors[i] = SILERO_SHAPES[i];
        size_t count = 1;
        for (uint32_t k = 0; k < tensors[i].dims; k++) count *= tensors[i].shape[k];
        float *values = malloc(count * sizeof *values);
        if (!values) abort();
        for (size_t k = 0; k < count; k++) values[k] = silero_number(&state, sizes[i]);
        tensors[i].data = values;
    }
    silero_transform((float *)tensors[0].data);
}

static inline void silero_tensors_free(struct tensor_source *tensors) {
    for (int i = 0; i < SILERO_TENSORS; i++) free((void *)tensors[i].data);
}

/* Writes them to FOLDER/silero.safetensors; the path is static, one at a time. */
static inline const char *silero_write(const char *folder, const struct tensor_source *tensors,
                                       size_t count) {
    static char path[700];
    pst_error err;
    snprintf(path, sizeof path, "%s/silero.safetensors", folder);
    if (safetensors_write(path, tensors, count, &err)) abort();
    return path;
}

#endif
