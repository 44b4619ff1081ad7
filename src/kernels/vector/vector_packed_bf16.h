/* vector_packed_bf16.h - bf16 products with packed weights on any vector set.
 *
 * Included after the v_ and i_ operations by files that define besides
 *  - struct pairs, b_pairs(v): a vector of pairs of bf16, prepared once for all its products;
 *  - b_dot(sum, x, w): sum + the two products of each lane, in float32;
 *  - BF16_ROWS: rows of the tallest tile.
 *
 * An output is one chain of b_dot in the order of k, whatever tile it falls into. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACKED_BF16_H
#define PST_KERNELS_VECTOR_VECTOR_PACKED_BF16_H

#include <string.h>

/* Defined as 1 by files whose b_dot is an instruction. */
#ifndef BF16_NATIVE
#define BF16_NATIVE 0
#endif

#include "kernels/vector/vector_pack_bf16.h"

/* `rows` is a constant wherever this is called. */
ALWAYS_INLINE void multiply_bf16_tile(const struct packed_matmul *a, const struct packed_tile *t,
                                      int rows) {
    vfloat sum[BF16_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = v_set(0);
    const unsigned char *panel = t->panel, *group[(BF16_ROWS + 3) / 4];
    size_t stride = a->x_stride, bytes = 2 * (size_t)a->w->k, l = 0;
    UNROLL for (int r = 0; r < rows; r += 4) group[r / 4] = t->x + (size_t)r * stride;
    for (; l + 4 <= bytes; l += 4, panel += STEP_BYTES) {
        struct pairs w0 = b_pairs(i_load(panel)), w1 = b_pairs(i_load(panel + VECTOR_BYTES));
        if (rows <= BF16_ROWS / 2) {
            UNROLL for (int p = 0; p < STEP_BYTES; p += 64)
                __builtin_prefetch(panel + STREAM_AHEAD + p);
        }
        UNROLL for (int r = 0; r < rows; r++) {
            int32_t two;
            memcpy(&two, group[r / 4] + (size_t)(r % 4) * stride + l, sizeof two);
            struct pairs x = b_pairs(i_set(two));
            sum[r][0] = b_dot(sum[r][0], x, w0);
            sum[r][1] = b_dot(sum[r][1], x, w1);
        }
    }
    if (l < bytes) { /* one value, beside a zero */
        struct pairs w0 = b_pairs(i_load(panel)), w1 = b_pairs(i_load(panel + VECTOR_BYTES));
        UNROLL for (int r = 0; r < rows; r++) {
            uint16_t one;
            memcpy(&one, group[r / 4] + (size_t)(r % 4) * stride + l, sizeof one);
            struct pairs x = b_pairs(i_set(one));
            sum[r][0] = b_dot(sum[r][0], x, w0);
            sum[r][1] = b_dot(sum[r][1], x, w1);
        }
    }
    struct ending ending = ending_bf16(t);
    UNROLL for (int r = 0; r < rows; r++) {
        if ((size_t)r >= t->skip) finish_bf16(a, t, &ending, (size_t)r, sum[r]);
    }
}

#define DEFINE_BF16_TILE(rows)                                                                     \
    static void bf16_##rows(const struct packed_matmul *a, const struct packed_tile *t) {          \
        multiply_bf16_tile(a, t, rows);                                                            \
    }
DEFINE_BF16_TILE(1)
DEFINE_BF16_TILE(2)
DEFINE_BF16_TILE(4)
#if BF16_ROWS == 8
DEFINE_BF16_TILE(3)
DEFINE_BF16_TILE(8)
#elif BF16_ROWS == 12
DEFINE_BF16_TILE(3)
DEFINE_BF16_TILE(5)
DEFINE_BF16_TILE(6)
DEFINE_BF16_TILE(12)
#endif
#undef DEFINE_BF16_TILE

static packed_tile_function *const BF16_TILES[BF16_ROWS + 1] = {
    [1] = bf16_1, [2] = bf16_2, [4] = bf16_4,
#if BF16_ROWS == 8
    [3] = bf16_3, [8] = bf16_8,
#elif BF16_ROWS == 12
    [3] = bf16_3, [5] = bf16_5, [6] = bf16_6, [12] = bf16_12,
#endif
};

static void matmul_bf16(const struct packed_matmul *a) {
    multiply_packed(a, bf16_panel_bytes(a->w->k), BF16_ROWS, BF16_TILES);
}

static double spin_bf16(size_t rounds) {
    volatile int32_t start = 0x3F003F00; /* two halves, which the compiler must not know */
    vfloat sum[SPIN_CHAINS];
    struct pairs x = b_pairs(i_set(start));
    /* Each reads it: chains known to be equal would be one. */
    UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = v_set((float)start);
    for (size_t i = 0; i < rounds; i++) {
        UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = b_dot(sum[c], x, x);
    }
    UNROLL for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = sum[0] + sum[c];
    start = (int32_t)v_total(sum[0]);
    return 4.0 * LANES * SPIN_CHAINS * (double)rounds;
}

/* The table; its layout is named by the width of a panel. */
#define VECTOR_PACKED_BF16(name)                                                                   \
    {                                                                                              \
        .native = BF16_NATIVE, .layout = name, .columns = COLUMNS, .bytes = bytes_bf16,            \
        .pack = pack_bf16, .element_bytes = sizeof(uint16_t), .prepare = prepare_bf16,             \
        .matmul = matmul_bf16, .spin = spin_bf16                                                   \
    }

#endif
