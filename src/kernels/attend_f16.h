/* attend_f16.h - attention over keys and values that are kept as float16, and rounding to it in
 * plain C.
 *
 * Keys and values of the memory are written once and read whole at every token: half the size takes
 * half the time. They are stored in tiles, [tiles][head_dim][F16_TILE] for each head: a vector
 * holds frames and not channels, so a score is a sum that needs no adding up across lanes, and any
 * head_dim will do. Frames past the last are 0. */
#ifndef PST_KERNELS_ATTEND_F16_H
#define PST_KERNELS_ATTEND_F16_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/float16.h"

/* Frames of a tile: those of a channel are a cache line. */
enum { F16_TILE = 32 };

static inline size_t f16_tiles(size_t frames) {
    return (frames + F16_TILE - 1) / F16_TILE;
}

/* Some query rows of one head against the frames of a clip; see struct attend. */
struct attend_f16 {
    float *out;            /* [rows, head_dim], rows out_stride floats apart */
    const float *q;        /* [rows, head_dim], rows q_stride apart */
    const uint16_t *k, *v; /* [tiles, head_dim, F16_TILE] */
    float *scores;         /* [rows, tiles * F16_TILE] scratch; the softmax weights afterwards */
    size_t rows, out_stride, q_stride;
    size_t count; /* frames */
    size_t head_dim;
    float scale;
};

/* Rows [count, head_dim] of x as frames `first` and on of tiles. */
struct store_f16 {
    uint16_t *tiles;
    const float *x; /* rows `stride` floats apart */
    size_t stride, first, count, head_dim;
};

/* Where channel d of frame t lies. */
static inline size_t f16_place(size_t t, size_t d, size_t head_dim) {
    return (t / F16_TILE * head_dim + d) * F16_TILE + t % F16_TILE;
}

/* The largest float16: larger values become this, not infinity. */
#define F16_MAX 65504.0f

/* To nearest, halves to even; NaN stays NaN. */
static inline uint16_t f16_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float size = fabsf(value);
    if (size != size) return sign | 0x7E00;
    if (size >= F16_MAX) return sign | 0x7BFF;
    if (size < 0x1p-14f) return sign | (uint16_t)rintf(size * 0x1p24f); /* steps of 2^-24 */
    bits &= 0x7FFFFFFF;
    bits += 0xFFF + (bits >> 13 & 1);
    return sign | (uint16_t)((bits >> 13) - ((127 - 15) << 10));
}

#endif
