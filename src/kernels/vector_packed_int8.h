/* vector_packed_int8.h - int8 products with packed weights on any vector set that multiplies bytes.
 *
 * Included after the v_ and i_ operations by files that define besides
 *  - struct factor, i_factor(p): a vector of weights, made ready once for all rows;
 *  - i_dot(sum, x, factor): sum + the four products of each lane, exactly. x is one lane repeated;
 *  - INT8_FLIP: 0x80 where i_dot takes x as unsigned bytes, else 0: prepared rows are 128 too high then,
 *    and 128 times the sum of the weights is taken off each output again;
 *  - INT8_ROWS: rows of the tallest tile.
 *
 * A panel is [k / 4][COLUMNS][4] weights, zero past n and k, then float scale[COLUMNS], then
 * int32 excess[COLUMNS], 128 times the sums of the weights: written by all sets, so that those of one
 * width share a layout. After the last panel stand zeros that a tile of AMX may read. Integer sums have
 * no rounding, and what follows them is done in one order everywhere, that of packed_reference.c: all
 * sets give the same bits. */
#ifndef PST_KERNELS_VECTOR_PACKED_INT8_H
#define PST_KERNELS_VECTOR_PACKED_INT8_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/vector_macros.h"

enum {
    COLUMNS = 2 * LANES,
    STEP = 4 * COLUMNS, /* bytes of a panel for four values of k */
    TRAILER = COLUMNS * (sizeof(float) + sizeof(int32_t)),
    AFTER_PANELS = 16 * STEP, /* a tile has 16 steps */
    VECTOR = 4 * LANES        /* bytes */
};

static size_t panel_bytes(size_t k) {
    return (k + 3) / 4 * STEP + TRAILER;
}

static size_t bytes_int8(size_t n, size_t k) {
    return (n + COLUMNS - 1) / COLUMNS * panel_bytes(k) + AFTER_PANELS;
}

/* ------------------------------------------------------------------------------------ quantize */

/* max |x| / 127, or NaN when x is not all finite. As integers, the bits of magnitudes are in the order
 * of their values, with NaN after infinity. */
static float scale_of(const float *x, size_t k) {
    vint largest = i_set(0);
    size_t l = 0;
    for (; l + LANES <= k; l += LANES) largest = i_max(largest, i_of_bits(v_abs(v_load(x + l))));
    if (l < k) {
        vfloat rest = v_load_some(x + l, k - l, v_set(0));
        largest = i_max(largest, i_of_bits(v_abs(rest)));
    }
    int32_t lanes[LANES], most = 0;
    float highest;
    i_store(lanes, largest);
    for (int i = 0; i < LANES; i++)
        if (lanes[i] > most) most = lanes[i];
    memcpy(&highest, &most, sizeof highest);
    return highest <= FLT_MAX ? highest / 127 : NAN;
}

/* What values are multiplied by. A scale without a normal reciprocal is that of a row as good as 0, or
 * NaN, in which case the integers do not matter. */
static float inverse_of(float scale) {
    return scale >= FLT_MIN ? 1 / scale : 0;
}

static inline void quantize(int8_t *q, const float *x, size_t k, float inverse, int8_t flip) {
    vfloat factor = v_set(inverse), low = v_set(-127), high = v_set(127);
    size_t l = 0;
    for (; l + LANES <= k; l += LANES)
        v_store_int8(q + l, v_min(high, v_max_number(low, v_load(x + l) * factor)), flip);
    if (l < k) {
        int8_t rest[LANES];
        vfloat value = v_load_some(x + l, k - l, v_set(0)) * factor;
        v_store_int8(rest, v_min(high, v_max_number(low, value)), flip);
        memcpy(q + l, rest, k - l);
    }
}

static void prepare_int8(void *rows, size_t rows_stride, float *scale, const float *fixed,
                         const float *x, size_t x_stride, size_t m, size_t k) {
    for (size_t i = 0; i < m; i++) {
        const float *row = x + i * x_stride;
        float step = fixed ? *fixed : scale_of(row, k);
        if (!fixed) scale[i] = step;
        quantize((int8_t *)rows + i * rows_stride, row, k, inverse_of(step), (int8_t)INT8_FLIP);
    }
}

