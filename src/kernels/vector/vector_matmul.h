/* vector_matmul.h - y = x * w_t on any vector set: the part of a kernel file that multiplies.
 *
 * Included once by avx2.c, avx512.c and neon.c after their v_ operations (see avx512.c for the
 * list). Two ways, and one rule for both: an output is one chain of fused multiply-adds in a fixed
 * order, whatever tile it falls into, so the caller's cuts cannot change a bit of it.
 *  - Few rows (the decoder): every weight is read once, from memory, for a handful of operations;
 *    so w is streamed in place. One vector of sums an output, added up at the end.
 *  - Many rows (the encoder): a panel of w is transposed to [k][PANEL] in scratch, small enough to
 *    stay in L2, and a tile of TILE_ROWS x PANEL sums stays in registers while l runs over k. One
 *    lane an output.
 * The tile's size is the ISA file's: TILE_ROWS, TILE_VECTORS, DOT_ROWS. */
#ifndef PST_KERNELS_VECTOR_VECTOR_MATMUL_H
#define PST_KERNELS_VECTOR_VECTOR_MATMUL_H

#include <math.h>

#include "kernels/vector/vector_macros.h"

enum { DOT_COLUMNS = 4 };

/* ---------------------------------------------------------------------------------- few rows */

/* sums[r][c] = x row r . w row c. Four columns, because four vectors add up to four sums at the
 * price of little more than one. The weights `ahead` floats further on are prefetched meanwhile:
 * the caller names the next four rows, so that memory is never idle while sums are added up (past
 * the end of w the hint does nothing). `rows` is a constant wherever this is called. */
