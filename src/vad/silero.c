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
    MIXED = 2,           /* products of the first convolution that a window comes to */
    FRAMES_AT_ONCE = FOURIER_LANES / PAIRS
};

/* ------------------------------------------------------------------------------------- set up */

/* The products, in their order. Those of the first convolution are explained at convolve_first().
 * Where a row of a convolution meets the zeros around a frame, its taps for them are left out: the
 * upper of the two rows of the second convolution has two, the others that see one or two rows
 * fewer. */
enum product {
    CONV1_BEFORE,
    CONV1_SUM,
    CONV1_DIFFERENCE,
    CONV1_AFTER,
    CONV2_UPPER,
    CONV2_LOWER,
    CONV3,
    CONV4,
    LSTM_INPUT
};

static const struct {
    size_t n, k;
    size_t stride; /* between rows of the weights */
} SIZES[SILERO_PRODUCTS] = {
    {SILERO_WIDTH, SILERO_BINS, SILERO_TAPS *SILERO_BINS},
    {SILERO_WIDTH, SILERO_BINS, SILERO_BINS},
    {SILERO_WIDTH, SILERO_BINS, SILERO_BINS},
    {SILERO_WIDTH, SILERO_BINS, SILERO_TAPS *SILERO_BINS},
    {SILERO_NARROW, 2 * SILERO_WIDTH, SILERO_TAPS *SILERO_WIDTH},
    {SILERO_NARROW, SILERO_TAPS *SILERO_WIDTH, SILERO_TAPS *SILERO_WIDTH},
    {SILERO_NARROW, MIDDLE *SILERO_NARROW, SILERO_TAPS *SILERO_NARROW},
    {SILERO_WIDTH, SILERO_NARROW, SILERO_TAPS *SILERO_NARROW},
    {GATES, SILERO_WIDTH, SILERO_WIDTH},
};

static const struct packed_kernels *packed_of(const struct silero *silero) {
    return silero->kernels->packed[PST_PRECISION_F32];
}

static void lay_out(struct silero *silero, struct arena *arena) {
    const size_t block = (size_t)SILERO_BLOCK * WINDOWS;
    for (int i = 0; i < SILERO_PRODUCTS; i++)
        silero->packed[i] =
            ARENA_TAKE(arena, packed_of(silero)->bytes(SIZES[i].n, SIZES[i].k), unsigned char);
    silero->magnitudes = ARENA_TAKE(arena, block * SILERO_BINS, float);
    silero->mixed = ARENA_TAKE(arena, MIXED * block * SILERO_BINS, float);
    silero->first = ARENA_TAKE(arena, block * SILERO_WIDTH, float);
    silero->second = ARENA_TAKE(arena, block * SILERO_WIDTH, float);
    silero->gates = ARENA_TAKE(arena, (size_t)SILERO_BLOCK * GATES, float);
}

static void pack_product(struct silero *silero, enum product product, const float *weights) {
    size_t n = SIZES[product].n, k = SIZES[product].k;
    packed_of(silero)->pack(silero->packed[product], weights, SIZES[product].stride, n, k);
    silero->products[product] = (struct packed){.data = silero->packed[product],
                                                .n = (uint32_t)n,
                                                .k = (uint32_t)k,
                                                .precision = PST_PRECISION_F32};
}

/* Half of the first tap and the last, and of the middle one with this sign. */
static void mix_taps(const float *conv1, float sign, float *mixed) {
    for (size_t row = 0; row < SILERO_WIDTH; row++, conv1 += SILERO_TAPS * SILERO_BINS)
        for (size_t i = 0; i < SILERO_BINS; i++)
            *mixed++ = (float)(((double)conv1[i] + (double)sign * conv1[SILERO_BINS + i] +
                                conv1[2 * SILERO_BINS + i]) /
                               2);
}

