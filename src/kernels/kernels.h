/* kernels.h - the table of numeric kernels, and the contract of each.
 *
 * reference.c has every kernel in plain loops: it is the definition. avx2.c, avx512.c and neon.c
 * override what they do faster. A kernel is single-threaded and allocates nothing; callers cut the
 * work (network/linear.c). Unless said otherwise pointers need only the alignment of a float,
 * outputs must not overlap inputs, and NaN in gives NaN out.
 *
 * The value of one output of matmul() depends on its row of x, its row of w and on m only through
 * `m <= KERNELS_FEW_ROWS`, and not at all where `as_many` asks so: not on how the caller cuts m or
 * n. So results do not depend on the number of threads, nor rows of the encoder on the rows that
 * are computed with them. */
#ifndef PST_KERNELS_KERNELS_H
#define PST_KERNELS_KERNELS_H

#include <stddef.h>

#include "kernels/attend_f16.h"
#include "kernels/packed.h"
#include "potstill.h"

/* Up to this many rows of x, matmul() streams w once in its own layout (the decoder: one row per
 * beam); above it, w is packed panel by panel (the encoder: one row per frame). */
enum { KERNELS_FEW_ROWS = 8 };

/* Widest panel any set packs; a scratch of KERNELS_PANEL_MAX * k floats suits every set. */
enum { KERNELS_PANEL_MAX = 64 };

/* y[i, j] = (accumulate ? y[i, j] : 0) + scale * sum over l of x[i, l] * w[j, l]  + bias[j] */
struct matmul {
    float *y;          /* [m, n], rows y_stride apart */
    const float *x;    /* [m, k], rows x_stride apart (x_stride may be smaller than k: windows) */
    const float *w;    /* [n, k], rows w_stride apart; [k, n] when w_is_kn */
    const float *bias; /* [n] or NULL */
    size_t y_stride, x_stride, w_stride; /* in floats */
    size_t m, n, k;
    float scale;
    int accumulate;
    int w_is_kn; /* w holds k rows of n: the values of an attention */
    int as_many; /* few rows get the values that they would have among many */
};

/* One query row against `count` cached rows: out = softmax(scale * q . k_t) applied to v_t. */
struct attend {
    float *out;         /* [head_dim] */
    const float *q;     /* [head_dim] */
    const float *k, *v; /* row t at k + row(t) * stride, [head_dim] of it */
    const int *rows;    /* [count] row numbers, or NULL: row(t) = t */
    float *scores;      /* [count] scratch; holds the softmax weights afterwards */
    size_t count, stride, head_dim;
    float scale;
};

/* A block of query rows of one head against all keys: out = softmax(scale * q k_t) v. Only the
 * scores of a few keys at a time are ever written. */
struct attend_rows {
    float *out;         /* [m, head_dim]; may be q */
    const float *q;     /* [m, head_dim] */
    const float *k, *v; /* [count, head_dim], count >= 1 */
    size_t stride;      /* between the rows of each, in floats */
    size_t m, count, head_dim;
    float scale;
    int approximate; /* products of bfloat16 values will do, and weights off by 1e-4 of them */
};

/* Keys whose scores are held at a time: a multiple of every tile's height. */
enum { ATTEND_KEYS = 96 };

/* Scratch of attend_rows() in floats. AMX needs the most: scores and weights of 32 queries, and for
 * every value of a head (up to a multiple of 32) 128 queries as pairs and sums, and a block of keys
 * and values. */
static inline size_t attend_rows_scratch(size_t head_dim) {
    size_t dims = (head_dim + 31) / 32 * 32;
    return ATTEND_KEYS * 48 + dims * (64 + 128 + ATTEND_KEYS);
}

struct kernels {
    const char *name; /* "reference", "avx2", "avx512_vnni", .. */
    size_t panel;     /* columns of w that matmul() packs at once; cut n at multiples of it */
    /* scratch: [panel * k] floats, 64-byte aligned; may be NULL when m <= KERNELS_FEW_ROWS and
     * neither w_is_kn nor as_many. */
    void (*matmul)(const struct matmul *args, float *scratch);
    void (*attend)(const struct attend *args);
    /* scratch: [attend_rows_scratch()], 64-byte aligned. A row's values do not depend on m. */
    void (*attend_rows)(const struct attend_rows *args, float *scratch);
    /* The same over float16 keys and values (attend_f16.h), and what stores them. Values of a row
     * do not depend on the rows beside it. */
    void (*attend_f16)(const struct attend_f16 *args);
    void (*store_f16)(const struct store_f16 *args);
    /* Products with packed weights, by precision; never NULL. */
    const struct packed_kernels *packed[PRECISION_COUNT];

    /* In place over x[n]. tanh, asinh and gelu (the exact erf form) within 4 ulp of the true value
     * or 1e-7 absolute; they saturate correctly (gelu(-inf) is its limit, 0). A value becomes the
     * same wherever in x it lies: these, and silu, do not depend on how a caller cuts x. */
    void (*tanh)(float *x, size_t n);
    void (*asinh)(float *x, size_t n);
    void (*gelu)(float *x, size_t n);
    /* x = silu(x) in place. */
    void (*silu)(float *x, size_t n);
    /* y[i] = silu(gate[i]) * value[i], silu(z) = z / (1 + exp(-z)). y may be value or gate. */
    void (*silu_gate)(float *y, const float *value, const float *gate, size_t n);
    /* x = softmax(x) in place; n >= 1; -inf entries give 0; all -inf gives NaN, as upstream. */
    void (*softmax)(float *x, size_t n);
    /* y = x - log(sum(exp(x))); y may be x; sums in float like upstream's float32 log_softmax but
     * with the maximum taken out first. */
    void (*log_softmax)(float *y, const float *x, size_t n);
    /* y = (x - mean) / sqrt(var + epsilon) * weight, population variance; y may be x. */
    void (*layer_norm)(float *y, const float *x, const float *weight, size_t n, float epsilon);
    /* y[i] += x[i] */
    void (*add)(float *y, const float *x, size_t n);
    /* x[i] = x[i] * scale[i] + shift[i] */
    void (*affine)(float *x, const float *scale, const float *shift, size_t n);
    /* Sum of x, and sum of (x - mean)^2, in double: GroupNorm runs over millions of values. */
    double (*sum)(const float *x, size_t n);
    double (*sum_squares)(const float *x, size_t n, double mean);
    /* Index of the largest value, the first of equals; NaN only when there is no number; n >= 1. */
    size_t (*argmax)(const float *x, size_t n);
    /* Rotates interleaved pairs (x[2i], x[2i+1]) by the angle whose cosine and sine are given:
     * x [heads rows, head_stride apart], first 2 * pairs values of each; cos, sin [pairs]. */
    void (*rotate)(float *x, size_t heads, size_t head_stride, const float *cos, const float *sin,
                   size_t pairs);
};

/* The table for `cpu`; PST_ERR_DEVICE when this CPU or build has no such set. The tables are
 * constant. */
pst_status kernels_get(const struct kernels **table, pst_cpu cpu, pst_error *err);

/* The reference set, to test against. */
extern const struct kernels kernels_reference;
/* Those of the other processor family and those that the compiler does not know are not in a build
 * (cmake/instruction_sets.cmake); cpu.h says which may run. */
extern const struct kernels kernels_avx2, kernels_avx_vnni, kernels_avx512, kernels_avx512_vnni,
    kernels_avx512_bf16, kernels_amx, kernels_neon, kernels_neon_dotprod, kernels_neon_i8mm;

/* attend_rows() of the AMX set. */
void amx_attend_rows(const struct attend_rows *args, float *scratch);

#endif
