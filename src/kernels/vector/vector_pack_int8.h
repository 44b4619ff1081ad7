/* vector_pack_int8.h - values to int8, and weights to panels of it, on any vector set.
 *
 * Included after the v_ and i_ operations by what multiplies them. INT8_FLIP is 0x80 where the
 * product takes x as unsigned bytes, else 0: prepared rows are 128 too high then, and 128 times the
 * sum of the weights is taken off each output again. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACK_INT8_H
#define PST_KERNELS_VECTOR_VECTOR_PACK_INT8_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/vector/vector_packed.h"

static size_t bytes_int8(size_t n, size_t k) {
    return (n + COLUMNS - 1) / COLUMNS * int8_panel_bytes(k) + INT8_AFTER_PANELS;
}

/* ------------------------------------------------------------------------------------ quantize */

/* max |x| / 127, or NaN when x is not all finite. As integers, the bits of magnitudes are in the
 * order of their values, with NaN after infinity. */
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

/* What values are multiplied by. A scale without a normal reciprocal is that of a row as good as 0,
 * or NaN, in which case the integers do not matter. */
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

/* One column: its weights STEP_BYTES bytes apart, GROUP_BYTES at a time. */
static void pack_column(unsigned char *panel, size_t column, const float *w, size_t k) {
    int8_t q[1024];
    float scale = scale_of(w, k), inverse = inverse_of(scale);
    int32_t sum = 0;
    unsigned char *out = panel + GROUP_BYTES * column;
    for (size_t l = 0; l < k; l += sizeof q) {
        size_t count = at_most(k - l, sizeof q);
        quantize(q, w + l, count, inverse, 0);
        for (size_t i = 0; i < count; i++) sum += q[i];
        while (count % GROUP_BYTES) q[count++] = 0;
        for (size_t i = 0; i < count; i += GROUP_BYTES, out += STEP_BYTES)
            memcpy(out, q + i, GROUP_BYTES);
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

#endif
