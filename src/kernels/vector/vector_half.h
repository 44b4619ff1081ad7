/* vector_half.h - attention over tiles of float16 (half.h) on any vector set.
 *
 * Included after vector_rows.h. Several query rows share what is loaded and widened; a row's sums are
 * taken in the same order whatever rows stand beside it. The ISA file gives HALF_ROWS, the rows at
 * once, and HALF_SPAN, the tiles at once: enough sums that none waits for itself. */
#ifndef PST_KERNELS_VECTOR_VECTOR_HALF_H
#define PST_KERNELS_VECTOR_VECTOR_HALF_H

#include "kernels/half.h"

enum { HALF_VECTORS = HALF_TILE / LANES };

/* Scores of `span` tiles for `rows` rows. */
ALWAYS_INLINE void score_half(const struct attend_half *a, size_t row, size_t tile, int rows,
                              int span) {
    vfloat sum[HALF_ROWS][HALF_SPAN * HALF_VECTORS];
    const float *q = a->q + row * a->q_stride;
    size_t tile_size = a->head_dim * HALF_TILE, padded = half_tiles(a->count) * HALF_TILE;
    const uint16_t *k = a->k + tile * tile_size;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < span * HALF_VECTORS; v++) sum[r][v] = v_set(0);
    }
    for (size_t d = 0; d < a->head_dim; d++, k += HALF_TILE) {
        vfloat key[HALF_SPAN * HALF_VECTORS];
        UNROLL for (int v = 0; v < span * HALF_VECTORS; v++) key[v] = v_load_half(
            k + (size_t)(v / HALF_VECTORS) * tile_size + (size_t)(v % HALF_VECTORS) * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            vfloat value = v_set(q[(size_t)r * a->q_stride + d]);
            UNROLL for (int v = 0; v < span * HALF_VECTORS; v++) sum[r][v] =
                v_fma(value, key[v], sum[r][v]);
        }
    }
    vfloat scale = v_set(a->scale);
    UNROLL for (int r = 0; r < rows; r++) {
        float *scores = a->scores + (row + (size_t)r) * padded + tile * HALF_TILE;
        UNROLL for (int v = 0; v < span * HALF_VECTORS; v++)
            v_store(scores + v * LANES, sum[r][v] * scale);
    }
}

/* Four channels of out for `rows` rows: the frames go along the vector and are added up at the end. */
ALWAYS_INLINE void mix_half(const struct attend_half *a, size_t row, size_t channel, int rows) {
    vfloat sum[HALF_ROWS][4];
    size_t tiles = half_tiles(a->count), padded = tiles * HALF_TILE, place[4];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 0; c < 4; c++) sum[r][c] = v_set(0);
    }
    for (size_t c = 0; c < 4; c++) /* past the last channel: the last again, not stored */
        place[c] = at_most(channel + c, a->head_dim - 1) * HALF_TILE;
    const uint16_t *tile = a->v;
    const float *scores = a->scores + row * padded;
    for (size_t t = 0; t < tiles; t++, tile += a->head_dim * HALF_TILE, scores += HALF_TILE) {
        UNROLL for (int v = 0; v < HALF_VECTORS; v++) {
            vfloat weight[HALF_ROWS];
            UNROLL for (int r = 0; r < rows; r++) weight[r] =
                v_load(scores + (size_t)r * padded + v * LANES);
            UNROLL for (int c = 0; c < 4; c++) {
                vfloat value = v_load_half(tile + place[c] + v * LANES);
                UNROLL for (int r = 0; r < rows; r++) sum[r][c] =
                    v_fma(weight[r], value, sum[r][c]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        float four[4];
        v_sum4(four, sum[r]);
        memcpy(a->out + (row + (size_t)r) * a->out_stride + channel, four,
               at_most(a->head_dim - channel, 4) * sizeof *four);
    }
}

/* `rows` is a constant wherever this is called. */
ALWAYS_INLINE void attend_half_rows(const struct attend_half *a, size_t row, int rows) {
    size_t tiles = half_tiles(a->count), padded = tiles * HALF_TILE, t = 0;
    for (; t + HALF_SPAN <= tiles; t += HALF_SPAN) score_half(a, row, t, rows, HALF_SPAN);
    for (; t < tiles; t++) score_half(a, row, t, rows, 1);
    for (size_t r = row; r < row + (size_t)rows; r++) {
        float *scores = a->scores + r * padded;
        softmax(scores, a->count);
        memset(scores + a->count, 0, (padded - a->count) * sizeof *scores);
    }
    for (size_t d = 0; d < a->head_dim; d += 4) mix_half(a, row, d, rows);
}

static void attend_half(const struct attend_half *a) {
    for (size_t i = 0; i < a->rows; i += HALF_ROWS) {
        switch (at_most(a->rows - i, HALF_ROWS)) {
        case 1: attend_half_rows(a, i, 1); break;
        case 2: attend_half_rows(a, i, 2); break;
#if HALF_ROWS > 2
        case 3: attend_half_rows(a, i, 3); break;
        case 4: attend_half_rows(a, i, 4); break;
        case 5: attend_half_rows(a, i, 5); break;
#endif
        }
    }
}

/* A vector of frames of a channel at once, as long as they are of one tile. */
static void to_half(const struct to_half *a) {
    const vfloat high = v_set(HALF_MAX), low = v_set(-HALF_MAX);
    for (size_t i = 0, frames; i < a->count; i += frames) {
        const float *row[LANES]; /* past the last frame: the last again, not stored */
        size_t t = a->first + i;
        frames = at_most(at_most(a->count - i, LANES), HALF_TILE - t % HALF_TILE);
        for (size_t r = 0; r < LANES; r++) row[r] = a->x + (i + at_most(r, frames - 1)) * a->stride;
        size_t d = 0;
        for (; d + 4 <= a->head_dim; d += 4) {
            vfloat four[4];
            v_load_transposed(four, row, d);
            UNROLL for (int c = 0; c < 4; c++) {
                uint16_t *out = a->tiles + half_place(t, d + (size_t)c, a->head_dim), some[LANES];
                v_store_half(frames == LANES ? out : some, v_max(low, v_min(high, four[c])));
                if (frames < LANES) memcpy(out, some, frames * sizeof *out);
            }
        }
        for (; d < a->head_dim; d++)
            for (size_t r = 0; r < frames; r++)
                a->tiles[half_place(t + r, d, a->head_dim)] = half_of_float(row[r][d]);
    }
}

#endif
