/* neon_i8mm.c - int8 products by SMMLA and bf16 products by BFMMLA: two rows by two outputs an
 * instruction, eight bytes of each.
 *
 * A vector of weights is two outputs of a panel, a vector of x two rows, and one of sums is
 * [2 rows][2 outputs]. bf16 always runs here, even a single row: BFMMLA adds up in an order of its
 * own, and a result must not depend on how many rows there are. */
#include "kernels/arm/vector_neon.h"

#define GROUP_BYTES 8
#define INT8_FLIP 0

#include "kernels/vector/vector_pack_bf16.h"
#include "kernels/vector/vector_pack_int8.h"

/* 4 x 4 sums, 8 of x and a vector of weights at a time: 25 registers. */
enum { ROWS = 8, PAIRS = ROWS / 2, BYTES_AT_ONCE = 16 };

/* `is_bf16` is a constant wherever one is. Left alone, gcc moves sums about and spills some. */
ALWAYS_INLINE vint multiply_pairs(vint sum, vint x, vint w, int is_bf16) {
    if (is_bf16)
        sum = vreinterpretq_s32_f32(vbfmmlaq_f32(
            vreinterpretq_f32_s32(sum), vreinterpretq_bf16_s32(x), vreinterpretq_bf16_s32(w)));
    else
        sum = vmmlaq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
    OPAQUE(sum);
    return sum;
}

ALWAYS_INLINE vint first_halves(vint a, vint b) {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

ALWAYS_INLINE vint second_halves(vint a, vint b) {
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

/* Two steps of a panel for 16 bytes of each row; an odd row is its own partner. */
ALWAYS_INLINE void multiply_steps(vint sum[PAIRS][4], const unsigned char *const row[ROWS],
                                  size_t l, const unsigned char *panel, int rows, int is_bf16) {
    vint x[2][PAIRS];
    UNROLL for (int p = 0; 2 * p < rows; p++) {
        vint even = i_load(row[2 * p] + l);
        vint odd = 2 * p + 1 < rows ? i_load(row[2 * p + 1] + l) : even;
        x[0][p] = first_halves(even, odd);
        x[1][p] = second_halves(even, odd);
    }
    UNROLL for (int i = 0; i < 8; i++) {
        vint w = i_load(panel + i * VECTOR_BYTES);
        UNROLL for (int p = 0; 2 * p < rows; p++) sum[p][i % 4] =
            multiply_pairs(sum[p][i % 4], x[i / 4][p], w, is_bf16);
    }
}

/* The sums of one row to y. */
ALWAYS_INLINE void finish_row(const struct packed_matmul *a, const struct packed_tile *t,
                              const struct ending *e, int row, const vint sum[4], int is_bf16) {
    vint v[2];
    UNROLL for (int i = 0; i < 2; i++) v[i] = row % 2 ? second_halves(sum[2 * i], sum[2 * i + 1])
                                                      : first_halves(sum[2 * i], sum[2 * i + 1]);
    if (is_bf16)
        finish_bf16(a, t, e, (size_t)row, (vfloat[2]){v_of_bits(v[0]), v_of_bits(v[1])});
    else
        finish_int8(a, t, e, (size_t)row, v, 0);
}

/* `rows` and `is_bf16` are constants wherever this is called. */
ALWAYS_INLINE void multiply_tile(const struct packed_matmul *a, const struct packed_tile *t,
                                 int rows, int is_bf16) {
    vint sum[PAIRS][4];
    const unsigned char *row[ROWS], *panel = t->panel;
    UNROLL for (int p = 0; 2 * p < rows; p++) {
        UNROLL for (int c = 0; c < 4; c++) sum[p][c] = i_set(0);
    }
    UNROLL for (int r = 0; r < rows; r++) row[r] = t->x + (size_t)r * a->x_stride;
    size_t bytes = (is_bf16 ? sizeof(uint16_t) : 1) * (size_t)a->w->k, l = 0;
    for (; l + BYTES_AT_ONCE <= bytes; l += BYTES_AT_ONCE, panel += 2 * STEP_BYTES) {
        if (rows <= ROWS / 2) {
            __builtin_prefetch(panel + STREAM_AHEAD);
            __builtin_prefetch(panel + STREAM_AHEAD + 64);
        }
        multiply_steps(sum, row, l, panel, rows, is_bf16);
    }
    if (l < bytes) { /* zeros times the bytes after the weights, which are 0 (bf16) or any int8 */
        unsigned char rest[ROWS][BYTES_AT_ONCE] = {{0}};
        UNROLL for (int r = 0; r < rows; r++) {
            memcpy(rest[r], row[r] + l, bytes - l);
            row[r] = rest[r];
        }
        multiply_steps(sum, row, 0, panel, rows, is_bf16);
    }
    struct ending ending = is_bf16 ? ending_bf16(t) : ending_int8(a, t);
    UNROLL for (int r = 0; r < rows; r++) {
        if ((size_t)r >= t->skip) finish_row(a, t, &ending, r, sum[r / 2], is_bf16);
    }
}

#define DEFINE_TILES(rows)                                                                         \
    static void bf16_##rows(const struct packed_matmul *a, const struct packed_tile *t) {          \
        multiply_tile(a, t, rows, 1);                                                              \
    }                                                                                              \
    static void int8_##rows(const struct packed_matmul *a, const struct packed_tile *t) {          \
        multiply_tile(a, t, rows, 0);                                                              \
    }
