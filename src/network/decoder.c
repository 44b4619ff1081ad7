/* decoder.c - see decoder.h. A layer:
 *
 *   h += o_proj(self_attention(layer_norm(h)))      input_layernorm, rotary positions, cached
 *   h += o_proj(cross_attention(layer_norm(h)))     post_attention_layernorm, no positions
 *   h += fc2(silu(gate) * value)                    final_layernorm; fc1 gives value, then gate
 *
 * The cache of a layer is [tokens, beams, width]. A beam is a list of row numbers into it, so that
 * reordering beams moves a few integers and never a key. */
#include "network/decoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "network/attention.h"
#include "network/blocks.h"
#include "network/encoder.h"
#include "network/linear.h"

static size_t width_of(const struct workspace *ws) {
    return (size_t)ws->model->config.heads * ws->model->config.head_dim;
}

/* Layers whose maps a block of the memory meets at once: it is prepared for all of them together. */
enum { LISTEN_LAYERS = 8 };

struct listening {
    struct workspace *ws;
    struct blocks blocks;
};

static void listen_block(void *context, size_t index, unsigned thread) {
    const struct listening *listening = context;
    struct workspace *ws = listening->ws;
    size_t layers = ws->model->config.decoder_layers, layer_size = ws->extent.frames * width_of(ws);
    size_t first = blocks_first(&listening->blocks, index);
    size_t rows = blocks_first(&listening->blocks, index + 1) - first, at = first * width_of(ws);
    const float *memory = ws->hidden + first * ws->model->config.dim;
    for (size_t i = 0; i < layers;) {
        struct linear_job jobs[2 * LISTEN_LAYERS];
        size_t count = 0;
        for (; i < layers && count < 2 * LISTEN_LAYERS; i++) {
            const struct attention *attention = &ws->model->weights.decoder_layers[i].encoder_attn;
            float *k = ws->cross_k + i * layer_size + at, *v = ws->cross_v + i * layer_size + at;
            jobs[count++] = linear_job_of(ws, &attention->k_proj, k, memory, rows);
            jobs[count++] = linear_job_of(ws, &attention->v_proj, v, memory, rows);
        }
        linear_block(ws, jobs, count, &ws->rooms[thread]);
    }
}

void decoder_listen(struct workspace *ws) {
    size_t most = blocks_encoder_rows(ws->model->precision);
    struct listening listening = {ws, blocks_cut(ws->extent.frames, most)};
    thread_pool_run(ws->pool, listening.blocks.count, listen_block, &listening);
}

/* What the (row, head) tasks of one attention share. */
struct heads {
    struct workspace *ws;
    const float *k, *v; /* rows of width */
    const int *rows;    /* [beams, tokens] of the self-attention, NULL for the cross-attention */
    size_t count;       /* rows attended to */
};

static void attend_head(void *context, size_t index, unsigned thread) {
    const struct heads *heads = context;
    struct workspace *ws = heads->ws;
    const struct config *config = &ws->model->config;
    size_t row = index / config->heads, head = index % config->heads;
    size_t width = width_of(ws), offset = head * config->head_dim;
    struct attend attend = {
        .out = ws->step_mixed + row * width + offset,
        .q = ws->step_q + row * width + offset,
        .k = heads->k + offset,
        .v = heads->v + offset,
        .rows = heads->rows ? heads->rows + row * ws->extent.tokens : NULL,
        .scores = ws->scratch[thread] + ws->scores_offset,
        .count = heads->count,
        .stride = width,
        .head_dim = config->head_dim,
        .scale = 1.0f / sqrtf((float)config->head_dim),
    };
    ws->kernels->attend(&attend);
}

static void attend_all(struct workspace *ws, const struct heads *heads, size_t rows) {
    thread_pool_run(ws->pool, rows * ws->model->config.heads, attend_head, (void *)heads);
}

static void add_projection(struct workspace *ws, const struct linear *linear, const float *x,
                           size_t x_stride, size_t rows) {
    struct linear_job job = linear_job_of(ws, linear, ws->step_hidden, x, rows);
    job.x_stride = x_stride;
    job.accumulate = 1;
    linear_run(ws, &job, 1);
}

