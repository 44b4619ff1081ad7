/* embedder.h - samples to frames of the streaming family. */
#ifndef PST_NETWORK_EMBEDDER_H
#define PST_NETWORK_EMBEDDER_H

#include "model/streaming.h"
#include "network/block.h"

/* samples of the clip that ws->extent is for, to ws->memory [frames, encoder_dim]. */
void embedder_forward(struct workspace *ws, const float *samples, size_t count);

/* Whole frames of samples [b->rows, 80] to rows of 5 ms y [b->rows, encoder_dim]; `compressed` is
 * scratch of as many samples. */
void embedder_frames(const struct block *b, float *y, const float *samples, float *compressed);

/* Rows that a block of `rows` frames starts from: of 5 ms, and of conv1. What two blocks see is
 * computed twice. */
static inline size_t embedder_rows2(size_t rows) {
    return STREAM_STRIDE * (rows - 1) + STREAM_KERNEL;
}

static inline size_t embedder_rows1(size_t rows) {
    return STREAM_STRIDE * (embedder_rows2(rows) - 1) + STREAM_KERNEL;
}

#endif
