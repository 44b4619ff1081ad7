/* silero.c - see silero.h. */
#include "vad/silero.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

enum {
    HOP = 128,   /* samples between windows of the transform */
    WINDOWS = 4, /* windows of a frame */
    MIDDLE = 2,  /* rows after the second convolution, which takes every other */
    GATES = 4 * SILERO_WIDTH,
    MIRRORED = 64, /* samples after the frame: those before its end, backwards */
    INPUT = SILERO_CONTEXT + VAD_FRAME + MIRRORED,
    PAIRS = WINDOWS / 2, /* of windows, each transformed as one of complex numbers */
    FRAMES_AT_ONCE = FOURIER_LANES / PAIRS
};

/* ------------------------------------------------------------------------------------- set up */

/* The products, in their order. Of the last two convolutions, which see one or two rows, the taps
 * are left out that meet nothing but zeros. */
enum product { CONV1, CONV2, CONV3, CONV4, LSTM_INPUT };

static const struct {
    size_t n, k;
    size_t stride; /* between rows of the weights */
} SIZES[SILERO_PRODUCTS] = {
    {SILERO_WIDTH, SILERO_TAPS *SILERO_BINS, SILERO_TAPS *SILERO_BINS},
    {SILERO_NARROW, SILERO_TAPS *SILERO_WIDTH, SILERO_TAPS *SILERO_WIDTH},
    {SILERO_NARROW, MIDDLE *SILERO_NARROW, SILERO_TAPS *SILERO_NARROW},
    {SILERO_WIDTH, SILERO_NARROW, SILERO_TAPS *SILERO_NARROW},
    {GATES, SILERO_WIDTH, SILERO_WIDTH},
};

static const struct packed_kernels *packed_of(const struct silero *silero) {
    return silero->kernels->packed[PST_PRECISION_F32];
}

/* A row of every layer fits: the widest are the windows of the first convolution. */
static void lay_out(struct silero *silero, struct arena *arena) {
    const size_t block = (size_t)SILERO_BLOCK * WINDOWS, widest = SILERO_TAPS * SILERO_BINS;
    for (int i = 0; i < SILERO_PRODUCTS; i++)
        silero->packed[i] =
            ARENA_TAKE(arena, packed_of(silero)->bytes(SIZES[i].n, SIZES[i].k), unsigned char);
    silero->rows = ARENA_TAKE(arena, block * widest, float);
    silero->magnitudes = ARENA_TAKE(arena, block * SILERO_BINS, float);
    silero->first = ARENA_TAKE(arena, block * SILERO_WIDTH, float);
    silero->second = ARENA_TAKE(arena, block * SILERO_WIDTH, float);
    silero->gates = ARENA_TAKE(arena, (size_t)SILERO_BLOCK * GATES, float);
}

static void pack(struct silero *silero) {
    const struct silero_weights *weights = silero->weights;
    const float *const sources[SILERO_PRODUCTS] = {
        weights->conv1, weights->conv2, weights->conv3 + SILERO_NARROW,
        weights->conv4 + SILERO_NARROW, weights->lstm_input};
    for (int i = 0; i < SILERO_PRODUCTS; i++) {
        size_t n = SIZES[i].n, k = SIZES[i].k;
        packed_of(silero)->pack(silero->packed[i], sources[i], SIZES[i].stride, n, k);
        silero->products[i] = (struct packed){.data = silero->packed[i],
                                              .n = (uint32_t)n,
                                              .k = (uint32_t)k,
                                              .precision = PST_PRECISION_F32};
    }
}

