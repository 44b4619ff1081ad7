/* encoder.c - the layers of the encoder over all frames of a clip at once (encoder_layer.h).
 *
 * A pass over the blocks of frames finishes a layer from its attention on, and starts the next up
 * to its keys and values, because all of that needs nothing but the block's own rows. So threads
 * meet once a layer, when the keys and values of all frames are there. */
#include "network/encoder.h"

#include "network/block.h"
#include "network/embedder.h"
#include "network/encoder_layer.h"
#include "network/norm.h"
#include "network/stem.h"

/* The rows of a block, in the memory of the whole clip. */
static struct layer_rows rows_of(const struct block *b) {
    const struct config *config = &b->ws->model->config;
    return (struct layer_rows){b->ws->memory + b->first * config->encoder_dim,
                               b->ws->encoder.q + b->first * config->encoder_width};
}

struct pass {
    struct workspace *ws;
    struct blocks blocks;
    uint32_t layer; /* that is started; the one before is finished */
};

static void run_block(void *context, size_t index, unsigned thread) {
    const struct pass *pass = context;
    struct workspace *ws = pass->ws;
    struct block b = blocks_take(&pass->blocks, ws, index, thread);
    uint32_t layer = pass->layer;
    size_t next = layer % 2, last = 1 - next; /* others may still read the keys of the last layer */
    uint64_t start = spans_start(ws->spans);
    struct layer_rows rows = rows_of(&b);
    struct layer_keys keys = {ws->encoder.k[last], ws->encoder.v[last], 0, ws->extent.frames};
    size_t at = b.first * config_encoder_kv_width(&ws->model->config);
    if (layer > 0) encoder_layer_finish(&b, layer - 1, &rows, &keys);
    if (layer < ws->model->config.encoder_layers)
        encoder_layer_start(&b, layer, &rows, ws->encoder.k[next] + at, ws->encoder.v[next] + at);
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
