/* amx.c - int8 and bf16 products by the tiles of AMX: 16 x 16 sums of 64 bytes each an instruction.
 *
 * Tiles read the panels of vector_packed.h as they are, 16 steps at a time, and the rows of x in
 * place. Two by two tiles of sums are 32 rows of a panel; they go through memory to vectors, which
 * do what follows a sum. The configuration of tiles is set and released in each call: it costs less
 * than a tile of sums, and a thread that ends has no state to save.
 *
 * bf16 always runs here, because these sums have an order of their own: the odd and the even
 * products of 32 values apart. int8 sums are exact, so few rows are left to VNNI. */
#include "kernels/x86/vector_avx512.h"

#include "kernels/vector/vector_packed.h"

/* Rows and panels are those of VPDPBUSD and VDPBF16PS, to the byte. */
#define INT8_FLIP 0x80
#include "kernels/vector/vector_attend.h"
#include "kernels/vector/vector_pack_bf16.h"
#include "kernels/vector/vector_pack_int8.h"

enum {
    TILE = 16,            /* rows of a tile, and steps of a panel it takes */
    TILE_BYTES = 64,      /* of a row of a tile */
    CHUNK = 4 * 2 * TILE, /* rows whose rest is copied at once: 8 KiB */
    FEW_ROWS = 8          /* int8: up to here VNNI is faster */
};

/* The registers; gcc pastes the digit into an instruction. */
#define SUM_0 0
#define SUM_1 1
#define SUM_2 2
#define SUM_3 3
#define X_0 4
#define X_1 5
#define W_0 6
#define W_1 7

/* gcc does not know that loading a tile reads memory: all that has been written so far must be
 * there before. */
static inline void finish_stores(const void *p) {
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* What _tile_loadconfig() reads. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles of x and of sums have `rows` rows. */
static void configure(size_t rows) {
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = TILE_BYTES;
        config.rows[i] = i < W_0 ? (uint8_t)rows : TILE;
    }
    finish_stores(&config);
    _tile_loadconfig(&config);
}

/* The rows of one product that are computed together. */
struct chunk {
    const struct packed_matmul *args;
    const unsigned char *x;     /* [m] rows, x_stride apart */
    size_t first, m, tile_rows; /* of y; tile_rows <= m */
    size_t whole;               /* tiles a row fills */
    int has_rest;
    _Alignas(64) unsigned char rest[CHUNK][TILE_BYTES]; /* the last part of each row, and zeros */
};

/* Bytes of a row after its last whole tile. The bytes after them in memory must not be multiplied
 * by a weight. */
static void copy_rests(struct chunk *c, size_t row_bytes) {
    size_t done = row_bytes / TILE_BYTES * TILE_BYTES;
    __mmask64 rest = ((__mmask64)1 << (row_bytes - done)) - 1;
    c->whole = row_bytes / TILE_BYTES;
    c->has_rest = rest != 0;
    for (size_t i = 0; c->has_rest && i < c->m; i++)
        _mm512_store_si512(c->rest[i],
                           _mm512_maskz_loadu_epi8(rest, c->x + i * c->args->x_stride + done));
}

#define multiply_tile(sum, x, w)                                                                   \
    do {                                                                                           \
        if (is_bf16)                                                                               \
            _tile_dpbf16ps(sum, x, w);                                                             \
        else                                                                                       \
            _tile_dpbusd(sum, x, w);                                                               \
    } while (0)

/* sums [2 * TILE][COLUMNS] = rows top[0] and top[1] and on of the chunk by a panel. `is_bf16` and
 * `tiles` (of x) are constants wherever this is called. */
ALWAYS_INLINE void multiply_tiles(int32_t (*sums)[COLUMNS], const struct chunk *c,
                                  const size_t top[2], const unsigned char *panel, int is_bf16,
                                  int tiles) {
    size_t stride = c->args->x_stride;
    const unsigned char *x_0 = c->x + top[0] * stride, *x_1 = c->x + top[1] * stride;
    _tile_zero(SUM_0);
    _tile_zero(SUM_1);
    if (tiles == 2) {
        _tile_zero(SUM_2);
        _tile_zero(SUM_3);
    }
    for (size_t s = 0; s < c->whole + (size_t)c->has_rest; s++, panel += TILE * STEP_BYTES) {
        if (s == c->whole) {
            x_0 = c->rest[top[0]], x_1 = c->rest[top[1]];
            stride = TILE_BYTES;
        }
        _tile_loadd(W_0, panel, STEP_BYTES);
        _tile_loadd(X_0, x_0, stride);
        multiply_tile(SUM_0, X_0, W_0);
        _tile_loadd(W_1, panel + VECTOR_BYTES, STEP_BYTES);
        multiply_tile(SUM_1, X_0, W_1);
        if (tiles == 2) {
            _tile_loadd(X_1, x_1, stride);
            multiply_tile(SUM_2, X_1, W_0);
            multiply_tile(SUM_3, X_1, W_1);
        }
        x_0 += TILE_BYTES, x_1 += TILE_BYTES;
    }
    _tile_stored(SUM_0, sums[0], STEP_BYTES);
    _tile_stored(SUM_1, sums[0] + LANES, STEP_BYTES);
    if (tiles == 2) {
        _tile_stored(SUM_2, sums[TILE], STEP_BYTES);
        _tile_stored(SUM_3, sums[TILE] + LANES, STEP_BYTES);
    }
}

