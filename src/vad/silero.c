/* silero.c - see silero.h. */
#include "vad/silero.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

enum {
    HOP = 128,   /* samples between windows of the transform */
    WINDOWS = 4, /* windows of a frame */
    MIDDLE = 2,  /* rows after the second convolution, which takes every other */
    GATES = 4 * SILERO_WIDTH,
    MIRRORED = 64, /* samples after the frame: those before its end, backwards */
    INPUT = SILERO_CONTEXT + VAD_FRAME + MIRRORED
};

/* ------------------------------------------------------------------------------------- set up */

/* A row of every layer fits: the widest are the windows of the first convolution. */
static void lay_out(struct silero *silero, struct arena *arena) {
    const size_t block = (size_t)SILERO_BLOCK * WINDOWS, widest = SILERO_TAPS * SILERO_BINS;
    silero->rows = ARENA_TAKE(arena, block * widest, float);
    silero->first = ARENA_TAKE(arena, block * 2 * SILERO_BINS, float);
    silero->second = ARENA_TAKE(arena, block * SILERO_WIDTH, float);
    silero->gates = ARENA_TAKE(arena, (size_t)SILERO_BLOCK * GATES, float);
    silero->scratch = ARENA_TAKE(arena, KERNELS_PANEL_MAX * widest, float);
}

pst_status silero_init(struct silero *silero, const struct silero_weights *weights,
                       const struct kernels *kernels, pst_error *err) {
    struct arena counted = {0};
    *silero = (struct silero){.weights = weights, .kernels = kernels};
    lay_out(silero, &counted);
    if (!arena_allocate(&silero->arena, counted.used)) return error_memory(err, counted.used);
    lay_out(silero, &silero->arena);
    return PST_OK;
}

void silero_free(struct silero *silero) {
    arena_free(&silero->arena);
}

void silero_reset(struct silero *silero) {
    memset(silero->context, 0, sizeof silero->context);
    memset(silero->hidden, 0, sizeof silero->hidden);
    memset(silero->cell, 0, sizeof silero->cell);
}

/* ------------------------------------------------------------------------------------- layers */

/* y [m, n] = x [m, k] w_t + bias */
static void multiply(const struct silero *silero, float *y, const float *x, size_t m, size_t k,
                     const float *w, size_t w_stride, const float *bias, size_t n) {
    struct matmul args = {.y = y,
                          .x = x,
                          .w = w,
                          .bias = bias,
                          .y_stride = n,
                          .x_stride = k,
                          .w_stride = w_stride,
                          .m = m,
                          .n = n,
                          .k = k,
                          .scale = 1};
    silero->kernels->matmul(&args, silero->scratch);
}

static void relu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (x[i] < 0) x[i] = 0; /* NaN stays */
}

/* The windows of samples that the transform sees: rows [count, WINDOWS, FFT]. */
static void cut_windows(struct silero *silero, const float *samples, size_t count) {
    float input[INPUT];
    float *row = silero->rows;
    for (size_t i = 0; i < count; i++) {
        const float *frame = samples + i * VAD_FRAME;
        memcpy(input, silero->context, sizeof silero->context);
        memcpy(input + SILERO_CONTEXT, frame, VAD_FRAME * sizeof *frame);
        for (int k = 0; k < MIRRORED; k++)
            input[SILERO_CONTEXT + VAD_FRAME + k] = frame[VAD_FRAME - 2 - k];
        memcpy(silero->context, frame + VAD_FRAME - SILERO_CONTEXT, sizeof silero->context);
        for (int k = 0; k < WINDOWS; k++, row += SILERO_FFT)
            memcpy(row, input + (size_t)k * HOP, SILERO_FFT * sizeof *row);
    }
}

/* In place: [count, 2 * BINS] cosines and sines to [count, BINS] magnitudes. */
static void take_magnitudes(float *x, size_t count) {
    float *out = x;
    for (size_t i = 0; i < count; i++) {
        const float *row = x + i * 2 * SILERO_BINS;
        for (size_t k = 0; k < SILERO_BINS; k++, out++) {
            float real = row[k], imaginary = row[SILERO_BINS + k];
            *out = sqrtf(real * real + imaginary * imaginary);
        }
    }
}

/* The windows of rows that a convolution sees: x [count, height, width] to rows
 * [count, height / step, TAPS, width]; outside is 0. */
static void cut_rows(struct silero *silero, const float *x, size_t count, size_t height,
                     size_t width, size_t step) {
    float *out = silero->rows;
    for (size_t i = 0; i < count; i++, x += height * width)
        for (size_t at = 0; at < height; at += step)
            for (size_t tap = 0; tap < SILERO_TAPS; tap++, out += width) {
                size_t row = at + tap; /* and one less */
                if (row == 0 || row > height)
                    memset(out, 0, width * sizeof *out);
                else
                    memcpy(out, x + (row - 1) * width, width * sizeof *out);
            }
}

