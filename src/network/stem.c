/* stem.c - conv1 (127 wide, stride 64), tanh, group norm over the whole clip, conv2 (7, stride 3),
 * GELU, conv3 (3, stride 2), GELU: 384 samples, 24 ms, become a frame.
 *
 * Rows are frames, so each convolution is a matmul over overlapping rows of its input and nothing
 * is unfolded. The group norm takes its mean and variance over all frames and channels of the clip:
 * padding or cutting a clip changes every value, so clips are never batched. */
#include "network/stem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/adapted.h"
#include "network/block.h"

struct stem {
    struct workspace *ws;
    const float *samples;
    struct blocks blocks;
    float *conv2; /* [frames2, 2 * dim] for a trace, else NULL */
};

/* tanh(conv1) of a block and its moments, while it is in the cache. */
static void conv1_block(void *context, size_t index, unsigned thread) {
    const struct stem *stem = context;
    struct workspace *ws = stem->ws;
    struct block b = blocks_take(&stem->blocks, ws, index, thread);
    size_t dim = ws->model->config.encoder_dim;
    float *y = ws->stem.conv1 + b.first * dim;
    uint64_t start = spans_start(ws->spans);
    conv_rows(&b, y, &ws->model->weights.conv1, stem->samples + b.first * STEM_STRIDE1, b.rows);
    for (size_t i = 0; i < b.rows; i++) ws->kernels->tanh(y + i * dim, dim);
    struct moments part = {.count = (double)(b.rows * dim)};
    for (size_t i = 0; i < b.rows; i++) part.mean += ws->kernels->sum(y + i * dim, dim);
    part.mean /= part.count;
    for (size_t i = 0; i < b.rows; i++)
        part.squares += ws->kernels->sum_squares(y + i * dim, dim, part.mean);
    ws->stem.moments[index] = part;
    spans_end(ws->spans, thread, PST_STAGE_STEM, "conv1", start);
}

/* The moments of the clip, from those of its blocks in their order. */
static struct moments join(const struct moments *parts, size_t count) {
    struct moments all = {0};
    for (size_t i = 0; i < count; i++) {
        all.count += parts[i].count;
        all.mean += parts[i].count * parts[i].mean;
    }
    all.mean /= all.count;
    for (size_t i = 0; i < count; i++) {
        double off = parts[i].mean - all.mean;
        all.squares += parts[i].squares + parts[i].count * off * off;
    }
    return all;
}

/* The group norm as a scale and a shift of each channel. */
static void find_channels(struct workspace *ws, const struct moments *moments) {
    const struct norm *norm = &ws->model->weights.groupnorm;
    const float *weight = adapted_weight(ws, norm->slot, norm->weight);
    const float *bias = adapted_bias(ws, norm->slot, norm->bias);
    double scale = 1.0 / sqrt(moments->squares / moments->count + NORM_EPSILON);
    for (uint32_t c = 0; c < ws->model->config.encoder_dim; c++) {
        ws->stem.channel_scale[c] = (float)(scale * weight[c]);
        ws->stem.channel_shift[c] = (float)(bias[c] - moments->mean * scale * weight[c]);
    }
}

/* y [rows, dim] = the group norm of the frames of conv1 from `first` on. */
static void group_norm(const struct workspace *ws, float *y, size_t first, size_t rows) {
    size_t dim = ws->model->config.encoder_dim;
    memcpy(y, ws->stem.conv1 + first * dim, rows * dim * sizeof *y);
    for (size_t i = 0; i < rows; i++)
        ws->kernels->affine(y + i * dim, ws->stem.channel_scale, ws->stem.channel_shift, dim);
}

/* Frames of a block, from those of conv1 that they see; what two blocks see is computed twice. */
static void conv23_block(void *context, size_t index, unsigned thread) {
    const struct stem *stem = context;
    struct workspace *ws = stem->ws;
    const struct weights *weights = &ws->model->weights;
    struct block b = blocks_take(&stem->blocks, ws, index, thread);
    size_t dim = ws->model->config.encoder_dim, first2 = b.first * STEM_STRIDE3;
    /* One frame of conv2 at the end may be too few for one of conv3. */
    size_t rows2 = index + 1 < stem->blocks.count ? STEM_INPUTS(b.rows, STEM_KERNEL3, STEM_STRIDE3)
                                                  : ws->extent.frames2 - first2;
    size_t rows1 = STEM_INPUTS(rows2, STEM_KERNEL2, STEM_STRIDE2);
    float *normed = b.scratch->values, *conv2 = normed + rows1 * dim;
    float *conv3 = ws->memory + b.first * dim;
    uint64_t start = spans_start(ws->spans);
    group_norm(ws, normed, first2 * STEM_STRIDE2, rows1);
    conv_rows(&b, conv2, &weights->conv2, normed, rows2);
    gelu_rows(&b, conv2, rows2, 2 * dim);
    conv_rows(&b, conv3, &weights->conv3, conv2, b.rows);
    gelu_rows(&b, conv3, b.rows, dim);
    if (stem->conv2) memcpy(stem->conv2 + first2 * 2 * dim, conv2, rows2 * 2 * dim * sizeof *conv2);
    spans_end(ws->spans, thread, PST_STAGE_STEM, "conv2, conv3", start);
}

/* The input of conv2 never exists as a whole, so a trace computes it here. */
static void trace_group_norm(const struct workspace *ws) {
    size_t dim = ws->model->config.encoder_dim, rows = ws->extent.frames1;
    float *normed = malloc(rows * dim * sizeof *normed);
    if (!normed) return;
    group_norm(ws, normed, 0, rows);
    workspace_trace(ws, "groupnorm", normed, rows, dim);
    free(normed);
}

void stem_forward(struct workspace *ws, const float *samples) {
    const struct extent *extent = &ws->extent;
    size_t dim = ws->model->config.encoder_dim;
    struct stem stem = {.ws = ws, .samples = samples};
    stem.blocks = blocks_cut(extent->frames1, BLOCKS_CONV1_ROWS);
    thread_pool_run(ws->pool, stem.blocks.count, conv1_block, &stem);
    workspace_trace(ws, "conv1", ws->stem.conv1, extent->frames1, dim);
    struct moments moments = join(ws->stem.moments, stem.blocks.count);
    find_channels(ws, &moments);
    if (ws->trace) {
        trace_group_norm(ws);
        stem.conv2 = malloc(extent->frames2 * 2 * dim * sizeof *stem.conv2);
    }
    stem.blocks = blocks_cut(extent->frames, blocks_stem_rows(ws->network->precision));
    thread_pool_run(ws->pool, stem.blocks.count, conv23_block, &stem);
    if (stem.conv2) workspace_trace(ws, "conv2", stem.conv2, extent->frames2, 2 * dim);
    free(stem.conv2);
    workspace_trace(ws, "conv3", ws->memory, extent->frames, dim);
}
