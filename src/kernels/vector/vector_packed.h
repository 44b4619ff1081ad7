/* vector_packed.h - what the products with packed int8 and bf16 weights share on any vector set:
 * the bytes of a panel, how rows are cut into tiles, and what is done with a sum.
 *
 * A panel holds COLUMNS outputs, two vectors of sums. Four bytes of an output are adjacent, four
 * values of int8 or two of bf16: what one lane of a dot product takes, and one column of a tile of
 * AMX. So a step of a panel is [COLUMNS][4 bytes], and panels of all sets of one width are the
 * same. A set whose instructions take eight bytes of an output defines GROUP_BYTES, and names its
 * layout so. */
#ifndef PST_KERNELS_VECTOR_VECTOR_PACKED_H
#define PST_KERNELS_VECTOR_VECTOR_PACKED_H

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/vector/vector_macros.h"

/* Adjacent bytes of an output. */
#if !defined(GROUP_BYTES)
#define GROUP_BYTES 4
#endif

enum { COLUMNS = 2 * LANES, VECTOR_BYTES = 4 * LANES, STEP_BYTES = GROUP_BYTES * COLUMNS };

/* int8: [k / GROUP_BYTES][COLUMNS][GROUP_BYTES] weights, zero past n and k; float scale[COLUMNS];
 * int32 excess[COLUMNS], 128 times the sum of an output's weights, which is what an unsigned x, 128
 * too high, adds to its sum. A tile of AMX has 16 steps and may read as many past the last
 * panel. */
enum { INT8_AFTER_PANELS = 16 * STEP_BYTES };

static inline size_t int8_steps(size_t k) {
    return (k + GROUP_BYTES - 1) / GROUP_BYTES;
}

static inline size_t int8_panel_bytes(size_t k) {
    return int8_steps(k) * STEP_BYTES + 2 * 4 * COLUMNS;
}

/* bf16: the same of two bytes each, and zeros to a multiple of 32 values, because what a tile of
 * AMX reads must not be NaN. */
static inline size_t bf16_panel_bytes(size_t k) {
    return (k + 31) / 32 * 64 * COLUMNS;
}

/* ------------------------------------------------------------------------------------- finish */

/* The input and the output of a tile; its first `skip` rows belong to the tile above. */
struct packed_tile {
    const unsigned char *x, *panel;
    const float *x_scale, *bias;
    float *y;
    size_t columns, skip;
};

/* What all rows of a tile are finished with. Without a bias it is -0, which changes no number. */
struct ending {
    vfloat bias[2], scale[2];
    vint excess[2];
};

ALWAYS_INLINE struct ending ending_bf16(const struct packed_tile *t) {
    struct ending e;
    UNROLL for (int v = 0; v < 2; v++) {
        size_t done = (size_t)v * LANES, count = t->columns > done ? t->columns - done : 0;
        e.bias[v] = v_set(-0.0f);
        if (t->bias)
            e.bias[v] = count >= LANES ? v_load(t->bias + done)
                                       : v_load_some(t->bias + done, count, e.bias[v]);
    }
    return e;
}

ALWAYS_INLINE struct ending ending_int8(const struct packed_matmul *a,
                                        const struct packed_tile *t) {
    const unsigned char *trailer = t->panel + int8_steps(a->w->k) * STEP_BYTES;
    struct ending e = ending_bf16(t);
    UNROLL for (int v = 0; v < 2; v++) {
        e.scale[v] = v_load((const float *)(const void *)(trailer + v * VECTOR_BYTES));
        e.excess[v] = i_load(trailer + 4 * COLUMNS + v * VECTOR_BYTES);
    }
    return e;
}

/* A row of a tile to y, from two vectors of float sums. */
ALWAYS_INLINE void finish_bf16(const struct packed_matmul *a, const struct packed_tile *t,
                               const struct ending *e, size_t row, const vfloat sum[2]) {
    float *y = t->y + row * a->y_stride;
    UNROLL for (int v = 0; v < 2; v++) {
        size_t done = (size_t)v * LANES;
        vfloat value = sum[v] + e->bias[v];
        if (t->columns == COLUMNS) {
            if (a->accumulate) value = v_load(y + done) + value;
            v_store(y + done, value);
        } else if (t->columns > done) {
            size_t count = at_most(t->columns - done, LANES);
            if (a->accumulate) value = v_load_some(y + done, count, value) + value;
            v_store_some(y + done, value, count);
        }
    }
}

/* The same from integer sums, of an x that was unsigned or not. */
ALWAYS_INLINE void finish_int8(const struct packed_matmul *a, const struct packed_tile *t,
                               const struct ending *e, size_t row, const vint sum[2],
                               int is_unsigned) {
    vfloat x_scale = v_set(t->x_scale[row * a->x_scale_step]), value[2];
    UNROLL for (int v = 0; v < 2; v++) value[v] =
        v_of_int(is_unsigned ? i_sub(sum[v], e->excess[v]) : sum[v]) * (e->scale[v] * x_scale);
    finish_bf16(a, t, e, row, value);
}

/* -------------------------------------------------------------------------------------- tiles */

typedef void packed_tile_function(const struct packed_matmul *, const struct packed_tile *);

/* Panel by panel, which stays in L1 while all rows pass. tiles[height] for all that tile_height()
 * gives. */
static inline void multiply_packed(const struct packed_matmul *a, size_t panel_bytes,
                                   size_t tallest, packed_tile_function *const *tiles) {
    const unsigned char *panel = a->w->data + a->first / COLUMNS * panel_bytes;
    for (size_t j = 0; j < a->n; j += COLUMNS, panel += panel_bytes) {
        for (size_t i = 0, rows; i < a->m; i += rows) {
            size_t height = tile_height(a->m, i, tallest);
            rows = at_most(a->m - i, height);
            size_t top = i + rows - height;
            struct packed_tile t = {
                .x = (const unsigned char *)a->x + top * a->x_stride,
                .panel = panel,
                .x_scale = a->x_scale ? a->x_scale + top * a->x_scale_step : NULL,
                .bias = a->bias ? a->bias + j : NULL,
                .y = a->y + top * a->y_stride + j,
                .columns = at_most(a->n - j, COLUMNS),
                .skip = height - rows,
            };
            tiles[height](a, &t);
        }
    }
}

#endif
