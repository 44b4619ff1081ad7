/* vector_packed_int8.h - int8 products with packed weights on any vector set that multiplies bytes.
 *
 * Included after the v_ and i_ operations by files that define besides
 *  - struct factor, i_factor(p): a vector of weights, prepared once for all rows;
 *  - i_dot(sum, x, factor): sum + the four products of each lane, exactly. x is one lane repeated;
 *  - INT8_FLIP: 0x80 where i_dot takes x as unsigned bytes, else 0 (vector_pack_int8.h);
 *  - INT8_ROWS: rows of the tallest tile.
 *
 * Integer sums have no rounding, and what follows them is done in one order everywhere, that of
 * packed_reference.c: all sets give the same bits. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACKED_INT8_H
#define PST_KERNELS_VECTOR_VECTOR_PACKED_INT8_H

#include <string.h>

/* Defined as 1 by files whose i_dot is an instruction. */
#ifndef INT8_NATIVE
#define INT8_NATIVE 0
#endif

#include "kernels/vector/vector_pack_int8.h"

/* ------------------------------------------------------------------------------------ multiply */

/* `rows` and `chains` are constants wherever this is called. An i_dot waits for the one before it
 * on the same sum, so few rows take several sums an output, each over every chains-th step. */
ALWAYS_INLINE void multiply_int8_tile(const struct packed_matmul *a, const struct packed_tile *t,
                                      int rows, int chains) {
    vint sum[INT8_ROWS * 2][2];
    UNROLL for (int r = 0; r < rows * chains; r++) sum[r][0] = sum[r][1] = i_set(0);
    const unsigned char *panel = t->panel, *group[(INT8_ROWS + 3) / 4];
    size_t stride = a->x_stride, k = a->w->k, l = 0;
    UNROLL for (int r = 0; r < rows; r += 4) group[r / 4] = t->x + (size_t)r * stride;
    for (; l + 4 * (size_t)chains <= k; l += 4 * (size_t)chains, panel += chains * STEP_BYTES) {
        UNROLL for (int c = 0; c < chains; c++) {
            struct factor w0 = i_factor(panel + c * STEP_BYTES);
            struct factor w1 = i_factor(panel + c * STEP_BYTES + VECTOR_BYTES);
            if (rows <= INT8_ROWS / 2) {
                UNROLL for (int p = 0; p < STEP_BYTES; p += 64)
                    __builtin_prefetch(panel + c * STEP_BYTES + STREAM_AHEAD + p);
            }
            UNROLL for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, group[r / 4] + (size_t)(r % 4) * stride + l + 4 * c, sizeof four);
                vint x = i_set(four), *s = sum[c * rows + r];
                s[0] = i_dot(s[0], x, w0);
                s[1] = i_dot(s[1], x, w1);
            }
        }
    }
    for (; l < k; l += 4, panel += STEP_BYTES) {
        struct factor w0 = i_factor(panel), w1 = i_factor(panel + VECTOR_BYTES);
        UNROLL for (int r = 0; r < rows; r++) {
            int32_t four = 0;
            memcpy(&four, group[r / 4] + (size_t)(r % 4) * stride + l, at_most(k - l, sizeof four));
            vint x = i_set(four);
            sum[r][0] = i_dot(sum[r][0], x, w0);
            sum[r][1] = i_dot(sum[r][1], x, w1);
        }
    }
    struct ending ending = ending_int8(a, t);
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 1; c < chains; c++) {
            sum[r][0] = i_add(sum[r][0], sum[c * rows + r][0]);
            sum[r][1] = i_add(sum[r][1], sum[c * rows + r][1]);
        }
        if ((size_t)r >= t->skip) finish_int8(a, t, &ending, (size_t)r, sum[r], INT8_FLIP != 0);
    }
}

#define DEFINE_INT8_TILE(rows, chains)                                                             \
    static void int8_##rows(const struct packed_matmul *a, const struct packed_tile *t) {          \
        multiply_int8_tile(a, t, rows, chains);                                                    \
    }
DEFINE_INT8_TILE(1, 4)
DEFINE_INT8_TILE(2, 2)
DEFINE_INT8_TILE(3, 2)
DEFINE_INT8_TILE(4, 1)
#if INT8_ROWS == 8
DEFINE_INT8_TILE(8, 1)
#elif INT8_ROWS >= 6
DEFINE_INT8_TILE(6, 1)
#endif
#if INT8_ROWS == 12
DEFINE_INT8_TILE(5, 1)
DEFINE_INT8_TILE(12, 1)
#endif
#undef DEFINE_INT8_TILE

static packed_tile_function *const INT8_TILES[INT8_ROWS + 1] = {
    [1] = int8_1, [2] = int8_2,   [3] = int8_3, [4] = int8_4,
#if INT8_ROWS == 8
    [8] = int8_8,
#elif INT8_ROWS >= 6
    [6] = int8_6,
#endif
#if INT8_ROWS == 12
    [5] = int8_5, [12] = int8_12,
#endif
};

static void matmul_int8(const struct packed_matmul *a) {
    multiply_packed(a, int8_panel_bytes(a->w->k), INT8_ROWS, INT8_TILES);
}

static double spin_int8(size_t rounds) {
    unsigned char bytes[VECTOR_BYTES];
    volatile unsigned char start = 1; /* which the compiler must not know */
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = start;
    vint sum[SPIN_CHAINS], x = i_load(bytes);
    struct factor w = i_factor(bytes);
    UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = i_set(start);
    for (size_t i = 0; i < rounds; i++) {
        /* Products of one x would be made once, where a dot is several instructions. */
        UNROLL for (int c = 0; c < SPIN_CHAINS; c++) {
            OPAQUE(x);
            sum[c] = i_dot(sum[c], x, w);
        }
    }
    UNROLL for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = i_max(sum[0], sum[c]);
    int32_t lanes[LANES];
    i_store(lanes, sum[0]);
    start = (unsigned char)lanes[0];
    return 8.0 * LANES * SPIN_CHAINS * (double)rounds;
}

/* The table; its layout is named by the width of a panel. */
#define VECTOR_PACKED_INT8(name) PACKED_KERNELS(int8, INT8_NATIVE, name, 1)

#endif
