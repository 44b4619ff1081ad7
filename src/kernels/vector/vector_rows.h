/* vector_rows.h - a row of numbers at a time: sums, norms, softmax, attention, on any vector set.
 *
 * Included once by avx2.c, avx512.c and neon.c after vector_math.h and vector_matmul.h. Sums that
 * run over thousands of values are kept in double, LANES / 2 of them at a time in two halves. */
#ifndef PST_KERNELS_VECTOR_VECTOR_ROWS_H
#define PST_KERNELS_VECTOR_VECTOR_ROWS_H

#include "kernels/vector/vector_attend.h"

static void add(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(y + i) + v_load(x + i));
    for (; i < n; i++) y[i] += x[i];
}

static void affine(float *x, const float *scale, const float *shift, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(x + i, v_fma(v_load(x + i), v_load(scale + i), v_load(shift + i)));
    for (; i < n; i++) x[i] = fmaf(x[i], scale[i], shift[i]);
}

static double sum_of(const float *x, size_t n) {
    vdouble low = d_set(0), high = d_set(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat value = v_load(x + i);
        low += v_low(value);
        high += v_high(value);
    }
    double sum = d_total(low + high);
    for (; i < n; i++) sum += x[i];
    return sum;
}

static double sum_squares(const float *x, size_t n, double mean) {
    vdouble low = d_set(0), high = d_set(0), middle = d_set(mean);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat value = v_load(x + i);
        vdouble a = v_low(value) - middle, b = v_high(value) - middle;
        low += a * a;
        high += b * b;
    }
    double sum = d_total(low + high);
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static void layer_norm(float *y, const float *x, const float *weight, size_t n, float epsilon) {
    float mean = (float)(sum_of(x, n) / (double)n);
    double variance = sum_squares(x, n, mean) / (double)n;
    float scale = (float)(1.0 / sqrt(variance + epsilon));
    vfloat middle = v_set(mean), factor = v_set(scale);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, (v_load(x + i) - middle) * factor * v_load(weight + i));
    for (; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i];
}

/* The largest number; NaN is ignored; -inf when there is no number. */
static float largest(const float *x, size_t n) {
    vfloat a = v_set(-INFINITY), b = a;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) { /* two chains: a maximum takes 4 cycles */
        a = v_max_number(a, v_load(x + i));
        b = v_max_number(b, v_load(x + i + LANES));
    }
    float max = v_highest(v_max_number(a, b));
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

/* The last, partial vector is filled up with -inf, whose exponentials are 0, and waits in a
 * register: loading what was just stored in part would stall. */
static void softmax(float *x, size_t n) {
    vfloat max = v_set(largest(x, n)), nothing = v_set(-INFINITY), sum = v_set(0), last = sum;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat e = v_exp(v_load(x + i) - max);
        v_store(x + i, e);
        sum += e;
    }
    if (i < n) {
        last = v_exp(v_load_some(x + i, n - i, nothing) - max);
        sum += last;
    }
    vfloat scale = v_set(1.0f / v_total(sum));
    for (i = 0; i + LANES <= n; i += LANES) v_store(x + i, v_load(x + i) * scale);
    if (i < n) v_store_some(x + i, last * scale, n - i);
}

static void log_softmax(float *y, const float *x, size_t n) {
    float top = largest(x, n);
    vfloat max = v_set(top), nothing = v_set(-INFINITY);
    vdouble low = d_set(0), high = d_set(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat e = v_exp(v_load(x + i) - max);
        low += v_low(e);
        high += v_high(e);
    }
    if (i < n) {
        vfloat e = v_exp(v_load_some(x + i, n - i, nothing) - max);
        low += v_low(e);
        high += v_high(e);
    }
    float log_sum = (float)log(d_total(low + high));
    for (i = 0; i + LANES <= n; i += LANES) v_store(y + i, v_load(x + i) - max - v_set(log_sum));
    for (; i < n; i++) y[i] = x[i] - top - log_sum;
}

/* Two passes: the value first, then where it stands. The second stops early and neither carries
 * indices along. With nothing but NaN no place equals the -inf of the first pass: index 0. */
static size_t argmax(const float *x, size_t n) {
    float max = largest(x, n);
    vfloat wanted = v_set(max);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        int lane = v_first_equal(v_load(x + i), wanted);
        if (lane < LANES) return i + (size_t)lane;
    }
    for (; i < n; i++)
        if (x[i] == max) return i;
    return 0;
}