DEFINE_TILES(1)
DEFINE_TILES(2)
DEFINE_TILES(3)
DEFINE_TILES(4)
DEFINE_TILES(8)
#undef DEFINE_TILES

static void matmul_bf16(const struct packed_matmul *a) {
    static packed_tile_function *const TILES[ROWS + 1] = {
        [1] = bf16_1, [2] = bf16_2, [3] = bf16_3, [4] = bf16_4, [8] = bf16_8};
    multiply_packed(a, bf16_panel_bytes(a->w->k), ROWS, TILES);
}

static void matmul_int8(const struct packed_matmul *a) {
    static packed_tile_function *const TILES[ROWS + 1] = {
        [1] = int8_1, [2] = int8_2, [3] = int8_3, [4] = int8_4, [8] = int8_8};
    multiply_packed(a, int8_panel_bytes(a->w->k), ROWS, TILES);
}

/* An instruction makes four sums of four products, or of eight. */
ALWAYS_INLINE double spin(size_t rounds, int32_t value, int is_bf16) {
    volatile int32_t start = value; /* which the compiler must not know */
    vint sum[SPIN_CHAINS], x = i_set(start);
    /* Each reads it: chains known to be equal would be one. */
    UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = i_set(start);
    for (size_t i = 0; i < rounds; i++) {
        UNROLL for (int c = 0; c < SPIN_CHAINS; c++) sum[c] = multiply_pairs(sum[c], x, x, is_bf16);
    }
    UNROLL for (int c = 1; c < SPIN_CHAINS; c++) sum[0] = i_max(sum[0], sum[c]);
    start = vgetq_lane_s32(sum[0], 0);
    return 2.0 * 4 * (is_bf16 ? 4 : 8) * SPIN_CHAINS * (double)rounds;
}

static double spin_bf16(size_t rounds) {
    return spin(rounds, 0x3F003F00, 1); /* two halves */
}

static double spin_int8(size_t rounds) {
    return spin(rounds, 0x01010101, 0);
}

const struct packed_kernels packed_neon_i8mm_bf16 =
    PACKED_KERNELS(bf16, 1, "bf16_8_by_4", sizeof(uint16_t));
const struct packed_kernels packed_neon_i8mm_int8 = PACKED_KERNELS(int8, 1, "int8_8_by_8", 1);
