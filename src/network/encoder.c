/* encoder.c - pre-norm transformer layers over all frames at once:
 *
 *   h += o_proj(attention(rotate(q), rotate(k), v)),  q, k, v from layer_norm(h)
 *   h += fc2(gelu(fc1(layer_norm(h))))
 *
 * In the first family every frame attends to every frame. In the streaming family it attends to the
 * frames in the window of the layer, and nothing is rotated: the cost is linear in the clip.
 *
 * A pass over the blocks of frames finishes a layer from its attention on, and starts the next up
 * to its keys and values, because all of that needs nothing but the block's own rows. So threads
 * meet once a layer, when the keys and values of all frames are there. */
#include "network/encoder.h"

#include "network/attention.h"
#include "network/block.h"
#include "network/embedder.h"
#include "network/norm.h"
#include "network/stem.h"

/* Where a block has its rows. */
static float *hidden_of(const struct block *b) {
    return b->ws->memory + b->first * b->ws->model->config.encoder_dim;
}

static float *query_of(const struct block *b) {
    return b->ws->encoder.q + b->first * b->ws->model->config.encoder_width;
}

/* Up to q, k and v: those of the block go into k, v [frames, width]. */
static void start_layer(const struct block *b, const struct encoder_layer *layer, float *k,
                        float *v) {
    const struct attention *attention = &layer->self_attn;
    const struct config *config = &b->ws->model->config;
    size_t at = b->first * config_encoder_kv_width(config);
    float *q = query_of(b), *normed = b->scratch->values;
    const struct projection qkv[] = {
        {q, &attention->q_proj}, {k + at, &attention->k_proj}, {v + at, &attention->v_proj}};
    layer_norm_rows(b, normed, &layer->input_layernorm, hidden_of(b));
    linear_each(b, qkv, 3, normed);
    if (config->family == FAMILY_STREAMING) return; /* its encoder knows no positions */
    rotate_rows(b, q);
    rotate_rows(b, k + at);
}

/* Attention to the keys and values of all frames, or of those in the window, and feed-forward. */
static void finish_layer(const struct block *b, uint32_t index, const float *k, const float *v) {
    const struct config *config = &b->ws->model->config;
    const struct encoder_layer *layer = &b->ws->model->weights.encoder_layers[index];
    float *h = hidden_of(b), *context = query_of(b);
    float *normed = b->scratch->values, *inner = normed + b->rows * config->encoder_dim;
    if (config->family == FAMILY_STREAMING)
        attention_window(b, context, k, v, config->windows[index]);
    else
        attention_rows(b, context, k, v);
    linear_add(b, h, &layer->self_attn.o_proj, context);
    layer_norm_rows(b, normed, &layer->post_attention_layernorm, h);
    linear_rows(b, inner, &layer->fc1, normed);
    gelu_rows(b, inner, b->rows, config->encoder_ffn);
    linear_add(b, h, &layer->fc2, inner);
}

struct pass {
    struct workspace *ws;
    struct blocks blocks;
    uint32_t layer; /* that is started; the one before is finished */
};

static void run_block(void *context, size_t index, unsigned thread) {
    const struct pass *pass = context;
    struct workspace *ws = pass->ws;
    const struct encoder_layer *layers = ws->model->weights.encoder_layers;
    struct block b = blocks_take(&pass->blocks, ws, index, thread);
    uint32_t layer = pass->layer;
    size_t next = layer % 2, last = 1 - next; /* others may still read the keys of the last layer */
    uint64_t start = spans_start(ws->spans);
    if (layer > 0) finish_layer(&b, layer - 1, ws->encoder.k[last], ws->encoder.v[last]);
    if (layer < ws->model->config.encoder_layers)
        start_layer(&b, &layers[layer], ws->encoder.k[next], ws->encoder.v[next]);
    spans_end(ws->spans, thread, PST_STAGE_ENCODER, "layer", start);
}

void encoder_front_end(struct workspace *ws, const float *samples, size_t count) {
    if (ws->model->config.family == FAMILY_STREAMING)
        embedder_forward(ws, samples, count);
    else
        stem_forward(ws, samples);
}

void encoder_layers(struct workspace *ws) {
    size_t frames = ws->extent.frames, dim = ws->model->config.encoder_dim;
    struct pass pass = {.ws = ws, .blocks = blocks_cut(frames, BLOCKS_ENCODER_ROWS)};
    for (; pass.layer <= ws->model->config.encoder_layers; pass.layer++) {
        thread_pool_run(ws->pool, pass.blocks.count, run_block, &pass);
        if (pass.layer > 0)
            workspace_trace_layer(ws, "encoder", pass.layer - 1, ws->memory, frames, dim);
    }
    uint64_t start = spans_start(ws->spans);
    layer_norm(ws, ws->memory, &ws->model->weights.encoder_norm, ws->memory, dim, frames);
    spans_end(ws->spans, 0, PST_STAGE_ENCODER, "norm", start);
    workspace_trace(ws, "memory", ws->memory, frames, dim);
}

void encoder_forward(struct workspace *ws, const float *samples, size_t count) {
    encoder_front_end(ws, samples, count);
    encoder_layers(ws);
}