/* Row t of the cache. */
static inline const float *cache_row(const struct attend *a, const float *cache, size_t t) {
    return cache + (a->rows ? (size_t)a->rows[t] : t) * a->stride;
}

/* out[0 .. columns) = sum of scores[t] * v[t], `vectors` of them at once, in two chains (even and
 * odd t) because a fused multiply-add takes 4 cycles. */
ALWAYS_INLINE void context_columns(const struct attend *a, size_t column, size_t columns,
                                   int vectors) {
    vfloat sum[2][CONTEXT_VECTORS];
    size_t last = columns - (size_t)(vectors - 1) * LANES; /* values of the last vector */
    UNROLL for (int v = 0; v < vectors; v++) sum[0][v] = sum[1][v] = v_set(0);
    for (size_t t = 0; t < a->count; t += 2) {
        UNROLL for (int odd = 0; odd < 2; odd++) {
            if (t + (size_t)odd >= a->count) break;
            vfloat weight = v_set(a->scores[t + (size_t)odd]);
            const float *row = cache_row(a, a->v, t + (size_t)odd) + column;
            UNROLL for (int v = 0; v < vectors; v++) {
                const float *at = row + v * LANES;
                int whole = v < vectors - 1 || last == LANES;
                sum[odd][v] = v_fma(weight, whole ? v_load(at) : v_load_some(at, last, v_set(0)),
                                    sum[odd][v]);
            }
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        vfloat total = sum[0][v] + sum[1][v];
        size_t here = v < vectors - 1 ? LANES : last;
        v_store_some(a->out + column + (size_t)v * LANES, total, here);
    }
}

static void attend(const struct attend *a) {
    for (size_t t = 0; t < a->count; t += DOT_COLUMNS) {
        size_t rows = at_most(a->count - t, DOT_COLUMNS);
        const float *k[DOT_COLUMNS];
        float sums[1][DOT_COLUMNS];
        for (size_t c = 0; c < DOT_COLUMNS; c++)
            k[c] = cache_row(a, a->k, t + at_most(c, rows - 1));
        dot_rows(sums, a->q, 0, k, a->head_dim, DOT_COLUMNS * a->stride, 1);
        for (size_t c = 0; c < rows; c++) a->scores[t + c] = sums[0][c] * a->scale;
    }
    softmax(a->scores, a->count);
    for (size_t d = 0; d < a->head_dim; d += CONTEXT_VECTORS * LANES) {
        size_t columns = at_most(a->head_dim - d, CONTEXT_VECTORS * LANES);
        switch ((columns + LANES - 1) / LANES) {
        case 1: context_columns(a, d, columns, 1); break;
        case 2: context_columns(a, d, columns, 2); break;
        case 3: context_columns(a, d, columns, 3); break;
        case 4: context_columns(a, d, columns, 4); break;
        }
    }
}

/* Whole vectors of interleaved pairs: x * (c0 c0 c1 c1 ..) + (x1 x0 x3 x2 ..) * (-s0 s0 -s1 s1
 * ..). */
static void rotate(float *x, size_t heads, size_t head_stride, const float *cos, const float *sin,
                   size_t pairs) {
    size_t i = 0;
    for (; i + LANES / 2 <= pairs; i += LANES / 2) {
        vfloat c = v_load_twice(cos + i), s = v_negate_even(v_load_twice(sin + i));
        for (size_t h = 0; h < heads; h++) {
            float *pair = x + h * head_stride + 2 * i;
            vfloat value = v_load(pair);
            v_store(pair, v_fma(value, c, v_swap_pairs(value) * s));
        }
    }
    if (i < pairs)
        kernels_reference.rotate(x + 2 * i, heads, head_stride, cos + i, sin + i, pairs - i);
}

#include "kernels/vector/vector_attend_f16.h"

/* The table of the set that includes this. */
#define VECTOR_KERNELS(set, rows, f32, bf16, int8)                                                 \
    {                                                                                              \
        .name = set, .panel = PANEL, .matmul = matmul, .attend = attend, .attend_rows = rows,      \
        .attend_f16 = attend_f16, .store_f16 = store_f16, .packed = {f32, bf16, int8},             \
        .tanh = tanh_in_place, .asinh = asinh_in_place, .gelu = gelu, .silu = silu,                \
        .silu_gate = silu_gate, .softmax = softmax, .log_softmax = log_softmax,                    \
        .layer_norm = layer_norm, .add = add, .affine = affine, .sum = sum_of,                     \
        .sum_squares = sum_squares, .argmax = argmax, .rotate = rotate                             \
    }

#endif
