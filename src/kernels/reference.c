/* reference.c - every kernel in plain loops: the definition that the fast sets are tested
 * against. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

static void matmul(const struct matmul *a, float *scratch) {
    (void)scratch;
    size_t row_step = a->w_is_kn ? 1 : a->w_stride; /* from one output to the next in w */
    size_t col_step = a->w_is_kn ? a->w_stride : 1; /* along the sum */
    for (size_t i = 0; i < a->m; i++) {
        const float *x = a->x + i * a->x_stride;
        float *y = a->y + i * a->y_stride;
        for (size_t j = 0; j < a->n; j++) {
            const float *w = a->w + j * row_step;
            float sum = 0;
            for (size_t l = 0; l < a->k; l++) sum += x[l] * w[l * col_step];
            sum *= a->scale;
            if (a->bias) sum += a->bias[j];
            y[j] = a->accumulate ? y[j] + sum : sum;
        }
    }
}

static void softmax(float *x, size_t n) {
    float max = x[0];
    for (size_t i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] = expf(x[i] - max);
    float scale = 1.0f / sum;
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}

static void attend(const struct attend *a) {
    for (size_t t = 0; t < a->count; t++) {
        const float *k = a->k + (a->rows ? (size_t)a->rows[t] : t) * a->stride;
        float score = 0;
        for (size_t d = 0; d < a->head_dim; d++) score += a->q[d] * k[d];
        a->scores[t] = score * a->scale;
    }
    softmax(a->scores, a->count);
    memset(a->out, 0, a->head_dim * sizeof *a->out);
    for (size_t t = 0; t < a->count; t++) {
        const float *v = a->v + (a->rows ? (size_t)a->rows[t] : t) * a->stride;
        for (size_t d = 0; d < a->head_dim; d++) a->out[d] += a->scores[t] * v[d];
    }
}

/* One query: what is summed so far is scaled down whenever a larger score comes. */
static void attend_row(const struct attend_rows *a, size_t row, float *out) {
    const float *q = a->q + row * a->stride;
    float largest = -INFINITY, sum = 0;
    memset(out, 0, a->head_dim * sizeof *out);
    for (size_t t = 0; t < a->count; t++) {
        const float *k = a->k + t * a->stride, *v = a->v + t * a->stride;
        float score = 0;
        for (size_t d = 0; d < a->head_dim; d++) score += q[d] * k[d];
        score *= a->scale;
        float next = score > largest ? score : largest;
        float shrink = expf(largest - next), weight = expf(score - next);
        for (size_t d = 0; d < a->head_dim; d++) out[d] = out[d] * shrink + weight * v[d];
        sum = sum * shrink + weight;
        largest = next;
    }
    for (size_t d = 0; d < a->head_dim; d++) out[d] /= sum;
}

static void attend_rows(const struct attend_rows *a, float *scratch) {
    for (size_t i = 0; i < a->m; i++) {
        attend_row(a, i, scratch);
        memcpy(a->out + i * a->stride, scratch, a->head_dim * sizeof *scratch);
    }
}

static void attend_f16(const struct attend_f16 *a) {
    size_t padded = f16_tiles(a->count) * F16_TILE;
    for (size_t i = 0; i < a->rows; i++) {
        const float *q = a->q + i * a->q_stride;
        float *out = a->out + i * a->out_stride, *scores = a->scores + i * padded;
        for (size_t t = 0; t < a->count; t++) {
            float score = 0;
            for (size_t d = 0; d < a->head_dim; d++)
                score += q[d] * float_of_f16(a->k[f16_place(t, d, a->head_dim)]);
            scores[t] = score * a->scale;
        }
        softmax(scores, a->count);
        for (size_t d = 0; d < a->head_dim; d++) {
            float sum = 0;
            for (size_t t = 0; t < a->count; t++)
                sum += scores[t] * float_of_f16(a->v[f16_place(t, d, a->head_dim)]);
            out[d] = sum;
        }
    }
}

static void store_f16(const struct store_f16 *a) {
    for (size_t i = 0; i < a->count; i++)
        for (size_t d = 0; d < a->head_dim; d++)
            a->tiles[f16_place(a->first + i, d, a->head_dim)] =
                f16_of_float(a->x[i * a->stride + d]);
}

static void tanh_in_place(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = tanhf(x[i]);
}

static void asinh_in_place(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = asinhf(x[i]);
}

/* x times the normal distribution function; erfc, because 1 + erf loses the digits of negative x.
 * Below -40 the product is 0 in double, and 0 * -inf is kept out. */
static void silu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = x[i] / (1.0f + expf(-x[i]));
}

static void gelu(float *x, size_t n) {
    static const double SQRT_HALF = 0.70710678118654752440;
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] < -40 ? 0 : (float)(0.5 * x[i] * erfc(-x[i] * SQRT_HALF));
}

static void silu_gate(float *y, const float *value, const float *gate, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + expf(-gate[i])) * value[i];
}

static void log_softmax(float *y, const float *x, size_t n) {
    float max = x[0];
    for (size_t i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += expf(x[i] - max);
    float log_sum = (float)log(sum);
    for (size_t i = 0; i < n; i++) y[i] = x[i] - max - log_sum;
}

static void layer_norm(float *y, const float *x, const float *weight, size_t n, float epsilon) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    float mean = (float)(sum / (double)n);
    for (size_t i = 0; i < n; i++) squares += (double)(x[i] - mean) * (x[i] - mean);
    float scale = (float)(1.0 / sqrt(squares / (double)n + epsilon));
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * weight[i];
}

static void add(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void affine(float *x, const float *scale, const float *shift, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = x[i] * scale[i] + shift[i];
}

static double sum_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

static double sum_squares(const float *x, size_t n, double mean) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static size_t argmax(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best] || (isnan(x[best]) && !isnan(x[i]))) best = i;
    return best;
}

static void rotate(float *x, size_t heads, size_t head_stride, const float *cos, const float *sin,
                   size_t pairs) {
    for (size_t h = 0; h < heads; h++) {
        float *pair = x + h * head_stride;
        for (size_t i = 0; i < pairs; i++, pair += 2) {
            float even = pair[0], odd = pair[1];
            pair[0] = even * cos[i] - odd * sin[i];
            pair[1] = odd * cos[i] + even * sin[i];
        }
    }
}

const struct kernels kernels_reference = {
    .name = "reference",
    .panel = 16,
    .matmul = matmul,
    .attend = attend,
    .attend_rows = attend_rows,
    .attend_f16 = attend_f16,
    .store_f16 = store_f16,
    .packed = {&packed_reference_f32, &packed_reference_bf16, &packed_reference_int8},
    .tanh = tanh_in_place,
    .asinh = asinh_in_place,
    .gelu = gelu,
    .silu = silu,
    .silu_gate = silu_gate,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .layer_norm = layer_norm,
    .add = add,
    .affine = affine,
    .sum = sum_of,
    .sum_squares = sum_squares,
    .argmax = argmax,
    .rotate = rotate,
};