static void self_attention(struct workspace *ws, uint32_t index, size_t rows, size_t position) {
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[index];
    const struct attention *attention = &layer->self_attn;
    size_t width = width_of(ws), beams = ws->extent.beams;
    float *cache_k = ws->self_k + index * ws->extent.tokens * beams * width;
    float *cache_v = ws->self_v + index * ws->extent.tokens * beams * width;
    float *k = cache_k + position * beams * width; /* [rows, width], where the new rows are kept */
    float *v = cache_v + position * beams * width;
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->input_layernorm, rows);
    struct linear_job jobs[] = {
        linear_job_of(ws, &attention->q_proj, ws->step_q, ws->step_normed, rows),
        linear_job_of(ws, &attention->k_proj, k, ws->step_normed, rows),
        linear_job_of(ws, &attention->v_proj, v, ws->step_normed, rows),
    };
    linear_run(ws, jobs, 3);
    rotary_apply(ws, ws->step_q, k, rows, position, 1);
    struct heads heads = {ws, cache_k, cache_v, ws->history, position + 1};
    attend_all(ws, &heads, rows);
    add_projection(ws, &attention->o_proj, ws->step_mixed, width, rows);
}

static void cross_attention(struct workspace *ws, uint32_t index, size_t rows) {
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[index];
    const struct attention *attention = &layer->encoder_attn;
    size_t layer_size = ws->extent.frames * width_of(ws);
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->post_attention_layernorm, rows);
    struct linear_job query =
        linear_job_of(ws, &attention->q_proj, ws->step_q, ws->step_normed, rows);
    linear_run(ws, &query, 1);
    struct heads heads = {ws, ws->cross_k + index * layer_size, ws->cross_v + index * layer_size,
                          NULL, ws->extent.frames};
    attend_all(ws, &heads, rows);
    add_projection(ws, &attention->o_proj, ws->step_mixed, width_of(ws), rows);
}

static void feed_forward(struct workspace *ws, uint32_t index, size_t rows) {
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[index];
    size_t ffn = ws->model->config.decoder_ffn;
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->final_layernorm, rows);
    struct linear_job up = linear_job_of(ws, &layer->fc1, ws->step_inner, ws->step_normed, rows);
    linear_run(ws, &up, 1);
    for (size_t i = 0; i < rows; i++) {
        float *value = ws->step_inner + i * 2 * ffn; /* [ffn], and its gate [ffn] behind it */
        ws->kernels->silu_gate(value, value, value + ffn, ffn);
    }
    add_projection(ws, &layer->fc2, ws->step_inner, 2 * ffn, rows);
}

void decoder_step(struct workspace *ws, const int32_t *tokens, size_t rows, size_t position) {
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    for (size_t i = 0; i < rows; i++) {
        adapted_embed(ws, (uint32_t)tokens[i], ws->step_hidden + i * config->dim);
        ws->history[i * ws->extent.tokens + position] = (int)(position * ws->extent.beams + i);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        self_attention(ws, i, rows, position);
        cross_attention(ws, i, rows);
        feed_forward(ws, i, rows);
        char stage[24];
        snprintf(stage, sizeof stage, "decoder.%u", i);
        workspace_trace(ws, stage, ws->step_hidden, rows, config->dim);
    }
    norm_rows(ws, ws->step_normed, ws->step_hidden, &weights->decoder_norm, rows);
}

void decoder_reorder(struct workspace *ws, const int *parents, size_t rows, size_t position) {
    size_t tokens = ws->extent.tokens;
    int *old =
        ws->history + ws->extent.beams * tokens; /* the second half is where lists are kept */
    memcpy(old, ws->history, ws->extent.beams * tokens * sizeof *old);
    for (size_t i = 0; i < rows; i++)
        memcpy(ws->history + i * tokens, old + (size_t)parents[i] * tokens, position * sizeof *old);
}