pst_status silero_init(struct silero *silero, const struct silero_weights *weights,
                       const struct kernels *kernels, pst_error *err) {
    struct arena counted = {0};
    *silero = (struct silero){.weights = weights, .kernels = kernels};
    lay_out(silero, &counted);
    if (!arena_allocate(&silero->arena, counted.used)) return error_memory(err, counted.used);
    lay_out(silero, &silero->arena);
    pack(silero);
    fourier_init(&silero->fourier, SILERO_FFT);
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

/* y [m, n] = x [m, k] w_t + bias [n] */
static void multiply(const struct silero *silero, enum product product, float *y, const float *x,
                     size_t m, const float *bias) {
    const struct packed *w = &silero->products[product];
    struct packed_matmul args = {.y = y,
                                 .x = x,
                                 .w = w,
                                 .bias = bias,
                                 .y_stride = w->n,
                                 .x_stride = w->k * sizeof *x,
                                 .m = m,
                                 .n = w->n};
    packed_of(silero)->matmul(&args);
}

static void relu(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays */
}

/* The frame with what is before and, mirrored, after it. */
static void surround(struct silero *silero, const float *frame, float *input) {
    memcpy(input, silero->context, sizeof silero->context);
    memcpy(input + SILERO_CONTEXT, frame, VAD_FRAME * sizeof *frame);
    for (int k = 0; k < MIRRORED; k++)
        input[SILERO_CONTEXT + VAD_FRAME + k] = frame[VAD_FRAME - 2 - k];
    memcpy(silero->context, frame + VAD_FRAME - SILERO_CONTEXT, sizeof silero->context);
}

/* Two windows of real numbers are one of complex numbers: what is even about the middle of its
 * transform belongs to the first, what is odd to the second. rows [FRAMES_AT_ONCE, WINDOWS, BINS]
 * of `count` frames are written. */
static void take_magnitudes(const struct fourier_values *values, float *rows, size_t count) {
    for (size_t bin = 0; bin < SILERO_BINS; bin++) {
        const float *real = values->real[bin], *imaginary = values->imaginary[bin];
        size_t mirror = (SILERO_FFT - bin) % SILERO_FFT;
        const float *real_m = values->real[mirror], *imaginary_m = values->imaginary[mirror];
        float first[FOURIER_LANES], second[FOURIER_LANES];
        for (int lane = 0; lane < FOURIER_LANES; lane++) {
            float a = real[lane] + real_m[lane], b = imaginary[lane] - imaginary_m[lane];
            float c = imaginary[lane] + imaginary_m[lane], d = real[lane] - real_m[lane];
            first[lane] = 0.5F * sqrtf(a * a + b * b);
            second[lane] = 0.5F * sqrtf(c * c + d * d);
        }
        for (size_t lane = 0; lane < count * PAIRS; lane++) {
            rows[2 * lane * SILERO_BINS + bin] = first[lane];
            rows[(2 * lane + 1) * SILERO_BINS + bin] = second[lane];
        }
    }
}

/* samples [count, VAD_FRAME] to magnitudes [count, WINDOWS, BINS]. */
static void transform(struct silero *silero, const float *samples, size_t count,
                      float *magnitudes) {
    const struct fourier *fourier = &silero->fourier;
    for (size_t done = 0; done < count; done += FRAMES_AT_ONCE) {
        size_t some = count - done < FRAMES_AT_ONCE ? count - done : FRAMES_AT_ONCE;
        struct fourier_values values;
        float input[FRAMES_AT_ONCE][INPUT] = {{0}};
        for (size_t i = 0; i < some; i++)
            surround(silero, samples + (done + i) * VAD_FRAME, input[i]);
        for (int i = 0; i < SILERO_FFT; i++) {
            int to = fourier->reversed[i];
            for (int lane = 0; lane < FOURIER_LANES; lane++) {
                const float *at = input[lane / PAIRS] + (size_t)(lane % PAIRS) * 2 * HOP + i;
                values.real[to][lane] = at[0] * fourier->window[i];
                values.imaginary[to][lane] = at[HOP] * fourier->window[i];
            }
        }
        fourier_transform(fourier, &values);
        take_magnitudes(&values, magnitudes + done * WINDOWS * SILERO_BINS, some);
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

/* All before the LSTM: samples to gates [count, GATES]. */
static void encode(struct silero *silero, const float *samples, size_t count) {
    const struct silero_weights *weights = silero->weights;
    float *first = silero->first, *second = silero->second, *rows = silero->rows;
    size_t windows = count * WINDOWS, middle = count * MIDDLE;
    transform(silero, samples, count, silero->magnitudes);
    cut_rows(silero, silero->magnitudes, count, WINDOWS, SILERO_BINS, 1);
    multiply(silero, CONV1, second, rows, windows, weights->conv1_bias);
    relu(second, windows * SILERO_WIDTH);
    cut_rows(silero, second, count, WINDOWS, SILERO_WIDTH, 2);
    multiply(silero, CONV2, first, rows, middle, weights->conv2_bias);
    relu(first, middle * SILERO_NARROW);
    multiply(silero, CONV3, second, first, count, weights->conv3_bias);
    relu(second, count * SILERO_NARROW);
    multiply(silero, CONV4, first, second, count, weights->conv4_bias);
    relu(first, count * SILERO_WIDTH);
    multiply(silero, LSTM_INPUT, silero->gates, first, count, weights->lstm_bias);
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
