/* neon_dotprod.c - int8 products by SDOT, 16 multiply-adds an instruction.
 *
 * SDOT takes the four values of x from any lane of a vector: one load of a row serves four steps of
 * a panel, where a value repeated over a vector would be a load for each. */
#include "kernels/arm/vector_neon.h"

#define INT8_FLIP 0

#include "kernels/vector/vector_pack_int8.h"

/* 8 x 2 sums, 8 of x and 2 weights: 26 registers. */
enum { ROWS = 8 };

/* The four steps from `panel` on, for four values of each row a step. The lane is part of the
 * instruction, so it cannot be the counter of a loop. */
#define MULTIPLY_STEP(lane)                                                                        \
    do {                                                                                           \
        int8x16_t w0 = vld1q_s8(w + (lane)*STEP_BYTES);                                            \
        int8x16_t w1 = vld1q_s8(w + (lane)*STEP_BYTES + VECTOR_BYTES);                             \
        UNROLL for (int r = 0; r < rows; r++) {                                                    \
            vint *s = sum[(lane) % chains * rows + r];                                             \
            s[0] = vdotq_laneq_s32(s[0], w0, x[r], lane);                                          \
            s[1] = vdotq_laneq_s32(s[1], w1, x[r], lane);                                          \
        }                                                                                          \
    } while (0)

/* `rows` and `chains` are constants wherever this is called. An SDOT may wait for the one before it
 * on the same sum, so few rows take several sums an output, each over every chains-th step. */
ALWAYS_INLINE void multiply_tile(const struct packed_matmul *a, const struct packed_tile *t,
                                 int rows, int chains) {
    vint sum[ROWS][2];
    const int8_t *row[ROWS], *w = (const int8_t *)t->panel;
    UNROLL for (int r = 0; r < rows * chains; r++) sum[r][0] = sum[r][1] = i_set(0);
    UNROLL for (int r = 0; r < rows; r++) row[r] = (const int8_t *)t->x + (size_t)r * a->x_stride;
    size_t k = a->w->k, l = 0;
    for (; l + 16 <= k; l += 16, w += 4 * STEP_BYTES) {
        int8x16_t x[ROWS];
        UNROLL for (int r = 0; r < rows; r++) x[r] = vld1q_s8(row[r] + l);
        if (rows <= ROWS / 2) {
            __builtin_prefetch(w + STREAM_AHEAD);
            __builtin_prefetch(w + STREAM_AHEAD + 64);
        }
        MULTIPLY_STEP(0);
        MULTIPLY_STEP(1);
        MULTIPLY_STEP(2);
        MULTIPLY_STEP(3);
    }
    for (; l < k; l += 4, w += STEP_BYTES) {
        int8x16_t x[ROWS];
        UNROLL for (int r = 0; r < rows; r++) {
            int32_t four = 0;
            memcpy(&four, row[r] + l, at_most(k - l, sizeof four));
            x[r] = vreinterpretq_s8_s32(i_set(four));
        }
        MULTIPLY_STEP(0);
    }
    struct ending ending = ending_int8(a, t);
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 1; c < chains; c++) {
            sum[r][0] = i_add(sum[r][0], sum[c * rows + r][0]);
            sum[r][1] = i_add(sum[r][1], sum[c * rows + r][1]);
        }
        if ((size_t)r >= t->skip) finish_int8(a, t, &ending, (size_t)r, sum[r], 0);
    }
}

#define DEFINE_TILE(rows, chains)                                                                  \
    static void rows_##rows(const struct packed_matmul *a, const struct packed_tile *t) {          \
        multiply_tile(a, t, rows, chains);                                                         \
    }
DEFINE_TILE(1, 4)
DEFINE_TILE(2, 2)
DEFINE_TILE(3, 2)
DEFINE_TILE(4, 1)
DEFINE_TILE(8, 1)
#undef DEFINE_TILE

static void matmul_int8(const struct packed_matmul *a) {
    static packed_tile_function *const TILES[ROWS + 1] = {
        [1] = rows_1, [2] = rows_2, [3] = rows_3, [4] = rows_4, [8] = rows_8};
    multiply_packed(a, int8_panel_bytes(a->w->k), ROWS, TILES);
}

static double spin_int8(size_t rounds) {
    volatile int8_t start = 1; /* which the compiler must not know */
    int8x16_t x = vdupq_n_s8(start);
    vint sum[SPIN_CHAINS];
    /* Each reads it: chains known to be equal would be one. */
    UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = i_set(start);
    for (size_t i = 0; i < rounds; i++) {
        UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = vdotq_s32(sum[c], x, x);
    }
    UNROLL for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = i_max(sum[0], sum[c]);
    start = (int8_t)vgetq_lane_s32(sum[0], 0);
    return 8.0 * LANES * SPIN_CHAINS * (double)rounds;
}

const struct packed_kernels packed_neon_dotprod_int8 = PACKED_KERNELS(int8, 1, "int8_8", 1);
