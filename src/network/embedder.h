/* embedder.h - samples to frames of the streaming family. */
#ifndef PST_NETWORK_EMBEDDER_H
#define PST_NETWORK_EMBEDDER_H

#include "model/streaming.h"
#include "network/workspace.h"

/* samples of the clip that ws->extent is for, to ws->memory [frames, encoder_dim]. */
void embedder_forward(struct workspace *ws, const float *samples, size_t count);

/* Rows that a block of `rows` frames starts from: of 5 ms, and of conv1. What two blocks see is
 * computed twice. */
static inline size_t embedder_rows2(size_t rows) {
    return STREAM_STRIDE * (rows - 1) + STREAM_KERNEL;
}

static inline size_t embedder_rows1(size_t rows) {
    return STREAM_STRIDE * (embedder_rows2(rows) - 1) + STREAM_KERNEL;
}

#endif