/* One column: its weights STEP bytes apart, four at a time. */
static void pack_column(unsigned char *panel, size_t column, const float *w, size_t k) {
    int8_t q[1024];
    float scale = scale_of(w, k), inverse = inverse_of(scale);
    int32_t sum = 0;
    unsigned char *out = panel + 4 * column;
    for (size_t l = 0; l < k; l += sizeof q) {
        size_t count = at_most(k - l, sizeof q);
        quantize(q, w + l, count, inverse, 0);
        for (size_t i = 0; i < count; i++) sum += q[i];
        while (count % 4) q[count++] = 0;
        for (size_t i = 0; i < count; i += 4, out += STEP) memcpy(out, q + i, 4);
    }
    unsigned char *trailer = panel + (k + 3) / 4 * STEP;
    int32_t excess = 128 * sum;
    memcpy(trailer + column * sizeof scale, &scale, sizeof scale);
    memcpy(trailer + COLUMNS * sizeof scale + column * sizeof excess, &excess, sizeof excess);
}

static void pack_int8(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    for (size_t j = 0; j < n; j += COLUMNS, data += panel_bytes(k)) {
        size_t columns = at_most(n - j, COLUMNS);
        if (columns < COLUMNS) memset(data, 0, panel_bytes(k));
        for (size_t c = 0; c < columns; c++) pack_column(data, c, w + (j + c) * w_stride, k);
    }
    memset(data, 0, AFTER_PANELS);
}

/* ------------------------------------------------------------------------------------ multiply */

/* Where a tile comes from and goes to; its first `skip` rows belong to the tile above. */
struct int8_tile {
    const unsigned char *x, *panel;
    const float *x_scale, *bias;
    float *y;
    size_t columns, skip;
};

/* y = sum * (scale of column * scale of row) + bias (+ y) for at most LANES columns. */
ALWAYS_INLINE void finish_int8(float *y, vint sum, vfloat scale, const float *bias, int accumulate,
                               size_t columns) {
    vfloat value = v_of_int(sum) * scale, zero = v_set(0);
    if (columns >= LANES) {
        if (bias) value = value + v_load(bias);
        if (accumulate) value = v_load(y) + value;
        v_store(y, value);
    } else {
        if (bias) value = value + v_load_some(bias, columns, zero);
        if (accumulate) value = v_load_some(y, columns, zero) + value;
        v_store_some(y, value, columns);
    }
}

/* The sums of one row, two vectors, without the excess of unsigned bytes. */
ALWAYS_INLINE void finish_row(const struct packed_matmul *a, const struct int8_tile *t, size_t row,
                              const vint sum[2]) {
    const unsigned char *scales = t->panel + (a->w->k + 3) / 4 * STEP;
    vfloat x_scale = v_set(t->x_scale[row * a->x_scale_step]);
    UNROLL for (int v = 0; v < 2; v++) {
        size_t done = (size_t)v * LANES;
        if (done >= t->columns) break;
        vfloat scale = v_load((const float *)(const void *)(scales + done * sizeof(float)));
        vint excess = i_load(scales + (COLUMNS + done) * sizeof(int32_t));
        finish_int8(t->y + row * a->y_stride + done, INT8_FLIP ? i_sub(sum[v], excess) : sum[v],
                    scale * x_scale, t->bias ? t->bias + done : NULL, a->accumulate,
                    t->columns - done);
    }
}

/* `rows` and `chains` are constants wherever this is called. An i_dot waits for the one before it on the
 * same sum, so few rows take several sums an output, each over every chains-th step. */
