/* embedder.c - frames of 80 samples, each brought to zero mean and unit power, compressed by asinh
 * and made a row by a linear layer and SiLU; conv1 (5, stride 2), SiLU, conv2 (5, stride 2): 320
 * samples, 20 ms, become a frame.
 *
 * Both convolutions see nothing to the right, and zeros to the left of the clip. A last frame that
 * is not whole counts as zeros, as upstream's mask makes it. Every row depends on a few samples
 * only, so blocks of a clip are computed on their own, and a stream piece by piece. */
#include "network/embedder.h"

#include <math.h>
#include <string.h>

#include "network/adapted.h"

struct embedder {
    struct workspace *ws;
    const float *samples;
    size_t count; /* of samples */
    struct blocks blocks;
};

/* exp(log_k), of the base or of an adapter. */
static float compression_of(const struct workspace *ws) {
    const float *log_k = adapted_weight(ws, ws->model->weights.compression_slot, NULL);
    return log_k ? expf(*log_k) : ws->model->weights.compression;
}

/* y = k c / sqrt(mean(c^2) + epsilon), c = x - mean(x): of one frame. */
static void normalize(const struct kernels *kernels, float k, float *y, const float *x) {
    size_t n = STREAM_FRAME_SAMPLES;
    double mean = kernels->sum(x, n) / (double)n;
    double power = kernels->sum_squares(x, n, mean) / (double)n;
    float scale = k / sqrtf((float)(power + STREAM_CMVN_EPSILON));
    for (size_t i = 0; i < n; i++) y[i] = scale * (x[i] - (float)mean);
}

void embedder_frames(const struct block *b, float *y, const float *samples, float *compressed) {
    const struct kernels *kernels = b->ws->kernels;
    float k = compression_of(b->ws);
    for (size_t i = 0; i < b->rows; i++)
        normalize(kernels, k, compressed + i * STREAM_FRAME_SAMPLES,
                  samples + i * STREAM_FRAME_SAMPLES);
    kernels->asinh(compressed, b->rows * STREAM_FRAME_SAMPLES);
    linear_rows(b, y, &b->ws->model->weights.frames, compressed);
    kernels->silu(y, b->rows * b->ws->model->config.encoder_dim);
}

/* Rows `first` to first + rows of 5 ms into y [rows, encoder_dim]; those before the clip and the
 * one that is not whole are zeros. */
static void embed_frames(const struct embedder *embedder, const struct block *b, float *y,
                         float *compressed, ptrdiff_t first, size_t rows) {
    struct workspace *ws = embedder->ws;
    size_t dim = ws->model->config.encoder_dim, whole = embedder->count / STREAM_FRAME_SAMPLES;
    size_t before = first < 0 ? (size_t)-first : 0, from = (size_t)(first + (ptrdiff_t)before);
    size_t end = from + (rows - before);
    size_t count = end < whole ? end - from : whole > from ? whole - from : 0;
    memset(y, 0, before * dim * sizeof *y);
    memset(y + (before + count) * dim, 0, (rows - before - count) * dim * sizeof *y);
    if (!count) return;
    struct block part = {ws, b->scratch, from, count};
    embedder_frames(&part, y + before * dim, embedder->samples + from * STREAM_FRAME_SAMPLES,
                    compressed);
}

static void run_block(void *context, size_t index, unsigned thread) {
    const struct embedder *embedder = context;
    struct workspace *ws = embedder->ws;
    const struct weights *weights = &ws->model->weights;
    struct block b = blocks_take(&embedder->blocks, ws, index, thread);
    size_t dim = ws->model->config.encoder_dim;
    size_t rows2 = embedder_rows2(b.rows), rows1 = embedder_rows1(b.rows);
    ptrdiff_t first2 = (ptrdiff_t)(b.first * STREAM_STRIDE) - STREAM_PAD;
    float *frames = b.scratch->values, *conv1 = frames + rows1 * dim;
    float *compressed = conv1 + rows2 * 2 * dim;
    uint64_t start = spans_start(ws->spans);
    embed_frames(embedder, &b, frames, compressed, first2 * STREAM_STRIDE - STREAM_PAD, rows1);
    size_t before = first2 < 0 ? (size_t)-first2 : 0; /* rows left of the clip are zeros */
    memset(conv1, 0, before * 2 * dim * sizeof *conv1);
    conv_rows(&b, conv1 + before * 2 * dim, &weights->conv1, frames + before * STREAM_STRIDE * dim,
              rows2 - before);
    ws->kernels->silu(conv1 + before * 2 * dim, (rows2 - before) * 2 * dim);
    conv_rows(&b, ws->memory + b.first * dim, &weights->conv2, conv1, b.rows);
    spans_end(ws->spans, thread, PST_STAGE_STEM, "embedder", start);
}

void embedder_forward(struct workspace *ws, const float *samples, size_t count) {
    struct embedder embedder = {.ws = ws, .samples = samples, .count = count};
    embedder.blocks = blocks_cut(ws->extent.frames, blocks_stem_rows(ws->network->precision));
    thread_pool_run(ws->pool, embedder.blocks.count, run_block, &embedder);
    workspace_trace(ws, "embedder", ws->memory, ws->extent.frames, ws->model->config.encoder_dim);
}
