/* vector_packed_int8.h - int8 products with packed weights on any vector set that multiplies bytes.
 *
 * Included after the v_ and i_ operations by files that define besides
 *  - struct factor, i_factor(p): a vector of weights, made ready once for all rows;
 *  - i_dot(sum, x, factor): sum + the four products of each lane, exactly. x is one lane repeated;
 *  - INT8_FLIP: 0x80 where i_dot takes x as unsigned bytes, else 0: prepared rows are 128 too high then,
 *    and 128 times the sum of the weights is taken off each output again;
 *  - INT8_ROWS: rows of the tallest tile.
 *
 * Integer sums have no rounding, and what follows them is done in one order everywhere, that of
 * packed_reference.c: all sets give the same bits. */
#ifndef PST_KERNELS_VECTOR_PACKED_INT8_H
#define PST_KERNELS_VECTOR_PACKED_INT8_H

#include <float.h>
#include <math.h>
#include <string.h>

/* Defined as 1 by files whose i_dot is an instruction. */
#ifndef INT8_NATIVE
#define INT8_NATIVE 0
#endif

#include "kernels/vector_packed.h"

static size_t bytes_int8(size_t n, size_t k) {
    return (n + COLUMNS - 1) / COLUMNS * int8_panel_bytes(k) + INT8_AFTER_PANELS;
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

/* One column: its weights STEP_BYTES bytes apart, four at a time. */
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
        for (size_t i = 0; i < count; i += 4, out += STEP_BYTES) memcpy(out, q + i, 4);
    }
    unsigned char *trailer = panel + int8_steps(k) * STEP_BYTES;
    int32_t excess = 128 * sum;
    memcpy(trailer + column * sizeof scale, &scale, sizeof scale);
    memcpy(trailer + COLUMNS * sizeof scale + column * sizeof excess, &excess, sizeof excess);
}

static void pack_int8(unsigned char *data, const float *w, size_t w_stride, size_t n, size_t k) {
    for (size_t j = 0; j < n; j += COLUMNS, data += int8_panel_bytes(k)) {
        size_t columns = at_most(n - j, COLUMNS);
        if (columns < COLUMNS) memset(data, 0, int8_panel_bytes(k));
        for (size_t c = 0; c < columns; c++) pack_column(data, c, w + (j + c) * w_stride, k);
    }
    memset(data, 0, INT8_AFTER_PANELS);
}

/* ------------------------------------------------------------------------------------ multiply */

/* `rows` and `chains` are constants wherever this is called. An i_dot waits for the one before it on the
 * same sum, so few rows take several sums an output, each over every chains-th step. */
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
#if INT8_ROWS >= 6
DEFINE_INT8_TILE(6, 1)
#endif
#if INT8_ROWS >= 12
DEFINE_INT8_TILE(5, 1)
DEFINE_INT8_TILE(12, 1)
#endif
#undef DEFINE_INT8_TILE

static packed_tile_function *const INT8_TILES[INT8_ROWS + 1] = {
    [1] = int8_1, [2] = int8_2,   [3] = int8_3, [4] = int8_4,
#if INT8_ROWS >= 6
    [6] = int8_6,
#endif
#if INT8_ROWS >= 12
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
    for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = i_max(sum[0], sum[c]);
    int32_t lanes[LANES];
    i_store(lanes, sum[0]);
    start = (unsigned char)lanes[0];
    return 8.0 * LANES * SPIN_CHAINS * (double)rounds;
}

/* The table; its layout is named by the width of a panel. */
#define VECTOR_PACKED_INT8(name)                                                                   \
    {                                                                                              \
        .native = INT8_NATIVE, .layout = name, .columns = COLUMNS, .bytes = bytes_int8,            \
        .pack = pack_int8, .element_bytes = 1, .prepare = prepare_int8, .matmul = matmul_int8,     \
        .spin = spin_int8                                                                          \
    }

#endif
