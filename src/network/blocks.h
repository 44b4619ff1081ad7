/* blocks.h - rows cut into blocks that one thread takes through many stages while they are in its cache.
 *
 * How rows are cut depends on their number and the precision alone, never on the threads. */
#ifndef PST_NETWORK_BLOCKS_H
#define PST_NETWORK_BLOCKS_H

#include "network/workspace.h"

struct blocks {
    size_t rows, count;
    size_t unit; /* blocks start at multiples of it: tiles of kernels are as high */
};

/* Frames of a block of the encoder at most. A layer's weights stream from the second-level cache (as float32
 * from beyond it) once a block, and attention reads all keys once a block: long blocks do so less often.
 * Longer ones would push their own values out: 112 frames of a feed-forward's inner values are 516 KB. */
enum { BLOCKS_ENCODER_ROWS = 112 };

/* Frames that a block of the stem ends in: it starts with six times as many. */
static inline size_t blocks_stem_rows(enum precision precision) {
    return precision == PRECISION_F32 ? 64 : 48;
}

/* Frames of conv1 that are computed and measured together: 221 KB of them. */
enum { BLOCKS_CONV1_ROWS = 192 };

/* `most` is a multiple of 16. A multiple of four blocks divides well among two, three or four threads;
 * short clips have fewer, because a block of a few rows multiplies badly. */
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

#endif
