/* vector_packed_f32.h - float32 products with packed weights on any vector set.
 *
 * Included after vector_matmul.h: its panels, [k][PANEL], are what matmul() makes in scratch, only
 * made once and kept. Panel follows panel, so a decoder's step reads the weights as one stream. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACKED_F32_H
#define PST_KERNELS_VECTOR_VECTOR_PACKED_F32_H

#include "kernels/kernels.h"

static size_t bytes_f32(size_t n, size_t k) {
    return (n + PANEL - 1) / PANEL * PANEL * k * sizeof(float);
}

static void pack_f32(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    const struct matmul rows = {.w = w, .w_stride = w_stride, .n = n, .k = k};
    float *panel = (float *)(void *)data;
    for (size_t column = 0; column < n; column += PANEL, panel += PANEL * k)
        pack_rows(panel, &rows, column, at_most(n - column, PANEL));
}

static void packed_matmul_f32(const struct packed_matmul *p) {
    struct matmul a = {.y = p->y,
                       .x = p->x,
                       .bias = p->bias,
                       .y_stride = p->y_stride,
                       .x_stride = p->x_stride / sizeof(float),
                       .m = p->m,
                       .n = p->n,
                       .k = p->w->k,
                       .scale = 1,
                       .accumulate = p->accumulate};
    const float *panel = (const float *)(const void *)p->w->data + p->first * a.k;
    for (size_t column = 0; column < a.n; column += PANEL, panel += PANEL * a.k)
        multiply_pieces(&a, panel, column, at_most(a.n - column, PANEL));
}

static double spin_f32(size_t rounds) {
    volatile float start = 0.5f; /* which the compiler must not know */
    vfloat sum[SPIN_CHAINS], x = v_set(start);
    /* Each reads it: chains known to be equal would be one. */
    UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = v_set(start);
    for (size_t i = 0; i < rounds; i++) {
        UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = v_fma(x, x, sum[c]);
    }
    UNROLL for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = sum[0] + sum[c];
    start = v_total(sum[0]);
    return 2.0 * LANES * SPIN_CHAINS * (double)rounds;
}

/* The table; its layout is named by the width of a panel. */
#define VECTOR_PACKED_F32(name)                                                                    \
    {                                                                                              \
        .native = 1, .layout = name, .columns = PANEL, .bytes = bytes_f32, .pack = pack_f32,       \
        .element_bytes = sizeof(float), .matmul = packed_matmul_f32, .spin = spin_f32              \
    }

#endif