ALWAYS_INLINE void multiply_int8_tile(const struct packed_matmul *a, const struct int8_tile *t,
                                      int rows, int chains) {
    vint sum[INT8_ROWS * 2][2];
    UNROLL for (int r = 0; r < rows * chains; r++) sum[r][0] = sum[r][1] = i_set(0);
    const unsigned char *panel = t->panel, *group[(INT8_ROWS + 3) / 4];
    size_t stride = a->x_stride, k = a->w->k, l = 0;
    UNROLL for (int r = 0; r < rows; r += 4) group[r / 4] = t->x + (size_t)r * stride;
    for (; l + 4 * (size_t)chains <= k; l += 4 * (size_t)chains, panel += chains * STEP) {
        UNROLL for (int c = 0; c < chains; c++) {
            struct factor w0 = i_factor(panel + c * STEP);
            struct factor w1 = i_factor(panel + c * STEP + VECTOR);
            if (rows <= INT8_ROWS / 2) {
                UNROLL for (int p = 0; p < STEP; p += 64)
                    __builtin_prefetch(panel + c * STEP + STREAM_AHEAD + p);
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
    for (; l < k; l += 4, panel += STEP) {
        struct factor w0 = i_factor(panel), w1 = i_factor(panel + VECTOR);
        UNROLL for (int r = 0; r < rows; r++) {
            int32_t four = 0;
            memcpy(&four, group[r / 4] + (size_t)(r % 4) * stride + l, at_most(k - l, sizeof four));
            vint x = i_set(four);
            sum[r][0] = i_dot(sum[r][0], x, w0);
            sum[r][1] = i_dot(sum[r][1], x, w1);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 1; c < chains; c++) {
            sum[r][0] = i_add(sum[r][0], sum[c * rows + r][0]);
            sum[r][1] = i_add(sum[r][1], sum[c * rows + r][1]);
        }
        if ((size_t)r >= t->skip) finish_row(a, t, (size_t)r, sum[r]);
    }
}

#define DEFINE_INT8_TILE(rows, chains)                                                             \
    static void int8_##rows(const struct packed_matmul *a, const struct int8_tile *t) {            \
        multiply_int8_tile(a, t, rows, chains);                                                    \
    }
DEFINE_INT8_TILE(1, 4)
DEFINE_INT8_TILE(2, 2)
DEFINE_INT8_TILE(3, 2)
DEFINE_INT8_TILE(4, 1)
#if INT8_ROWS >= 6
DEFINE_INT8_TILE(6, 1)
#endif
#if INT8_ROWS >= 12
DEFINE_INT8_TILE(5, 1)
DEFINE_INT8_TILE(12, 1)
#endif
#undef DEFINE_INT8_TILE

/* [height]: all that tile_height() gives. */
typedef void multiply_int8_function(const struct packed_matmul *, const struct int8_tile *);
static multiply_int8_function *const INT8_TILES[INT8_ROWS + 1] = {
    [1] = int8_1, [2] = int8_2,   [3] = int8_3, [4] = int8_4,
#if INT8_ROWS >= 6
    [6] = int8_6,
#endif
#if INT8_ROWS >= 12
    [5] = int8_5, [12] = int8_12,
#endif
};

static void packed_matmul_int8(const struct packed_matmul *a) {
    const unsigned char *panel = a->w->data + a->first / COLUMNS * panel_bytes(a->w->k);
    for (size_t j = 0; j < a->n; j += COLUMNS, panel += panel_bytes(a->w->k)) {
        for (size_t i = 0, rows; i < a->m; i += rows) {
            size_t height = tile_height(a->m, i, INT8_ROWS);
            rows = at_most(a->m - i, height);
            size_t top = i + rows - height;
            struct int8_tile t = {
                .x = (const unsigned char *)a->x + top * a->x_stride,
                .panel = panel,
                .x_scale = a->x_scale + top * a->x_scale_step,
                .bias = a->bias ? a->bias + j : NULL,
                .y = a->y + top * a->y_stride + j,
                .columns = at_most(a->n - j, COLUMNS),
                .skip = height - rows,
            };
            INT8_TILES[height](a, &t);
        }
    }
}

/* The table; its layout is named by the width of a panel. */
#define VECTOR_PACKED_INT8(name)                                                                   \
    {                                                                                              \
        .layout = name, .columns = COLUMNS, .bytes = bytes_int8, .pack = pack_int8,                \
        .element_bytes = 1, .prepare = prepare_int8, .matmul = packed_matmul_int8                  \
    }

#endif
