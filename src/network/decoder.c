/* decoder.c - see decoder.h. A layer:
 *
 *   h += o_proj(self_attention(layer_norm(h)))      input_layernorm, rotary positions, cached
 *   h += o_proj(cross_attention(layer_norm(h)))     post_attention_layernorm, no positions
 *   h += fc2(silu(gate) * value)                    final_layernorm; fc1 gives value, then gate
 *
 * in six stages, between which all threads meet: a thread that has computed q, k and v of some heads
 * attends with them, and one that has values and their gates multiplies them.
 *
 * The cache of a layer is [tokens, beams, width]. A beam is a list of row numbers into it, so that
 * reordering beams moves a few integers and never a key. Keys and values of the sound are float16 where
 * the model is less precise than float32 (kernels/attend_f16.h). */
#include "network/decoder.h"

#include <stdio.h>
#include <string.h>

#include "network/blocks.h"
#include "network/encoder.h"
#include "network/linear.h"
#include "network/step.h"

static size_t width_of(const struct workspace *ws) {
    return ws->model->config.width;
}

/* -------------------------------------------------------------------------------------- listen */

/* Where a head of a layer begins in half_k and half_v. */
static size_t half_offset(const struct workspace *ws, uint32_t layer, size_t head) {
    const struct config *config = &ws->model->config;
    size_t size = f16_tiles(ws->extent.frames) * F16_TILE * config->head_dim;
    return ((size_t)layer * config->heads + head) * size;
}

struct listening {
    struct workspace *ws;
    struct blocks blocks;
};

/* Rows [count, width] of a layer as frames `first` and on of its heads in `cache`; with the last frame go
 * the zeros that fill its tile. */
static void keep_halves(const struct workspace *ws, uint16_t *cache, uint32_t layer, const float *x,
                        size_t first, size_t count) {
    const struct config *config = &ws->model->config;
    size_t head_dim = config->head_dim, frames = ws->extent.frames;
    for (size_t head = 0; head < config->heads; head++) {
        uint16_t *tiles = cache + half_offset(ws, layer, head);
        ws->kernels->store_f16(&(struct store_f16){
            .tiles = tiles,
            .x = x + head * head_dim,
            .stride = width_of(ws),
            .first = first,
            .count = count,
            .head_dim = head_dim,
        });
        if (first + count < frames || frames % F16_TILE == 0) continue;
        for (size_t d = 0; d < head_dim; d++)
            memset(tiles + f16_place(frames, d, head_dim), 0,
                   (F16_TILE - frames % F16_TILE) * sizeof *tiles);
    }
}

static void listen_block(void *context, size_t index, unsigned thread) {
    const struct listening *listening = context;
    struct workspace *ws = listening->ws;
    size_t first = blocks_first(&listening->blocks, index), width = width_of(ws);
    size_t rows = blocks_first(&listening->blocks, index + 1) - first;
    size_t room = (size_t)BLOCKS_ENCODER_ROWS * width;
    int halves = ws->network->precision != PRECISION_F32;
    uint64_t start = spans_start(ws->spans);
    for (uint32_t i = 0; i < ws->model->config.decoder_layers; i++) {
        const struct attention *attention = &ws->model->weights.decoder_layers[i].encoder_attn;
        size_t at = (i * ws->extent.frames + first) * width;
        float *k = halves ? ws->halving + 2 * thread * room : ws->cross_k + at;
        float *v = halves ? k + room : ws->cross_v + at;
        const float *memory = ws->hidden + first * ws->model->config.dim;
        struct linear_job jobs[] = {
            linear_job_of(ws, &attention->k_proj, k, memory, rows),
            linear_job_of(ws, &attention->v_proj, v, memory, rows),
        };
        linear_block(ws, jobs, 2, &ws->rooms[thread]);
        if (!halves) continue;
        keep_halves(ws, ws->half_k, i, k, first, rows);
        keep_halves(ws, ws->half_v, i, v, first, rows);
    }
    spans_end(ws->spans, thread, PST_STAGE_CROSS, "keys and values", start);
}

void decoder_listen(struct workspace *ws) {
    size_t most = BLOCKS_ENCODER_ROWS;
    struct listening listening = {ws, blocks_cut(ws->extent.frames, most)};
    thread_pool_run(ws->pool, listening.blocks.count, listen_block, &listening);
}

/* -------------------------------------------------------------------------------------- stages */

/* What the tasks of a stage share. */
struct stage {
    struct workspace *ws;
    struct step_map maps[LINEAR_JOBS_MAX];
    struct step_cut cut;
    uint32_t layer;
    size_t rows, position;
    size_t columns; /* of a unit of outputs */
};

