/* packed_reference.c - packed products in plain loops: the definition that the fast sets are tested
 * against, and what runs where there is none. A row of weights is stored as it is read; an int8 row
 * has its scale before it. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

/* Rows start on a cache line. */
static size_t padded(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

static float row_maximum(const float *x, size_t k) {
    float largest = 0;
    for (size_t l = 0; l < k; l++) {
        float size = fabsf(x[l]);
        if (!(size <= largest)) largest = size; /* a NaN is taken, and then kept */
        if (isnan(largest)) return largest;
    }
    return largest;
}

/* The scale of a row whose largest magnitude is `largest`; one that is not finite makes the row
 * NaN. */
static float scale_of(float largest) {
    return isfinite(largest) ? largest / 127 : NAN;
}

/* Only a row that is all but 0, or NaN, has a scale without a normal reciprocal. */
static float inverse_of(float scale) {
    return scale >= FLT_MIN ? 1 / scale : 0;
}

/* NaN becomes the smallest value; its scale is finite only when that is fixed. */
static int8_t quantize(float value, float inverse) {
    float q = value * inverse;
    if (!(q > -127)) q = -127;
    return (int8_t)rintf(q < 127 ? q : 127);
}

/* ----------------------------------------------------------------------------------------- f32 */

static size_t bytes_f32(size_t n, size_t k) {
    return n * padded(k * sizeof(float));
}

static void pack_f32(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    memset(data, 0, bytes_f32(n, k));
    for (size_t j = 0; j < n; j++)
        memcpy(data + j * padded(k * sizeof *w), w + j * w_stride, k * sizeof *w);
}

static void finish(const struct packed_matmul *a, size_t i, size_t j, float value) {
    float *y = &a->y[i * a->y_stride + j];
    if (a->bias) value += a->bias[j];
    *y = a->accumulate ? *y + value : value;
}

static void matmul_f32(const struct packed_matmul *a) {
    size_t k = a->w->k;
    for (size_t i = 0; i < a->m; i++) {
        const float *x = (const float *)((const unsigned char *)a->x + i * a->x_stride);
        for (size_t j = 0; j < a->n; j++) {
            const unsigned char *row = a->w->data + (a->first + j) * padded(k * sizeof(float));
            const float *w = (const float *)row;
            float sum = 0;
            for (size_t l = 0; l < k; l++) sum += x[l] * w[l];
            finish(a, i, j, sum);
        }
    }
}

/* ---------------------------------------------------------------------------------------- bf16 */

static size_t bytes_bf16(size_t n, size_t k) {
    return n * padded(k * sizeof(uint16_t));
}

static void pack_bf16(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    memset(data, 0, bytes_bf16(n, k));
    for (size_t j = 0; j < n; j++) {
        uint16_t *row = (uint16_t *)(data + j * padded(k * sizeof *row));
        for (size_t l = 0; l < k; l++) row[l] = bf16_of_float(w[j * w_stride + l]);
    }
}

static void prepare_bf16(void *rows, size_t rows_stride, float *scale, const float *fixed,
                         const float *x, size_t x_stride, size_t m, size_t k) {
    (void)scale;
    (void)fixed;
    for (size_t i = 0; i < m; i++) {
        uint16_t *row = (uint16_t *)((unsigned char *)rows + i * rows_stride);
        for (size_t l = 0; l < k; l++) row[l] = bf16_of_float(x[i * x_stride + l]);
    }
}

static void matmul_bf16(const struct packed_matmul *a) {
    size_t k = a->w->k;
    for (size_t i = 0; i < a->m; i++) {
        const uint16_t *x = (const uint16_t *)((const unsigned char *)a->x + i * a->x_stride);
        for (size_t j = 0; j < a->n; j++) {
            const unsigned char *row = a->w->data + (a->first + j) * padded(k * sizeof(uint16_t));
            const uint16_t *w = (const uint16_t *)row;
            float sum = 0;
            for (size_t l = 0; l < k; l++) sum += float_of_bf16(x[l]) * float_of_bf16(w[l]);
            finish(a, i, j, sum);
        }
    }
}

/* ---------------------------------------------------------------------------------------- int8 */

/* A row: its scale, then its values. */
static size_t row_int8(size_t k) {
    return padded(sizeof(float) + k);
}

static size_t bytes_int8(size_t n, size_t k) {
    return n * row_int8(k);
}

static void pack_int8(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    memset(data, 0, bytes_int8(n, k));
    for (size_t j = 0; j < n; j++) {
        unsigned char *row = data + j * row_int8(k);
        float scale = scale_of(row_maximum(w + j * w_stride, k)), inverse = inverse_of(scale);
        int8_t *q = (int8_t *)(row + sizeof scale);
        memcpy(row, &scale, sizeof scale);
        for (size_t l = 0; l < k; l++) q[l] = quantize(w[j * w_stride + l], inverse);
    }
}

static void prepare_int8(void *rows, size_t rows_stride, float *scale, const float *fixed,
                         const float *x, size_t x_stride, size_t m, size_t k) {
    for (size_t i = 0; i < m; i++) {
        int8_t *row = (int8_t *)rows + i * rows_stride;
        float step = fixed ? *fixed : scale_of(row_maximum(x + i * x_stride, k));
        if (!fixed) scale[i] = step;
        for (size_t l = 0; l < k; l++) row[l] = quantize(x[i * x_stride + l], inverse_of(step));
    }
}

static void matmul_int8(const struct packed_matmul *a) {
    size_t k = a->w->k;
    for (size_t i = 0; i < a->m; i++) {
        const int8_t *x = (const int8_t *)a->x + i * a->x_stride;
        float x_scale = a->x_scale[i * a->x_scale_step];
        for (size_t j = 0; j < a->n; j++) {
            const unsigned char *row = a->w->data + (a->first + j) * row_int8(k);
            const int8_t *w = (const int8_t *)(row + sizeof(float));
            float w_scale;
            int32_t sum = 0;
            memcpy(&w_scale, row, sizeof w_scale);
            for (size_t l = 0; l < k; l++) sum += (int32_t)x[l] * w[l];
            finish(a, i, j, (float)sum * (w_scale * x_scale));
        }
    }
}

/* Sums that cannot be folded: the compiler does not know the factor. */
static double spin_float(size_t rounds) {
    float sums[8] = {0};
    volatile float factor = 0.5f;
    float x = factor;
    for (size_t i = 0; i < rounds; i++)
        for (int s = 0; s < 8; s++) sums[s] = sums[s] * x + x;
    for (int s = 0; s < 8; s++) factor = sums[s];
    return 2.0 * 8 * (double)rounds;
}

static double spin_int(size_t rounds) {
    uint32_t sums[8] = {0};
    volatile uint32_t factor = 3;
    uint32_t x = factor;
    for (size_t i = 0; i < rounds; i++)
        for (int s = 0; s < 8; s++) sums[s] = sums[s] * x + x;
    for (int s = 0; s < 8; s++) factor = sums[s];
    return 2.0 * 8 * (double)rounds;
}

const struct packed_kernels packed_reference_f32 = {
    .layout = "reference_f32",
    .columns = 1,
    .bytes = bytes_f32,
    .pack = pack_f32,
    .element_bytes = sizeof(float),
    .matmul = matmul_f32,
    .spin = spin_float,
};

const struct packed_kernels packed_reference_bf16 = {
    .layout = "reference_bf16",
    .columns = 1,
    .bytes = bytes_bf16,
    .pack = pack_bf16,
    .element_bytes = sizeof(uint16_t),
    .prepare = prepare_bf16,
    .matmul = matmul_bf16,
    .spin = spin_float,
};

const struct packed_kernels packed_reference_int8 = {
    .layout = "reference_int8",
    .columns = 1,
    .bytes = bytes_int8,
    .pack = pack_int8,
    .element_bytes = 1,
    .prepare = prepare_int8,
    .matmul = matmul_int8,
    .spin = spin_int,
};
