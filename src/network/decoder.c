/* decoder.c - see decoder.h. A layer:
 *
 *   h += o_proj(self_attention(layer_norm(h)))      input_layernorm, rotary positions, cached
 *   h += o_proj(cross_attention(layer_norm(h)))     post_attention_layernorm, no positions
 *   h += fc2(silu(gate) * value)                    final_layernorm; fc1 gives value, then gate
 *
 * in six stages, between which all threads meet: a thread that has computed q, k and v of some
 * heads attends with them, and one that has values and their gates multiplies them.
 *
 * The cache of a layer is [tokens, beams, width]. A beam is a list of row numbers into it, so that
 * reordering beams moves a few integers and never a key. */
#include "network/decoder.h"

#include <string.h>

#include "network/adapted.h"
#include "network/cross_kv.h"
#include "network/norm.h"
#include "network/step.h"

/* What the tasks of a stage share. */
struct stage {
    struct workspace *ws;
    struct step_linear linears[PROJECTIONS_MAX];
    struct step_cut cut;
    uint32_t layer;
    size_t rows, position;
    size_t columns; /* of a unit of outputs */
};

/* ------------------------------------------------------------------------------------ the verbs */

/* The layer norm of h becomes the input of layers [count]. */
static void norm_input(struct stage *stage, const struct norm *norm,
                       const struct linear *const *layers, size_t count) {
    struct workspace *ws = stage->ws;
    layer_norm(ws, ws->step.normed, norm, ws->step.hidden, ws->model->config.dim, stage->rows);
    step_prepare(ws, stage->linears, layers, count, ws->step.normed, stage->rows);
}

/* `name` is for profiles, which show the stage until all threads have ended. */
static void run_stage(struct stage *stage, const char *name, size_t units, size_t most,
                      void (*task)(void *context, size_t index, unsigned thread)) {
    uint64_t start = spans_start(stage->ws->spans);
    stage->cut = step_cut(stage->ws, units, most);
    thread_pool_run(stage->ws->pool, stage->cut.parts, task, stage);
    spans_end(stage->ws->spans, 0, PST_STAGE_DETAIL, name, start);
}

/* h += layer(x) */
static void add_projection(const struct stage *stage, const struct linear *layer, const float *x) {
    struct workspace *ws = stage->ws;
    uint64_t start = spans_start(ws->spans);
    step_run(ws, layer, ws->step.hidden, x, stage->rows, 1);
    spans_end(ws->spans, 0, PST_STAGE_DETAIL, "projection", start);
}

/* ------------------------------------------------------------------------------- self-attention */