/* All before the LSTM: samples to second [count, WIDTH]. Of the last two convolutions, which see
 * one or two rows, the taps are left out that meet nothing but zeros. */
static void encode(struct silero *silero, const float *samples, size_t count) {
    const struct silero_weights *weights = silero->weights;
    float *first = silero->first, *second = silero->second, *rows = silero->rows;
    size_t windows = count * WINDOWS, middle = count * MIDDLE;
    cut_windows(silero, samples, count);
    multiply(silero, first, rows, windows, SILERO_FFT, weights->stft, SILERO_FFT, NULL,
             2 * SILERO_BINS);
    take_magnitudes(first, windows);
    cut_rows(silero, first, count, WINDOWS, SILERO_BINS, 1);
    multiply(silero, second, rows, windows, SILERO_TAPS * SILERO_BINS, weights->conv1,
             SILERO_TAPS * SILERO_BINS, weights->conv1_bias, SILERO_WIDTH);
    relu(second, windows * SILERO_WIDTH);
    cut_rows(silero, second, count, WINDOWS, SILERO_WIDTH, 2);
    multiply(silero, first, rows, middle, SILERO_TAPS * SILERO_WIDTH, weights->conv2,
             SILERO_TAPS * SILERO_WIDTH, weights->conv2_bias, SILERO_NARROW);
    relu(first, middle * SILERO_NARROW);
    multiply(silero, second, first, count, MIDDLE * SILERO_NARROW, weights->conv3 + SILERO_NARROW,
             SILERO_TAPS * SILERO_NARROW, weights->conv3_bias, SILERO_NARROW);
    relu(second, count * SILERO_NARROW);
    multiply(silero, first, second, count, SILERO_NARROW, weights->conv4 + SILERO_NARROW,
             SILERO_TAPS * SILERO_NARROW, weights->conv4_bias, SILERO_WIDTH);
    relu(first, count * SILERO_WIDTH);
    multiply(silero, silero->gates, first, count, SILERO_WIDTH, weights->lstm_input, SILERO_WIDTH,
             weights->lstm_bias, GATES);
}

/* In place. The logistic function is a tanh of half the argument, which the kernels have. */
static void sigmoid(const struct kernels *kernels, float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= 0.5F;
    kernels->tanh(x, count);
    for (size_t i = 0; i < count; i++) x[i] = 0.5F + 0.5F * x[i];
}

/* A step of the LSTM over `gates` [GATES], which have the part of the input. */
static void step(struct silero *silero, float *gates) {
    const struct kernels *kernels = silero->kernels;
    struct matmul args = {.y = gates,
                          .x = silero->hidden,
                          .w = silero->weights->lstm_hidden,
                          .y_stride = GATES,
                          .x_stride = SILERO_WIDTH,
                          .w_stride = SILERO_WIDTH,
                          .m = 1,
                          .n = GATES,
                          .k = SILERO_WIDTH,
                          .scale = 1,
                          .accumulate = 1};
    kernels->matmul(&args, NULL);
    float *input = gates, *forget = input + SILERO_WIDTH, *cell = forget + SILERO_WIDTH;
    float *output = cell + SILERO_WIDTH, *hidden = silero->hidden;
    sigmoid(kernels, input, (size_t)2 * SILERO_WIDTH);
    kernels->tanh(cell, SILERO_WIDTH);
    sigmoid(kernels, output, SILERO_WIDTH);
    for (int i = 0; i < SILERO_WIDTH; i++) {
        silero->cell[i] = forget[i] * silero->cell[i] + input[i] * cell[i];
        hidden[i] = silero->cell[i];
    }
    kernels->tanh(hidden, SILERO_WIDTH);
    for (int i = 0; i < SILERO_WIDTH; i++) hidden[i] *= output[i];
}

/* A sample that is not finite would be remembered for ever: then the memory is cleared. */
static float probability(struct silero *silero) {
    const struct silero_weights *weights = silero->weights;
    float sum = weights->output_bias;
    for (int i = 0; i < SILERO_WIDTH; i++) {
        float value = silero->hidden[i] < 0 ? 0 : silero->hidden[i];
        sum += value * weights->output[i];
    }
    if (!isfinite(sum)) {
        memset(silero->hidden, 0, sizeof silero->hidden);
        memset(silero->cell, 0, sizeof silero->cell);
        return 0;
    }
    sigmoid(silero->kernels, &sum, 1);
    return sum;
}

void silero_run(struct silero *silero, const float *samples, size_t count, float *out) {
    while (count > 0) {
        size_t block = count < SILERO_BLOCK ? count : SILERO_BLOCK;
        encode(silero, samples, block);
        for (size_t i = 0; i < block; i++) {
            step(silero, silero->gates + i * GATES);
            *out++ = probability(silero);
        }
        samples += block * VAD_FRAME;
        count -= block;
    }
}
