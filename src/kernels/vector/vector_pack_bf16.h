/* vector_pack_bf16.h - values to bf16, and weights to panels of it, on any vector set.
 *
 * Included after the v_ and i_ operations by what multiplies them. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACK_BF16_H
#define PST_KERNELS_VECTOR_VECTOR_PACK_BF16_H

#include <string.h>

#include "kernels/vector/vector_packed.h"

static size_t bytes_bf16(size_t n, size_t k) {
    return (n + COLUMNS - 1) / COLUMNS * bf16_panel_bytes(k);
}

static inline void round_row(uint16_t *row, const float *x, size_t k) {
    size_t l = 0;
    for (; l + LANES <= k; l += LANES) v_store_bf16(row + l, v_load(x + l));
    if (l < k) {
        uint16_t rest[LANES];
        v_store_bf16(rest, v_load_some(x + l, k - l, v_set(0)));
        memcpy(row + l, rest, (k - l) * sizeof *row);
    }
}

static inline void prepare_bf16(void *rows, size_t rows_stride, float *scale, const float *fixed,
                                const float *x, size_t x_stride, size_t m, size_t k) {
    (void)scale;
    (void)fixed;
    for (size_t i = 0; i < m; i++)
        round_row((uint16_t *)(void *)((unsigned char *)rows + i * rows_stride), x + i * x_stride,
                  k);
}

static void pack_bf16(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    memset(data, 0, bytes_bf16(n, k));
    for (size_t j = 0; j < n; j++) {
        unsigned char *out = data + j / COLUMNS * bf16_panel_bytes(k) + GROUP_BYTES * (j % COLUMNS);
        uint16_t halves[512];
        for (size_t l = 0; l < k; l += 512) {
            size_t count = at_most(k - l, 512);
            round_row(halves, w + j * w_stride + l, count);
            while (count % (GROUP_BYTES / 2)) halves[count++] = 0;
            for (size_t i = 0; i < count; i += GROUP_BYTES / 2, out += STEP_BYTES)
                memcpy(out, halves + i, GROUP_BYTES);
        }
    }
}

#endif
