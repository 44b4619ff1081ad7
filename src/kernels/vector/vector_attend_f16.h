/* vector_attend_f16.h - attention over tiles of float16 (attend_f16.h) on any vector set.
 *
 * Included after vector_rows.h. Several query rows share what is loaded and widened; a row's sums
 * are taken in the same order whatever rows are beside it. The ISA file gives F16_ROWS, the rows at
 * once, and F16_SPAN, the tiles at once: enough sums that none waits for itself. */
#ifndef PST_KERNELS_VECTOR_VECTOR_ATTEND_F16_H
#define PST_KERNELS_VECTOR_VECTOR_ATTEND_F16_H

#include "kernels/attend_f16.h"

enum { F16_VECTORS = F16_TILE / LANES };

/* Scores of `span` tiles for `rows` rows. */
ALWAYS_INLINE void score_f16(const struct attend_f16 *a, size_t row, size_t tile, int rows,
                             int span) {
    vfloat sum[F16_ROWS][F16_SPAN * F16_VECTORS];
    const float *q = a->q + row * a->q_stride;
    size_t tile_size = a->head_dim * F16_TILE, padded = f16_tiles(a->count) * F16_TILE;
    const uint16_t *k = a->k + tile * tile_size;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < span * F16_VECTORS; v++) sum[r][v] = v_set(0);
    }
    for (size_t d = 0; d < a->head_dim; d++, k += F16_TILE) {
        vfloat key[F16_SPAN * F16_VECTORS];
        UNROLL for (int v = 0; v < span * F16_VECTORS; v++) key[v] = v_load_f16(
            k + (size_t)(v / F16_VECTORS) * tile_size + (size_t)(v % F16_VECTORS) * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            vfloat value = v_set(q[(size_t)r * a->q_stride + d]);
            UNROLL for (int v = 0; v < span * F16_VECTORS; v++) sum[r][v] =
                v_fma(value, key[v], sum[r][v]);
        }
    }
    vfloat scale = v_set(a->scale);
    UNROLL for (int r = 0; r < rows; r++) {
        float *scores = a->scores + (row + (size_t)r) * padded + tile * F16_TILE;
        UNROLL for (int v = 0; v < span * F16_VECTORS; v++)
            v_store(scores + v * LANES, sum[r][v] * scale);
    }
}

/* Four channels of out for `rows` rows: a vector holds frames, which are added up at the end. */
ALWAYS_INLINE void context_f16(const struct attend_f16 *a, size_t row, size_t channel, int rows) {
    vfloat sum[F16_ROWS][4];
    size_t tiles = f16_tiles(a->count), padded = tiles * F16_TILE, place[4];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 0; c < 4; c++) sum[r][c] = v_set(0);
    }
    for (size_t c = 0; c < 4; c++) /* past the last channel: the last again, not stored */
        place[c] = at_most(channel + c, a->head_dim - 1) * F16_TILE;
    const uint16_t *tile = a->v;
    const float *scores = a->scores + row * padded;
    for (size_t t = 0; t < tiles; t++, tile += a->head_dim * F16_TILE, scores += F16_TILE) {
        UNROLL for (int v = 0; v < F16_VECTORS; v++) {
            vfloat weight[F16_ROWS];
            UNROLL for (int r = 0; r < rows; r++) weight[r] =
                v_load(scores + (size_t)r * padded + v * LANES);
            UNROLL for (int c = 0; c < 4; c++) {
                vfloat value = v_load_f16(tile + place[c] + v * LANES);
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
ALWAYS_INLINE void attend_f16_rows(const struct attend_f16 *a, size_t row, int rows) {
    size_t tiles = f16_tiles(a->count), padded = tiles * F16_TILE, t = 0;
    for (; t + F16_SPAN <= tiles; t += F16_SPAN) score_f16(a, row, t, rows, F16_SPAN);
    for (; t < tiles; t++) score_f16(a, row, t, rows, 1);
    for (size_t r = row; r < row + (size_t)rows; r++) {
        float *scores = a->scores + r * padded;
        softmax(scores, a->count);
        memset(scores + a->count, 0, (padded - a->count) * sizeof *scores);
    }
    for (size_t d = 0; d < a->head_dim; d += 4) context_f16(a, row, d, rows);
}

static void attend_f16(const struct attend_f16 *a) {
    for (size_t i = 0; i < a->rows; i += F16_ROWS) {
        switch (at_most(a->rows - i, F16_ROWS)) {
        case 1: attend_f16_rows(a, i, 1); break;
        case 2: attend_f16_rows(a, i, 2); break;
#if F16_ROWS > 2
        case 3: attend_f16_rows(a, i, 3); break;
        case 4: attend_f16_rows(a, i, 4); break;
        case 5: attend_f16_rows(a, i, 5); break;
#endif
        }
    }
}

/* A vector of frames of a channel at once, as long as they are of one tile. */
static void store_f16(const struct store_f16 *a) {
    const vfloat high = v_set(F16_MAX), low = v_set(-F16_MAX);
    for (size_t i = 0, frames; i < a->count; i += frames) {
        const float *row[LANES]; /* past the last frame: the last again, not stored */
        size_t t = a->first + i;
        frames = at_most(at_most(a->count - i, LANES), F16_TILE - t % F16_TILE);
        for (size_t r = 0; r < LANES; r++) row[r] = a->x + (i + at_most(r, frames - 1)) * a->stride;
        size_t d = 0;
        for (; d + 4 <= a->head_dim; d += 4) {
            vfloat four[4];
            v_load_transposed(four, row, d);
            UNROLL for (int c = 0; c < 4; c++) {
                uint16_t *out = a->tiles + f16_place(t, d + (size_t)c, a->head_dim), some[LANES];
                v_store_f16(frames == LANES ? out : some, v_max(low, v_min(high, four[c])));
                if (frames < LANES) memcpy(out, some, frames * sizeof *out);
            }
        }
        for (; d < a->head_dim; d++)
            for (size_t r = 0; r < frames; r++)
                a->tiles[f16_place(t + r, d, a->head_dim)] = f16_of_float(row[r][d]);
    }
}

#endif
