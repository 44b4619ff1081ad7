/* packed.h - matrices in the order that one set of kernels multiplies fastest, at three precisions.
 *
 * A weight [n, k] is packed once a model, into a file that processes share (network/pack.h). The
 * rows it is multiplied by are put into the same precision by prepare() just before. Only the set
 * itself knows both layouts; `layout` names that of weights, so that a file packed for another set
 * is not used.
 *
 *  - f32: rows are floats as they lie; prepare() is NULL.
 *  - bf16: both sides rounded to nearest even; products are exact, sums in float32.
 *  - int8: w[j] = scale_j * q, scale_j = max |w[j]| / 127, q = rint(w * (1 / scale_j)); the same
 *    for each row of x. Sums are exact in 32-bit integers; y = sum * (scale_j * scale_i) + bias.
 *
 * Values do not depend on how m or n are cut, at any m. A row of NaN or infinity gives NaN. */
#ifndef PST_KERNELS_PACKED_H
#define PST_KERNELS_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

enum { PRECISION_COUNT = PST_PRECISION_AUTO }; /* the precisions there are; AUTO is one of them */

/* Prepared rows may be read this many bytes past their end, and those bytes must be initialised
 * and, as bf16, finite (their weights are 0). */
enum { PACKED_SLACK = 64 };

struct packed {
    const unsigned char *data; /* [bytes(n, k)], 64-byte aligned; NULL: not packed */
    uint32_t n, k;
    pst_precision precision;
};

/* y[i, j] = (accumulate ? y[i, j] : 0) + sum over l of x[i, l] * w[first + j, l] + bias[j] */
struct packed_matmul {
    float *y;               /* [m, n], rows y_stride floats apart */
    const void *x;          /* [m, k] prepared, rows x_stride bytes apart; windows may overlap */
    const float *x_scale;   /* int8: [m], or one for all rows when x_scale_step is 0 */
    size_t x_scale_step;    /* 1 or 0 */
    const struct packed *w; /* whole */
    const float *bias;      /* [n] (that of output `first` first) or NULL */
    size_t y_stride, x_stride;
    size_t first, m, n; /* first is a multiple of `columns` */
    int accumulate;
};

struct packed_kernels {
    int native;         /* by instructions for products of this precision */
    const char *layout; /* "avx512_vnni_int8": the same name promises the same bytes */
    size_t columns;     /* outputs a panel holds: cut n at multiples of it */
    size_t (*bytes)(size_t n, size_t k);
    /* data [bytes(n, k)], every byte written; w [n, k], rows w_stride floats apart. */
    void (*pack)(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k);
    /* Bytes of a value of a prepared row: 4, 2 or 1, without gaps, because rows of a convolution
     * overlap. */
    size_t element_bytes;
    /* rows [m, k] from x [m, k]; rows_stride in bytes, x_stride in floats. int8: fills scale [m];
     * when `fixed` is not NULL the one scale *fixed holds for all rows and values beyond it
     * saturate. NULL for f32. */
    void (*prepare)(void *rows, size_t rows_stride, float *scale, const float *fixed,
                    const float *x, size_t x_stride, size_t m, size_t k);
    void (*matmul)(const struct packed_matmul *args);
    /* The multiply-adds of matmul() on registers alone, `rounds` times over; returns how many
     * operations (two each) that were: what a peak is measured with. */
    double (*spin)(size_t rounds);
};

/* Sums that a spin keeps going: they cover the latency of two multipliers five times over. */
enum { SPIN_CHAINS = 12 };

/* The definition, in plain loops. */
extern const struct packed_kernels packed_reference_f32, packed_reference_bf16,
    packed_reference_int8;
/* Those of single instructions, for the tables of whole sets. */
extern const struct packed_kernels packed_avx_vnni_int8, packed_avx512_vnni_int8,
    packed_avx512_bf16_bf16, packed_amx_bf16, packed_amx_int8, packed_neon_dotprod_int8,
    packed_neon_i8mm_bf16, packed_neon_i8mm_int8;

/* To nearest, halves to even; NaN stays NaN. */
static inline uint16_t bf16_of_float(float value) {
    union {
        float f;
        uint32_t u;
    } bits = {value};
    if (value != value) return (uint16_t)(bits.u >> 16 | 0x40);
    return (uint16_t)((bits.u + 0x7FFF + (bits.u >> 16 & 1)) >> 16);
}

static inline float float_of_bf16(uint16_t value) {
    union {
        uint32_t u;
        float f;
    } bits = {(uint32_t)value << 16};
    return bits.f;
}

#endif