static size_t units_of(size_t outs, size_t columns) {
    return (outs + columns - 1) / columns;
}

/* `name` is for profiles: from the first thread's beginning until all have ended. */
static void run_stage(struct stage *stage, const char *name, size_t units, size_t most,
                      void (*task)(void *context, size_t index, unsigned thread)) {
    uint64_t start = spans_start(stage->ws->spans);
    stage->cut = step_cut(stage->ws, units, most);
    thread_pool_run(stage->ws->pool, stage->cut.parts, task, stage);
    spans_end(stage->ws->spans, 0, PST_STAGE_DETAIL, name, start);
}

/* h += linear(x) */
static void add_projection(const struct stage *stage, const struct linear *linear, const float *x) {
    struct workspace *ws = stage->ws;
    uint64_t start = spans_start(ws->spans);
    step_run(ws, linear, ws->step_hidden, x, stage->rows, 1);
    spans_end(ws->spans, 0, PST_STAGE_DETAIL, "projection", start);
}

/* ---------------------------------------------------------------------------------- self-attention */

/* Rotates q and the new k of heads first .. last, and puts k and v where they are kept. */
static void keep_heads(const struct stage *stage, float *q, float *k, const float *v, size_t first,
                       size_t last) {
    struct workspace *ws = stage->ws;
    const struct config *config = &ws->model->config;
    size_t pairs = config->rotary_pairs, at = stage->position * pairs;
    size_t head_dim = config->head_dim, heads = last - first, width = width_of(ws);
    size_t new_row = (stage->layer * ws->extent.tokens + stage->position) * ws->extent.beams;
    float *kept_k = ws->self_k + new_row * width + first * head_dim;
    float *kept_v = ws->self_v + new_row * width + first * head_dim;
    for (size_t i = 0; i < stage->rows; i++) {
        size_t from = i * ws->slice_stride, bytes = heads * head_dim * sizeof *k;
        ws->kernels->rotate(q + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        ws->kernels->rotate(k + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        memcpy(kept_k + i * width, k + from, bytes);
        memcpy(kept_v + i * width, v + from, bytes);
    }
}

static void attend_self(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim, width = width_of(ws);
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    size_t from = first * head_dim, outs = (last - first) * head_dim;
    float *q = step_slice_aside(ws, &stage->maps[0], from, outs, 0, thread);
    float *k = step_slice_aside(ws, &stage->maps[1], from, outs, 1, thread);
    float *v = step_slice_aside(ws, &stage->maps[2], from, outs, 2, thread);
    keep_heads(stage, q, k, v, first, last);
    size_t cache = stage->layer * ws->extent.tokens * ws->extent.beams * width;
    for (size_t i = 0; i < stage->rows; i++)
        for (size_t head = first; head < last; head++)
            ws->kernels->attend(&(struct attend){
                .out = ws->step_mixed + i * width + head * head_dim,
                .q = q + i * ws->slice_stride + (head - first) * head_dim,
                .k = ws->self_k + cache + head * head_dim,
                .v = ws->self_v + cache + head * head_dim,
                .rows = ws->history + i * ws->extent.tokens,
                .scores = ws->scratch[thread] + ws->scores_offset,
                .count = stage->position + 1,
                .stride = width,
                .head_dim = head_dim,
                .scale = attention_scale(&ws->model->config),
            });
}

static void self_attention(struct stage *stage) {
    struct workspace *ws = stage->ws;
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[stage->layer];
    const struct attention *attention = &layer->self_attn;
    const struct linear *qkv[] = {&attention->q_proj, &attention->k_proj, &attention->v_proj};
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->input_layernorm, stage->rows);
    step_prepare(ws, stage->maps, qkv, 3, ws->step_normed, stage->rows);
    run_stage(stage, "self-attention", ws->model->config.heads, SIZE_MAX, attend_self);
    add_projection(stage, &attention->o_proj, ws->step_mixed);
}

/* --------------------------------------------------------------------------------- cross-attention */

static void attend_floats(const struct stage *stage, const float *q, size_t head, unsigned thread) {
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim, width = width_of(ws);
    size_t cache = stage->layer * ws->extent.frames * width + head * head_dim;
    for (size_t i = 0; i < stage->rows; i++)
        ws->kernels->attend(&(struct attend){
            .out = ws->step_mixed + i * width + head * head_dim,
            .q = q + i * ws->slice_stride,
            .k = ws->cross_k + cache,
            .v = ws->cross_v + cache,
            .scores = ws->scratch[thread] + ws->scores_offset,
            .count = ws->extent.frames,
            .stride = width,
            .head_dim = head_dim,
            .scale = attention_scale(&ws->model->config),
        });
}

static void attend_halves(const struct stage *stage, const float *q, size_t head, unsigned thread) {
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim, at = half_offset(ws, stage->layer, head);
    size_t scores = ws->extent.beams * f16_tiles(ws->extent.frames) * F16_TILE;
    ws->kernels->attend_f16(&(struct attend_f16){
        .out = ws->step_mixed + head * head_dim,
        .q = q,
        .k = ws->half_k + at,
        .v = ws->half_v + at,
        .scores = ws->cross_scores + thread * scores,
        .rows = stage->rows,
        .out_stride = width_of(ws),
        .q_stride = ws->slice_stride,
        .count = ws->extent.frames,
        .head_dim = head_dim,
        .scale = attention_scale(&ws->model->config),
    });
}

static void attend_cross(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim;
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    const float *q = step_slice_aside(ws, &stage->maps[0], first * head_dim,
                                      (last - first) * head_dim, 0, thread);
    int halves = ws->network->precision != PRECISION_F32;
    for (size_t head = first; head < last; head++, q += head_dim)
        (halves ? attend_halves : attend_floats)(stage, q, head, thread);
}

static void cross_attention(struct stage *stage) {
    struct workspace *ws = stage->ws;
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[stage->layer];
    const struct linear *query = &layer->encoder_attn.q_proj;
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->post_attention_layernorm, stage->rows);
    step_prepare(ws, stage->maps, &query, 1, ws->step_normed, stage->rows);
    run_stage(stage, "cross-attention", ws->model->config.heads, SIZE_MAX, attend_cross);
    add_projection(stage, &layer->encoder_attn.o_proj, ws->step_mixed);
}