/* Rotates q and the new k of heads first .. last, and puts k and v into the cache. */
static void cache_heads(const struct stage *stage, float *q, float *k, const float *v, size_t first,
                        size_t last) {
    struct workspace *ws = stage->ws;
    const struct config *config = &ws->model->config;
    size_t pairs = config->rotary_pairs, at = stage->position * pairs, width = config->width;
    size_t head_dim = config->head_dim, heads = last - first;
    size_t new_row = (stage->layer * ws->extent.tokens + stage->position) * ws->extent.beams;
    float *cached_k = ws->step.self_k + new_row * width + first * head_dim;
    float *cached_v = ws->step.self_v + new_row * width + first * head_dim;
    for (size_t i = 0; i < stage->rows; i++) {
        size_t from = i * ws->step.slice_stride, bytes = heads * head_dim * sizeof *k;
        ws->kernels->rotate(q + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        ws->kernels->rotate(k + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        memcpy(cached_k + i * width, k + from, bytes);
        memcpy(cached_v + i * width, v + from, bytes);
    }
}

static void attend_self(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    const struct config *config = &ws->model->config;
    size_t head_dim = config->head_dim, width = config->width;
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    size_t from = first * head_dim, outs = (last - first) * head_dim;
    float *q = step_slice(ws, &stage->linears[0], from, outs, 0, thread);
    float *k = step_slice(ws, &stage->linears[1], from, outs, 1, thread);
    float *v = step_slice(ws, &stage->linears[2], from, outs, 2, thread);
    cache_heads(stage, q, k, v, first, last);
    size_t cache = stage->layer * ws->extent.tokens * ws->extent.beams * width;
    for (size_t i = 0; i < stage->rows; i++)
        for (size_t head = first; head < last; head++)
            ws->kernels->attend(&(struct attend){
                .out = ws->step.context + i * width + head * head_dim,
                .q = q + i * ws->step.slice_stride + (head - first) * head_dim,
                .k = ws->step.self_k + cache + head * head_dim,
                .v = ws->step.self_v + cache + head * head_dim,
                .rows = ws->step.history + i * ws->extent.tokens,
                .scores = ws->scratch[thread].scores,
                .count = stage->position + 1,
                .stride = width,
                .head_dim = head_dim,
                .scale = attention_scale(config->head_dim),
            });
}

static void self_attention(struct stage *stage, const struct decoder_layer *layer) {
    const struct workspace *ws = stage->ws;
    const struct attention *attention = &layer->self_attn;
    const struct linear *qkv[] = {&attention->q_proj, &attention->k_proj, &attention->v_proj};
    norm_input(stage, &layer->input_layernorm, qkv, 3);
    run_stage(stage, "self-attention", ws->model->config.heads, SIZE_MAX, attend_self);
    add_projection(stage, &attention->o_proj, ws->step.context);
}

/* ------------------------------------------------------------------------------ cross-attention */

static void attend_cross(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim;
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    const float *q =
        step_slice(ws, &stage->linears[0], first * head_dim, (last - first) * head_dim, 0, thread);
    for (size_t head = first; head < last; head++, q += head_dim) {
        cross_kv_attend(ws, stage->layer, head, q, stage->rows, &ws->scratch[thread]);
        if (stage->rows == 1)
            cross_kv_follow(ws, stage->layer, head, stage->position, &ws->scratch[thread]);
    }
}

static void cross_attention(struct stage *stage, const struct decoder_layer *layer) {
    const struct workspace *ws = stage->ws;
    const struct attention *attention = &layer->encoder_attn;
    const struct linear *query = &attention->q_proj;
    norm_input(stage, &layer->post_attention_layernorm, &query, 1);
    run_stage(stage, "cross-attention", ws->model->config.heads, SIZE_MAX, attend_cross);
    add_projection(stage, &attention->o_proj, ws->step.context);
}

/* --------------------------------------------------------------------------------- feed-forward */

static void gate_slice(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t ffn = ws->model->config.decoder_ffn, stride = ws->step.slice_stride;
    size_t first = step_begin(stage->cut, index) * stage->columns;
    size_t last = step_begin(stage->cut, index + 1) * stage->columns;
    if (last > ffn) last = ffn;
    const float *value = step_slice(ws, &stage->linears[0], first, last - first, 0, thread);
    const float *gate = step_slice(ws, &stage->linears[0], ffn + first, last - first, 1, thread);
    for (size_t i = 0; i < stage->rows; i++)
        ws->kernels->silu_gate(ws->step.gated + i * ffn + first, value + i * stride,
                               gate + i * stride, last - first);
}

static void feed_forward(struct stage *stage, const struct decoder_layer *layer) {
    const struct workspace *ws = stage->ws;
    const struct linear *fc1 = &layer->fc1;
    norm_input(stage, &layer->final_layernorm, &fc1, 1);
    stage->columns = step_columns(ws, &stage->linears[0]);
    size_t units = (ws->model->config.decoder_ffn + stage->columns - 1) / stage->columns;
    run_stage(stage, "fc1", units, STEP_GATE_OUTS / stage->columns, gate_slice);
    add_projection(stage, &layer->fc2, ws->step.gated);
}

/* --------------------------------------------------------------------------------------- a step */

void decoder_step(struct workspace *ws, const int32_t *tokens, size_t rows, size_t position) {
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    struct stage stage = {.ws = ws, .rows = rows, .position = position};
    uint64_t start = spans_start(ws->spans);
    for (size_t i = 0; i < rows; i++) {
        adapted_embed(ws, &weights->embed_tokens, (uint32_t)tokens[i],
                      ws->step.hidden + i * config->dim, &ws->scratch[0]);
        ws->step.history[i * ws->extent.tokens + position] = (int)(position * ws->extent.beams + i);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &weights->decoder_layers[i];
        stage.layer = i;
        self_attention(&stage, layer);
        cross_attention(&stage, layer);
        feed_forward(&stage, layer);
        workspace_trace_layer(ws, "decoder", i, ws->step.hidden, rows, config->dim);
    }
    layer_norm(ws, ws->step.normed, &weights->decoder_norm, ws->step.hidden, config->dim, rows);
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "step", start);
}

void decoder_reorder(struct workspace *ws, const int *parents, size_t rows, size_t position) {
    size_t tokens = ws->extent.tokens, all = ws->extent.beams * tokens;
    int *history = ws->step.history, *old = history + all;
    memcpy(old, history, all * sizeof *old);
    for (size_t i = 0; i < rows; i++)
        memcpy(history + i * tokens, old + (size_t)parents[i] * tokens, position * sizeof *old);
}
