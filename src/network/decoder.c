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
 * reordering beams moves a few integers and never a key.
 *
 * The rows of a step are beams at one position or, with `ahead`, tokens of one text at successive
 * positions: each sees those before it, whose keys lie in the cache by then. Or they are tokens of
 * several texts, each with a cache and a position of its own. */
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
    size_t ahead; /* 1: row i is at position + i of the one text; 0: rows are beams */
    const struct text_step *each; /* [rows] of several texts; NULL: of one */
    size_t columns;               /* of a unit of outputs */
};

/* Of row i: what is kept of its text, where it is, where its keys go, and by whose history it finds
 * those before it. */
static struct decoder_cache *cache_of(const struct stage *stage, size_t i) {
    return &stage->ws->caches[stage->each ? stage->each[i].text : stage->ws->text];
}

static size_t position_of(const struct stage *stage, size_t i) {
    return stage->each ? stage->each[i].position : stage->position + stage->ahead * i;
}

static size_t beam_of(const struct stage *stage, size_t i) {
    return stage->ahead || stage->each ? 0 : i;
}

static size_t cache_row(const struct stage *stage, size_t i) {
    return position_of(stage, i) * cache_of(stage, i)->beams + beam_of(stage, i);
}

static int *history_of(const struct stage *stage, size_t i) {
    const struct decoder_cache *cache = cache_of(stage, i);
    return cache->history + beam_of(stage, i) * cache->tokens;
}

/* Where the keys and values of the layer at hand begin. */
static size_t layer_of(const struct stage *stage, const struct decoder_cache *cache) {
    return stage->layer * cache->tokens * cache->beams * stage->ws->model->config.width;
}

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
    size_t pairs = config->rotary_pairs, width = config->width;
    size_t head_dim = config->head_dim, heads = last - first;
    for (size_t i = 0; i < stage->rows; i++) {
        const struct decoder_cache *cache = cache_of(stage, i);
        size_t from = i * ws->step.slice_stride, at = position_of(stage, i) * pairs;
        size_t to = layer_of(stage, cache) + cache_row(stage, i) * width + first * head_dim;
        ws->kernels->rotate(q + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        ws->kernels->rotate(k + from, heads, head_dim, ws->cos + at, ws->sin + at, pairs);
        memcpy(cache->self_k + to, k + from, heads * head_dim * sizeof *k);
        memcpy(cache->self_v + to, v + from, heads * head_dim * sizeof *v);
    }
}

/* The context of row i and a head, whose query is q. */
static void attend_head(const struct stage *stage, size_t i, size_t head, const float *q,
                        unsigned thread) {
    struct workspace *ws = stage->ws;
    const struct decoder_cache *cache = cache_of(stage, i);
    size_t head_dim = ws->model->config.head_dim, width = ws->model->config.width;
    size_t at = layer_of(stage, cache) + head * head_dim;
    ws->kernels->attend(&(struct attend){
        .out = ws->step.context + i * width + head * head_dim,
        .q = q,
        .k = cache->self_k + at,
        .v = cache->self_v + at,
        .rows = history_of(stage, i),
        .scores = ws->scratch[thread].scores,
        .count = position_of(stage, i) + 1,
        .stride = width,
        .head_dim = head_dim,
        .scale = attention_scale(head_dim),
    });
}

static void attend_self(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim, stride = ws->step.slice_stride;
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    size_t from = first * head_dim, outs = (last - first) * head_dim;
    float *q = step_slice(ws, &stage->linears[0], from, outs, 0, thread);
    float *k = step_slice(ws, &stage->linears[1], from, outs, 1, thread);
    float *v = step_slice(ws, &stage->linears[2], from, outs, 2, thread);
    cache_heads(stage, q, k, v, first, last);
    for (size_t i = 0; i < stage->rows; i++)
        for (size_t head = first; head < last; head++)
            attend_head(stage, i, head, q + i * stride + (head - first) * head_dim, thread);
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

/* Row by row: texts have memories of their own, and the weights of a head that is followed are kept
 * by row. */
static void attend_rows(const struct stage *stage, size_t head, const float *q, int followed,
                        const struct scratch *scratch) {
    struct workspace *ws = stage->ws;
    for (size_t i = 0; i < stage->rows; i++) {
        const struct decoder_cache *cache = cache_of(stage, i);
        const float *row = q + i * ws->step.slice_stride;
        cross_kv_attend(ws, cache, stage->layer, head, row, 1, i, scratch);
        if (followed)
            cross_kv_follow(ws, cache, stage->layer, head, position_of(stage, i), scratch);
    }
}

static void attend_cross(void *context, size_t index, unsigned thread) {
    const struct stage *stage = context;
    struct workspace *ws = stage->ws;
    size_t head_dim = ws->model->config.head_dim;
    size_t first = step_begin(stage->cut, index), last = step_begin(stage->cut, index + 1);
    const float *q =
        step_slice(ws, &stage->linears[0], first * head_dim, (last - first) * head_dim, 0, thread);
    const struct scratch *scratch = &ws->scratch[thread];
    int beams = !stage->ahead && !stage->each && stage->rows > 1;
    for (size_t head = first; head < last; head++, q += head_dim) {
        int followed = !beams && cross_kv_is_followed(ws, stage->layer, head);
        if (stage->each || followed)
            attend_rows(stage, head, q, followed, scratch);
        else
            cross_kv_attend(ws, cache_of(stage, 0), stage->layer, head, q, stage->rows, 0, scratch);
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

static void run_step(struct stage *stage, const int32_t *tokens) {
    struct workspace *ws = stage->ws;
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    size_t rows = stage->rows;
    uint64_t start = spans_start(ws->spans);
    ws->logits.searched = 0;
    for (size_t i = 0; i < rows; i++) {
        adapted_embed(ws, &weights->embed_tokens, (uint32_t)tokens[i],
                      ws->step.hidden + i * config->dim, &ws->scratch[0]);
        history_of(stage, i)[position_of(stage, i)] = (int)cache_row(stage, i);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &weights->decoder_layers[i];
        stage->layer = i;
        self_attention(stage, layer);
        cross_attention(stage, layer);
        feed_forward(stage, layer);
        workspace_trace_layer(ws, "decoder", i, ws->step.hidden, rows, config->dim);
    }
    layer_norm(ws, ws->step.normed, &weights->decoder_norm, ws->step.hidden, config->dim, rows);
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "step", start);
}

void decoder_step(struct workspace *ws, const int32_t *tokens, size_t rows, size_t position) {
    run_step(&(struct stage){.ws = ws, .rows = rows, .position = position}, tokens);
}

void decoder_step_ahead(struct workspace *ws, const int32_t *tokens, size_t count,
                        size_t position) {
    run_step(&(struct stage){.ws = ws, .rows = count, .position = position, .ahead = 1}, tokens);
}

void decoder_step_texts(struct workspace *ws, const struct text_step *steps, size_t count) {
    int32_t tokens[STEP_AHEAD_MAX];
    for (size_t i = 0; i < count; i++) tokens[i] = steps[i].token;
    run_step(&(struct stage){.ws = ws, .rows = count, .each = steps}, tokens);
}

void decoder_reorder(struct workspace *ws, const int *parents, size_t rows, size_t position) {
    const struct decoder_cache *cache = cache_at_hand(ws);
    size_t tokens = cache->tokens, all = cache->beams * tokens;
    int *history = cache->history, *old = history + all;
    memcpy(old, history, all * sizeof *old);
    for (size_t i = 0; i < rows; i++)
        memcpy(history + i * tokens, old + (size_t)parents[i] * tokens, position * sizeof *old);
}