ALWAYS_INLINE void dot_rows(float sums[][DOT_COLUMNS], const float *x, size_t x_stride,
                            const float *const w[DOT_COLUMNS], size_t k, size_t ahead, int rows) {
    vfloat sum[DOT_ROWS][DOT_COLUMNS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 0; c < DOT_COLUMNS; c++) sum[r][c] = v_set(0);
    }
    size_t l = 0;
    for (; l + LANES <= k; l += LANES) {
        UNROLL for (int c = 0; c < DOT_COLUMNS; c++) {
            vfloat weights = v_load(w[c] + l);
            __builtin_prefetch(w[c] + l + ahead);
            UNROLL for (int r = 0; r < rows; r++) {
                vfloat values = v_load(x + (size_t)r * x_stride + l);
                sum[r][c] = v_fma(values, weights, sum[r][c]);
            }
        }
    }
    if (l < k) {
        UNROLL for (int c = 0; c < DOT_COLUMNS; c++) {
            vfloat weights = v_load_some(w[c] + l, k - l, v_set(0));
            UNROLL for (int r = 0; r < rows; r++) {
                vfloat values = v_load_some(x + (size_t)r * x_stride + l, k - l, v_set(0));
                sum[r][c] = v_fma(values, weights, sum[r][c]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) v_sum4(sums[r], sum[r]);
}

static void multiply_few_rows(const struct matmul *a) {
    size_t ahead = DOT_COLUMNS * a->w_stride;
    for (size_t j = 0; j < a->n; j += DOT_COLUMNS) {
        size_t columns = at_most(a->n - j, DOT_COLUMNS);
        const float *w[DOT_COLUMNS]; /* past the last column: the last again, its sum unused */
        for (size_t c = 0; c < DOT_COLUMNS; c++)
            w[c] = a->w + (j + at_most(c, columns - 1)) * a->w_stride;

        /* More rows than fit in registers go over the same weights again, which are in L1 by
         * then. */
        for (size_t i = 0, rows; i < a->m; i += rows) {
            float sums[DOT_ROWS][DOT_COLUMNS];
            const float *x = a->x + i * a->x_stride;
            rows = at_most(a->m - i, DOT_ROWS);
            switch (rows) {
            case 1: dot_rows(sums, x, a->x_stride, w, a->k, ahead, 1); break;
            case 2: dot_rows(sums, x, a->x_stride, w, a->k, ahead, 2); break;
            case 3: dot_rows(sums, x, a->x_stride, w, a->k, ahead, 3); break;
#if DOT_ROWS > 3
            case 4: dot_rows(sums, x, a->x_stride, w, a->k, ahead, 4); break;
            case 5: dot_rows(sums, x, a->x_stride, w, a->k, ahead, 5); break;
#endif
            }
            for (size_t r = 0; r < rows; r++) {
                float *y = a->y + (i + r) * a->y_stride + j;
                for (size_t c = 0; c < columns; c++) {
                    float value = fmaf(sums[r][c], a->scale, a->bias ? a->bias[j + c] : 0);
                    y[c] = a->accumulate ? y[c] + value : value;
                }
            }
        }
    }
}

/* --------------------------------------------------------------------------------- many rows */

/* panel[l][j] = w[column + j][l]. Rows of w past the last are the last again: their outputs are
 * never stored. */
static void pack_rows(float *panel, const struct matmul *a, size_t column, size_t columns) {
    for (size_t block = 0; block < columns; block += LANES) {
        const float *row[LANES];
        for (size_t i = 0; i < LANES; i++)
            row[i] = a->w + (column + at_most(block + i, columns - 1)) * a->w_stride;
        float *out = panel + block;
        size_t l = 0;
        for (; l + 4 <= a->k; l += 4, out += 4 * PANEL) {
            vfloat four[4];
            v_load_transposed(four, row, l);
            UNROLL for (int i = 0; i < 4; i++) v_store(out + i * PANEL, four[i]);
        }
        for (; l < a->k; l++, out += PANEL)
            for (size_t i = 0; i < LANES; i++) out[i] = row[i][l];
    }
}

/* panel[l][j] = w[l][column + j], and 0 past the last column. */
static void pack_columns(float *panel, const struct matmul *a, size_t column, size_t columns) {
    for (size_t l = 0; l < a->k; l++) {
        const float *row = a->w + l * a->w_stride + column;
        float *out = panel + l * PANEL;
        size_t j = 0;
        for (; j + LANES <= columns; j += LANES) v_store(out + j, v_load(row + j));
        if (j < columns) v_store(out + j, v_load_some(row + j, columns - j, v_set(0)));
    }
}

/* The input and the output of a tile of sums; its first `skip` rows belong to the tile above. */
struct tile {
    const float *x, *panel, *bias;
    const float *ahead; /* what this tile prefetches: [k, 16] of the next weights */
    float *y;
    size_t columns, skip;
};

/* y = sum * scale + bias (+ y) for at most LANES columns. */
ALWAYS_INLINE void finish(const struct matmul *a, float *y, const float *bias, vfloat sum,
                          size_t columns) {
    vfloat zero = v_set(0), scale = v_set(a->scale);
    if (columns >= LANES) {
        sum = v_fma(sum, scale, bias ? v_load(bias) : zero);
        if (a->accumulate) sum = v_load(y) + sum;
        v_store(y, sum);
    } else {
        sum = v_fma(sum, scale, bias ? v_load_some(bias, columns, zero) : zero);
        if (a->accumulate) sum = v_load_some(y, columns, zero) + sum;
        v_store_some(y, sum, columns);
    }
}

/* `rows` and `vectors` are constants wherever this is called, so that `sum` lives in registers. */
ALWAYS_INLINE void multiply_tile(const struct matmul *a, const struct tile *t, int rows,
                                 int vectors) {
    vfloat sum[TILE_ROWS][TILE_VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    /* One pointer for four rows: what the compiler makes of one for all needs more registers than
     * there are, and reloads offsets in the loop. */
    const float *panel = t->panel, *group[(TILE_ROWS + 3) / 4];
    size_t stride = a->x_stride;
    UNROLL for (int r = 0; r < rows; r += 4) group[r / 4] = t->x + (size_t)r * stride;
    for (size_t l = 0; l < a->k; l++, panel += PANEL) {
        vfloat w[TILE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) w[v] = v_load(panel + v * LANES);
        if (rows <= TILE_ROWS / 2) {
            UNROLL for (int p = 0; p < vectors * LANES; p += 16)
                __builtin_prefetch(panel + STREAM_AHEAD / sizeof(float) + p);
        } else {
            __builtin_prefetch(t->ahead + l * 16, 0, 2); /* into the second-level cache */
        }
        UNROLL for (int r = 0; r < rows; r++) {
            vfloat value = v_set(group[r / 4][(size_t)(r % 4) * stride + l]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(value, w[v], sum[r][v]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        if ((size_t)r < t->skip) continue;
        UNROLL for (int v = 0; v < vectors; v++) {
            size_t done = (size_t)v * LANES;
            if (done < t->columns)
                finish(a, t->y + (size_t)r * a->y_stride + done, t->bias ? t->bias + done : NULL,
                       sum[r][v], t->columns - done);
        }
    }
}

#define DEFINE_TILES(rows)                                                                         \
    static void wide_##rows(const struct matmul *a, const struct tile *t) {                        \
        multiply_tile(a, t, rows, TILE_VECTORS);                                                   \
    }                                                                                              \
    static void narrow_##rows(const struct matmul *a, const struct tile *t) {                      \
        multiply_tile(a, t, rows, 1);                                                              \
    }
DEFINE_TILES(1)
DEFINE_TILES(2)
DEFINE_TILES(3)
DEFINE_TILES(4)
DEFINE_TILES(5)
DEFINE_TILES(6)
#if TILE_ROWS == 8
DEFINE_TILES(8)
#elif TILE_ROWS == 12
DEFINE_TILES(12)
#endif
#undef DEFINE_TILES

/* [height][columns <= LANES]: all that tile_height() gives. */
typedef void multiply_function(const struct matmul *, const struct tile *);
static multiply_function *const TILES[TILE_ROWS + 1][2] = {
    [1] = {wide_1, narrow_1}, [2] = {wide_2, narrow_2}, [3] = {wide_3, narrow_3},
    [4] = {wide_4, narrow_4}, [5] = {wide_5, narrow_5}, [6] = {wide_6, narrow_6},
#if TILE_ROWS == 8
    [8] = {wide_8, narrow_8},
#elif TILE_ROWS == 12
    [12] = {wide_12, narrow_12},
#endif
};

/* All rows of x against one packed panel. The next one in memory is prefetched meanwhile, a cache
 * line a step: a layer's weights come from beyond the second-level cache, and a tile that waited
 * for them would take twice as long. PANEL / 16 tiles prefetch all of it. */
static void multiply_panel(const struct matmul *a, const float *panel, size_t column,
                           size_t columns) {
    for (size_t i = 0, rows, turn = 0; i < a->m; i += rows, turn++) {
        size_t height = tile_height(a->m, i, TILE_ROWS);
        rows = at_most(a->m - i, height);
        size_t top = i + rows - height;
        struct tile t = {
            .ahead = panel + (PANEL + turn % ((PANEL + 15) / 16) * 16) * a->k,
            .x = a->x + top * a->x_stride,
            .panel = panel,
            .bias = a->bias ? a->bias + column : NULL,
            .y = a->y + top * a->y_stride + column,
            .columns = columns,
            .skip = height - rows,
        };
        TILES[height][columns <= LANES](a, &t);
    }
}

/* A tile adds its products one after the other, so the error of a sum grows with its length: over
 * the 2016 products of conv2 it was ten times that of a sum in pieces. Longer sums than the rows of
 * the published models (288, 416) are therefore taken in pieces that meet in y. Not where the sum
 * goes onto a y that is there already, a residual stream of thousands: each piece would be rounded
 * at that size. */
enum { PIECE = 448 };

static void multiply_pieces(const struct matmul *a, const float *panel, size_t column,
                            size_t columns) {
    size_t pieces = a->accumulate || a->k <= PIECE ? 1 : (a->k + PIECE - 1) / PIECE;
    for (size_t p = 0; p < pieces; p++) {
        size_t first = a->k * p / pieces;
        struct matmul piece = *a;
        piece.x += first;
        piece.k = a->k * (p + 1) / pieces - first;
        piece.accumulate = a->accumulate || p > 0;
        if (p + 1 < pieces) piece.bias = NULL;
        multiply_panel(&piece, panel + first * PANEL, column, columns);
    }
}

static void matmul(const struct matmul *a, float *scratch) {
    if (a->m <= KERNELS_FEW_ROWS && !a->w_is_kn && !a->as_many) {
        multiply_few_rows(a);
        return;
    }
    for (size_t column = 0; column < a->n; column += PANEL) {
        size_t columns = at_most(a->n - column, PANEL);
        (a->w_is_kn ? pack_columns : pack_rows)(scratch, a, column, columns);
        multiply_pieces(a, scratch, column, columns);
    }
}

#endif