/* The sums of one tile of rows to y, but for the first `skip`, which the tile before has. */
ALWAYS_INLINE void finish_tile(const struct chunk *c, size_t top, size_t skip, size_t j,
                               const unsigned char *panel, int32_t (*sums)[COLUMNS], int is_bf16) {
    const struct packed_matmul *a = c->args;
    size_t row = c->first + top;
    struct packed_tile t = {
        .panel = panel,
        .x_scale = is_bf16 ? NULL : a->x_scale + row * a->x_scale_step,
        .bias = a->bias ? a->bias + j : NULL,
        .y = a->y + row * a->y_stride + j,
        .columns = at_most(a->n - j, COLUMNS),
    };
    struct ending ending = is_bf16 ? ending_bf16(&t) : ending_int8(a, &t);
    for (size_t r = skip; r < c->tile_rows; r++) {
        vint sum[2] = {i_load(sums[r]), i_load(sums[r] + LANES)};
        if (is_bf16)
            finish_bf16(a, &t, &ending, r, (vfloat[2]){v_of_bits(sum[0]), v_of_bits(sum[1])});
        else
            finish_int8(a, &t, &ending, r, sum, 1);
    }
}

ALWAYS_INLINE void multiply_chunk(const struct chunk *c, int is_bf16) {
    const struct packed_matmul *a = c->args;
    size_t k = a->w->k, panel_bytes = is_bf16 ? bf16_panel_bytes(k) : int8_panel_bytes(k);
    const unsigned char *panel = a->w->data + a->first / COLUMNS * panel_bytes;
    _Alignas(64) int32_t sums[2 * TILE][COLUMNS];
    for (size_t j = 0; j < a->n; j += COLUMNS, panel += panel_bytes) {
        for (size_t i = 0; i < c->m; i += 2 * TILE) {
            int two = c->m - i > TILE;
            size_t low = c->m - c->tile_rows; /* a tile beyond the last row moves up */
            size_t top[2] = {at_most(i, low), at_most(i + TILE, low)};
            if (two)
                multiply_tiles(sums, c, top, panel, is_bf16, 2);
            else
                multiply_tiles(sums, c, top, panel, is_bf16, 1);
            finish_tile(c, top[0], i - top[0], j, panel, sums, is_bf16);
            if (two) finish_tile(c, top[1], i + TILE - top[1], j, panel, sums + TILE, is_bf16);
        }
    }
}

ALWAYS_INLINE void multiply(const struct packed_matmul *a, int is_bf16) {
    _Alignas(64) struct chunk c = {.args = a};
    for (; c.first < a->m; c.first += c.m) {
        c.x = (const unsigned char *)a->x + c.first * a->x_stride;
        c.m = at_most(a->m - c.first, CHUNK);
        c.tile_rows = at_most(c.m, TILE);
        copy_rests(&c, (is_bf16 ? sizeof(uint16_t) : 1) * (size_t)a->w->k);
        finish_stores(&c);
        configure(c.tile_rows);
        multiply_chunk(&c, is_bf16);
    }
    if (a->m) _tile_release();
}

static void matmul_bf16(const struct packed_matmul *a) {
    multiply(a, 1);
}

static void matmul_int8(const struct packed_matmul *a) {
    if (a->m <= FEW_ROWS)
        packed_avx512_vnni_int8.matmul(a);
    else
        multiply(a, 0);
}

/* Four tiles of sums, two by two, as a product has them. */
ALWAYS_INLINE double spin(size_t rounds, int is_bf16) {
    configure(TILE);
    _tile_zero(SUM_0);
    _tile_zero(SUM_1);
    _tile_zero(SUM_2);
    _tile_zero(SUM_3);
    _tile_zero(X_0);
    _tile_zero(X_1);
    _tile_zero(W_0);
    _tile_zero(W_1);
    for (size_t i = 0; i < rounds; i++) {
        if (is_bf16) {
            _tile_dpbf16ps(SUM_0, X_0, W_0);
            _tile_dpbf16ps(SUM_1, X_0, W_1);
            _tile_dpbf16ps(SUM_2, X_1, W_0);
            _tile_dpbf16ps(SUM_3, X_1, W_1);
        } else {
            _tile_dpbusd(SUM_0, X_0, W_0);
            _tile_dpbusd(SUM_1, X_0, W_1);
            _tile_dpbusd(SUM_2, X_1, W_0);
            _tile_dpbusd(SUM_3, X_1, W_1);
        }
    }
    _tile_release();
    return 4.0 * 2 * TILE * TILE * (is_bf16 ? 32 : 64) * (double)rounds;
}

static double spin_bf16(size_t rounds) {
    return spin(rounds / 16, 1); /* a tile takes 16 cycles */
}

static double spin_int8(size_t rounds) {
    return spin(rounds / 16, 0);
}

#include "kernels/x86/amx_attend.h"

const struct packed_kernels packed_amx_bf16 = PACKED_KERNELS(bf16, 1, "bf16_32", sizeof(uint16_t));
const struct packed_kernels packed_amx_int8 = PACKED_KERNELS(int8, 1, "int8_32", 1);
