/* silero_weights.c - see silero_weights.h. */
#include "vad/silero_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A tensor of the file. Sizes of 0 end the shape. */
struct part {
    const char *name;
    size_t shape[3];
    size_t offset; /* of its pointer in struct silero_weights; SIZE_MAX: see below */
};

#define AT(field) offsetof(struct silero_weights, field)
enum { GATES = 4 * SILERO_WIDTH };
static const struct part PARTS[] = {
    {"stft_conv.weight", {2 * SILERO_BINS, 1, SILERO_FFT}, AT(stft)},
    {"conv1.weight", {SILERO_WIDTH, SILERO_BINS, SILERO_TAPS}, AT(conv1)},
    {"conv1.bias", {SILERO_WIDTH}, AT(conv1_bias)},
    {"conv2.weight", {SILERO_NARROW, SILERO_WIDTH, SILERO_TAPS}, AT(conv2)},
    {"conv2.bias", {SILERO_NARROW}, AT(conv2_bias)},
    {"conv3.weight", {SILERO_NARROW, SILERO_NARROW, SILERO_TAPS}, AT(conv3)},
    {"conv3.bias", {SILERO_NARROW}, AT(conv3_bias)},
    {"conv4.weight", {SILERO_WIDTH, SILERO_NARROW, SILERO_TAPS}, AT(conv4)},
    {"conv4.bias", {SILERO_WIDTH}, AT(conv4_bias)},
    {"lstm_cell.weight_ih", {GATES, SILERO_WIDTH}, AT(lstm_input)},
    {"lstm_cell.weight_hh", {GATES, SILERO_WIDTH}, AT(lstm_hidden)},
    {"lstm_cell.bias_ih", {GATES}, AT(lstm_bias)},
    {"lstm_cell.bias_hh", {GATES}, SIZE_MAX},
    {"final_conv.weight", {1, SILERO_WIDTH, 1}, AT(output)},
    {"final_conv.bias", {1}, SIZE_MAX},
};
enum { PART_COUNT = sizeof PARTS / sizeof PARTS[0] };

static uint32_t part_dims(const struct part *part) {
    uint32_t dims = 0;
    while (dims < 3 && part->shape[dims]) dims++;
    return dims;
}

static size_t part_count(const struct part *part) {
    size_t count = 1;
    for (uint32_t i = 0; i < part_dims(part); i++) count *= part->shape[i];
    return count;
}

/* [out, in, taps] to [out, taps, in]. */
static void put_channels_last(float *values, const struct part *part, float *spare) {
    size_t in = part->shape[1], taps = part->shape[2];
    for (size_t out = 0; out < part->shape[0]; out++) {
        float *row = values + out * in * taps;
        memcpy(spare, row, in * taps * sizeof *row);
        for (size_t i = 0; i < in; i++)
            for (size_t tap = 0; tap < taps; tap++) row[tap * in + i] = spare[i * taps + tap];
    }
}

static pst_status check_part(const struct safetensors *file, const struct part *part,
                             const struct tensor **tensor, pst_error *err) {
    char found[128], wanted[128];
    *tensor = safetensors_find(file, part->name);
    if (!*tensor)
        return error_set(err, PST_ERR_MODEL,
                         "%s: tensor %s is missing (expected the 16 kHz weights of Silero VAD v6)",
                         file->path, part->name);
    uint32_t dims = part_dims(part);
    if (!tensor_has_shape(*tensor, dims, part->shape))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, Silero VAD v6 has %s", file->path,
                         part->name, tensor_shape_text(*tensor, found),
                         shape_text(dims, part->shape, wanted));
    return PST_OK;
}

/* Reads the values of a tensor to `values`, in the order of the engine. */
static pst_status read_part(const struct safetensors *file, const struct part *part, float *values,
                            pst_error *err) {
    float spare[SILERO_TAPS * SILERO_BINS]; /* the longest row */
    const struct tensor *tensor;
    pst_status status = check_part(file, part, &tensor, err);
    if (status) return status;
    if (!tensor_to_float(tensor, values))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected floating-point values",
                         file->path, part->name, dtype_name(tensor->dtype));
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite(values[i]))
            return error_set(err, PST_ERR_MODEL, "%s: %s has a value that is not finite",
                             file->path, part->name);
    if (part->shape[2] == SILERO_TAPS) put_channels_last(values, part, spare);
    return PST_OK;
}

/* The file has the Fourier transform as a matrix: cosines, then negative sines, under a Hann
 * window. It is computed otherwise, so it must be this one. */
static pst_status check_transform(const struct silero_weights *weights, const char *path,
                                  pst_error *err) {
    double cosine[SILERO_FFT];
    for (int i = 0; i < SILERO_FFT; i++)
        cosine[i] = cos(2 * 3.14159265358979323846 * i / SILERO_FFT);
    for (int bin = 0; bin < SILERO_BINS; bin++)
        for (int i = 0; i < SILERO_FFT; i++) {
            int turned = bin * i % SILERO_FFT, quarter = SILERO_FFT / 4;
            double window = 0.5 - 0.5 * cosine[i];
            double sine = cosine[(turned + 3 * quarter) % SILERO_FFT];
            const float *row = weights->stft + (size_t)bin * SILERO_FFT;
            const float *sines = row + (size_t)SILERO_BINS * SILERO_FFT;
            if (fabs(row[i] - window * cosine[turned]) > 1e-6 ||
                fabs(sines[i] + window * sine) > 1e-6)
                return error_set(err, PST_ERR_MODEL,
                                 "%s: stft_conv.weight is not the Fourier transform of 256 samples "
                                 "under a Hann window that Silero VAD v6 has",
                                 path);
        }
    return PST_OK;
}

static pst_status read_parts(struct silero_weights *weights, const struct safetensors *file,
                             pst_error *err) {
    size_t total = 0;
    for (int i = 0; i < PART_COUNT; i++) total += part_count(&PARTS[i]);
    *weights = (struct silero_weights){.values = malloc(total * sizeof(float))};
    if (!weights->values) return error_memory(err, total * sizeof(float));
    float *at = weights->values, *hidden_bias = NULL;
    for (int i = 0; i < PART_COUNT; i++) {
        pst_status status = read_part(file, &PARTS[i], at, err);
        if (status) {
            silero_weights_free(weights);
            return status;
        }
        if (PARTS[i].offset != SIZE_MAX)
            memcpy((char *)weights + PARTS[i].offset, &at, sizeof at);
        else if (part_count(&PARTS[i]) == GATES)
            hidden_bias = at;
        else
            weights->output_bias = *at;
        at += part_count(&PARTS[i]);
    }
    for (int i = 0; i < GATES; i++) weights->lstm_bias[i] += hidden_bias[i];
    pst_status status = check_transform(weights, file->path, err);
    if (status) silero_weights_free(weights);
    return status;
}

pst_status silero_weights_open(struct silero_weights *weights, const char *path, pst_error *err) {
    struct safetensors file;
    pst_status status = safetensors_open(&file, path, err);
    if (status) return status;
    status = read_parts(weights, &file, err);
    safetensors_close(&file);
    return status;
}

pst_status silero_weights_parse(struct silero_weights *weights, const unsigned char *bytes,
                                size_t size, const char *name, pst_error *err) {
    struct safetensors file;
    pst_status status = safetensors_parse(&file, bytes, size, name, err);
    if (status) return status;
    status = read_parts(weights, &file, err);
    safetensors_close(&file);
    return status;
}

void silero_weights_free(struct silero_weights *weights) {
    free(weights->values);
    *weights = (struct silero_weights){0};
}
