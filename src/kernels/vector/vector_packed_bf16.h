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

/* What prepared rows consist of: without the instruction floats, rounded to bf16. A value is then
 * broadcast as it is loaded, where a pair would have to be taken apart for each row of a tile. */
#if BF16_NATIVE
typedef uint16_t bf16_value;
#define PREPARE_BF16 prepare_bf16
#else
typedef float bf16_value;
#define PREPARE_BF16 prepare_widened

static void prepare_widened(void *rows, size_t rows_stride, float *scale, const float *fixed,
                            const float *x, size_t x_stride, size_t m, size_t k) {
    (void)scale;
    (void)fixed;
    for (size_t i = 0; i < m; i++, x += x_stride) {
        float *row = (float *)(void *)((unsigned char *)rows + i * rows_stride);
        size_t l = 0;
        for (; l + LANES <= k; l += LANES) v_store(row + l, v_of_high_bf16(i_bf16(v_load(x + l))));
        if (l < k)
            v_store_some(row + l, v_of_high_bf16(i_bf16(v_load_some(x + l, k - l, v_set(0)))),
                         k - l);
    }
}
#endif

/* The values l and l + 1 of a row, or l and zero, for all lanes. */
ALWAYS_INLINE struct pairs pair_of(const bf16_value *row, size_t l, int both) {
#if BF16_NATIVE
    uint32_t bits = row[l];
    if (both) memcpy(&bits, row + l, sizeof bits);
    return b_pairs(i_set((int32_t)bits));
#else
    return (struct pairs){v_set(row[l]), both ? v_set(row[l + 1]) : v_set(0)};
#endif
}

/* `rows` is a constant wherever this is called. */
ALWAYS_INLINE void multiply_bf16_tile(const struct packed_matmul *a, const struct packed_tile *t,
                                      int rows) {
    vfloat sum[BF16_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = v_set(0);
    const unsigned char *panel = t->panel;
    const bf16_value *group[(BF16_ROWS + 3) / 4];
    size_t stride = a->x_stride / sizeof(bf16_value), k = a->w->k, l = 0;
    UNROLL for (int r = 0; r < rows; r += 4) group[r / 4] =
        (const bf16_value *)(const void *)t->x + (size_t)r * stride;
    for (; l + 2 <= k; l += 2, panel += STEP_BYTES) {
        struct pairs w0 = b_pairs(i_load(panel)), w1 = b_pairs(i_load(panel + VECTOR_BYTES));
        if (rows <= BF16_ROWS / 2) {
            UNROLL for (int p = 0; p < STEP_BYTES; p += 64)
                __builtin_prefetch(panel + STREAM_AHEAD + p);
        }
        UNROLL for (int r = 0; r < rows; r++) {
            struct pairs x = pair_of(group[r / 4] + (size_t)(r % 4) * stride, l, 1);
            sum[r][0] = b_dot(sum[r][0], x, w0);
            sum[r][1] = b_dot(sum[r][1], x, w1);
        }
    }
    if (l < k) { /* one value, beside a zero */
        struct pairs w0 = b_pairs(i_load(panel)), w1 = b_pairs(i_load(panel + VECTOR_BYTES));
        UNROLL for (int r = 0; r < rows; r++) {
            struct pairs x = pair_of(group[r / 4] + (size_t)(r % 4) * stride, l, 0);
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
        .pack = pack_bf16, .element_bytes = sizeof(bf16_value), .prepare = PREPARE_BF16,           \
        .matmul = matmul_bf16, .spin = spin_bf16                                                   \
    }

#endif