/* ------------------------------------------------------------------------------------ feed-forward */

static void gate_slice(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t ffn = ws->model->config.decoder_ffn;
    size_t first = step_begin(stage->cut, index) * stage->columns;
    size_t last = step_begin(stage->cut, index + 1) * stage->columns;
    if (last > ffn) last = ffn;
    const float *value = step_slice_aside(ws, &stage->maps[0], first, last - first, 0, thread);
    const float *gate = step_slice_aside(ws, &stage->maps[0], ffn + first, last - first, 1, thread);
    for (size_t i = 0; i < stage->rows; i++)
        ws->kernels->silu_gate(ws->step_inner + i * ffn + first, value + i * ws->slice_stride,
                               gate + i * ws->slice_stride, last - first);
}

static void feed_forward(struct stage *stage) {
    struct workspace *ws = stage->ws;
    const struct decoder_layer *layer = &ws->model->weights.decoder_layers[stage->layer];
    const struct linear *up = &layer->fc1;
    norm_rows(ws, ws->step_normed, ws->step_hidden, &layer->final_layernorm, stage->rows);
    step_prepare(ws, stage->maps, &up, 1, ws->step_normed, stage->rows);
    stage->columns = step_columns(ws, &stage->maps[0]);
    run_stage(stage, "fc1", units_of(ws->model->config.decoder_ffn, stage->columns),
              GATE_OUTS / stage->columns, gate_slice);
    add_projection(stage, &layer->fc2, ws->step_inner);
}

void decoder_step(struct workspace *ws, const int32_t *tokens, size_t rows, size_t position) {
    const struct config *config = &ws->model->config;
    struct stage stage = {.ws = ws, .rows = rows, .position = position};
    uint64_t start = spans_start(ws->spans);
    for (size_t i = 0; i < rows; i++) {
        adapted_embed(ws, (uint32_t)tokens[i], ws->step_hidden + i * config->dim);
        ws->history[i * ws->extent.tokens + position] = (int)(position * ws->extent.beams + i);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        stage.layer = i;
        self_attention(&stage);
        cross_attention(&stage);
        feed_forward(&stage);
        char name[24];
        snprintf(name, sizeof name, "decoder.%u", i);
        workspace_trace(ws, name, ws->step_hidden, rows, config->dim);
    }
    norm_rows(ws, ws->step_normed, ws->step_hidden, &ws->model->weights.decoder_norm, rows);
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "step", start);
}

void decoder_reorder(struct workspace *ws, const int *parents, size_t rows, size_t position) {
    size_t tokens = ws->extent.tokens;
    int *old =
        ws->history + ws->extent.beams * tokens; /* the second half is where lists are kept */
    memcpy(old, ws->history, ws->extent.beams * tokens * sizeof *old);
    for (size_t i = 0; i < rows; i++)
        memcpy(ws->history + i * tokens, old + (size_t)parents[i] * tokens, position * sizeof *old);
}
