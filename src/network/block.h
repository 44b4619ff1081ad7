/* block.h - a block of rows, which one thread takes through many stages while they are in its
 * cache.
 *
 * How rows are cut into blocks depends on their number and the precision alone, never on the
 * threads. Here are the verbs that the encoder is written in; outputs are [rows of the block,
 * width], and x and y point to the first row of the block. */
#ifndef PST_NETWORK_BLOCK_H
#define PST_NETWORK_BLOCK_H

#include "network/workspace.h"

/* -------------------------------------------------------------------------------- the cut */

struct blocks {
    size_t rows, count;
    size_t unit; /* blocks start at multiples of it: tiles of kernels are as high */
};

/* Frames of a block of the encoder at most. A layer's weights stream from the second-level cache
 * (as float32 from beyond it) once a block, and attention reads all keys once a block: long blocks
 * do so less often. Longer ones would push their own values out: 112 frames of a feed-forward's
 * hidden values are 516 KB. */
enum { BLOCKS_ENCODER_ROWS = 112 };

/* Frames that a block of the stem ends in: it starts with six times as many. */
static inline size_t blocks_stem_rows(pst_precision precision) {
    return precision == PST_PRECISION_F32 ? 64 : 48;
}

/* Frames of conv1 that are computed and measured together: 221 KB of them. */
enum { BLOCKS_CONV1_ROWS = 192 };

/* `most` is a multiple of 16. A multiple of four blocks divides well among two, three or four
 * threads; short clips have fewer, because a block of a few rows multiplies badly. */
static inline struct blocks blocks_cut(size_t rows, size_t most) {
    size_t unit = rows < 4 * most ? 4 : 16, units = (rows + unit - 1) / unit;
    size_t multiple = rows < 64 ? 2 : 4, count = (units + most / unit - 1) / (most / unit);
    count = (count + multiple - 1) / multiple * multiple;
    return (struct blocks){rows, count < units ? count : units, unit};
}

/* No clip of at most `rows` rows is cut into more. */
static inline size_t blocks_count_most(size_t rows, size_t most) {
    return rows / most + 8;
}

/* The first row of block `index`; of block `count`: the end. */
static inline size_t blocks_first(const struct blocks *blocks, size_t index) {
    size_t units = (blocks->rows + blocks->unit - 1) / blocks->unit;
    size_t first = units * index / blocks->count * blocks->unit;
    return first < blocks->rows ? first : blocks->rows;
}

struct block {
    struct workspace *ws;
    struct scratch *scratch; /* of the thread that has the block */
    size_t first, rows;
};

static inline struct block blocks_take(const struct blocks *blocks, struct workspace *ws,
                                       size_t index, unsigned thread) {
    size_t first = blocks_first(blocks, index);
    return (struct block){ws, &ws->scratch[thread], first, blocks_first(blocks, index + 1) - first};
}

/* ------------------------------------------------------------------------------- the verbs */

/* y = linear(x) */
void linear_rows(const struct block *b, float *y, const struct linear *linear, const float *x);
/* h += linear(x) */
void linear_add(const struct block *b, float *h, const struct linear *linear, const float *x);

/* y = linear(x) of several layers, which share what is made of their input. */
struct projection {
    float *y;
    const struct linear *linear;
};
void linear_each(const struct block *b, const struct projection *projections, size_t count,
                 const float *x);

/* y [rows, out] = conv(x): x has the frames that as many outputs see. */
void conv_rows(const struct block *b, float *y, const struct conv *conv, const float *x,
               size_t rows);

/* x [rows, width] = gelu(x) */
void gelu_rows(const struct block *b, float *x, size_t rows, size_t width);

#endif