static void pack(struct silero *silero) {
    const struct silero_weights *weights = silero->weights;
    float *mixed = silero->mixed; /* not in use yet */
    pack_product(silero, CONV1_BEFORE, weights->conv1);
    mix_taps(weights->conv1, 1, mixed);
    pack_product(silero, CONV1_SUM, mixed);
    mix_taps(weights->conv1, -1, mixed);
    pack_product(silero, CONV1_DIFFERENCE, mixed);
    pack_product(silero, CONV1_AFTER, weights->conv1 + (size_t)2 * SILERO_BINS);
    pack_product(silero, CONV2_UPPER, weights->conv2 + SILERO_WIDTH);
    pack_product(silero, CONV2_LOWER, weights->conv2);
    pack_product(silero, CONV3, weights->conv3 + SILERO_NARROW);
    pack_product(silero, CONV4, weights->conv4 + SILERO_NARROW);
    pack_product(silero, LSTM_INPUT, weights->lstm_input);
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

/* Rows of a product: so many floats apart. */
struct rows {
    float *at;
    size_t stride;
};

/* y [m, n] = x [m, k] w_t + bias [n]; without a bias it is added to y. */
static void multiply(const struct silero *silero, enum product product, struct rows y,
                     struct rows x, size_t m, const float *bias) {
    const struct packed *w = &silero->products[product];
    struct packed_matmul args = {.y = y.at,
                                 .x = x.at,
                                 .w = w,
                                 .bias = bias,
                                 .y_stride = y.stride,
                                 .x_stride = x.stride * sizeof *x.at,
                                 .m = m,
                                 .n = w->n,
                                 .accumulate = !bias};
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

/* x [BINS] of the four windows of a frame to what the products of a pair of them read. Outside the
 * frame is 0. */
static void mix_rows(const float *restrict x, float *restrict before, float *restrict sum,
                     float *restrict difference, float *restrict after) {
    const float *x0 = x, *x1 = x0 + SILERO_BINS, *x2 = x1 + SILERO_BINS, *x3 = x2 + SILERO_BINS;
    for (size_t i = 0; i < SILERO_BINS; i++) {
        before[i] = -x1[i];
        sum[i] = x0[i] + x1[i];
        difference[i] = x1[i] - x0[i];
        after[i] = x2[i] - x0[i];
        before[SILERO_BINS + i] = x1[i] - x3[i];
        sum[SILERO_BINS + i] = x2[i] + x3[i];
        difference[SILERO_BINS + i] = x3[i] - x2[i];
        after[SILERO_BINS + i] = -x2[i];
    }
}

/* The first convolution, two windows b and c at a time, with a before and d after them. By the
 * taps f, g and h they become a f + b g + c h and b f + c g + d h: six products, or four
 * (Winograd), as
 *
 *     s = (b + c) (f + g + h) / 2,  t = (c - b) (f - g + h) / 2
 *     s + t + (a - c) f  and  s - t + (d - b) h
 *
 * magnitudes [count, WINDOWS, BINS] to first [count, WINDOWS, WIDTH]. */
static void convolve_first(struct silero *silero, size_t count) {
    const size_t pairs = count * PAIRS, size = pairs * SILERO_BINS;
    static const float none[SILERO_WIDTH] = {0};
    float *before = silero->mixed, *sum = before + size, *difference = sum + size;
    float *after = difference + size, *out = silero->first, *t = silero->second;
    for (size_t i = 0; i < count; i++) {
        size_t at = i * PAIRS * SILERO_BINS;
        mix_rows(silero->magnitudes + 2 * at, before + at, sum + at, difference + at, after + at);
    }
    const struct rows one = {out, 2 * SILERO_WIDTH}, other = {out + SILERO_WIDTH, one.stride};
    multiply(silero, CONV1_SUM, one, (struct rows){sum, SILERO_BINS}, pairs,
             silero->weights->conv1_bias);
    multiply(silero, CONV1_DIFFERENCE, (struct rows){t, SILERO_WIDTH},
             (struct rows){difference, SILERO_BINS}, pairs, none);
    for (size_t pair = 0; pair < pairs; pair++, out += 2 * SILERO_WIDTH, t += SILERO_WIDTH)
        for (size_t i = 0; i < SILERO_WIDTH; i++) {
            out[SILERO_WIDTH + i] = out[i] - t[i];
            out[i] += t[i];
        }
    multiply(silero, CONV1_BEFORE, one, (struct rows){before, SILERO_BINS}, pairs, NULL);
    multiply(silero, CONV1_AFTER, other, (struct rows){after, SILERO_BINS}, pairs, NULL);
    relu(silero->first, pairs * 2 * SILERO_WIDTH);
}

/* All before the LSTM: samples to gates [count, GATES]. The rows that a convolution sees follow
 * each other: they are read where they lie. */
static void encode(struct silero *silero, const float *samples, size_t count) {
    const struct silero_weights *weights = silero->weights;
    float *first = silero->first, *second = silero->second;
    const struct rows wide = {first, WINDOWS * SILERO_WIDTH};
    const struct rows middle = {second, MIDDLE * SILERO_NARROW};
    const struct rows narrow = {first, SILERO_NARROW}, last = {second, SILERO_WIDTH};
    transform(silero, samples, count, silero->magnitudes);
    convolve_first(silero, count);
    multiply(silero, CONV2_UPPER, middle, wide, count, weights->conv2_bias);
    multiply(silero, CONV2_LOWER, (struct rows){second + SILERO_NARROW, middle.stride},
             (struct rows){first + SILERO_WIDTH, wide.stride}, count, weights->conv2_bias);
    relu(second, count * MIDDLE * SILERO_NARROW);
    multiply(silero, CONV3, narrow, middle, count, weights->conv3_bias);
    relu(first, count * SILERO_NARROW);
    multiply(silero, CONV4, last, narrow, count, weights->conv4_bias);
    relu(second, count * SILERO_WIDTH);
    multiply(silero, LSTM_INPUT, (struct rows){silero->gates, GATES}, last, count,
             weights->lstm_bias);
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
