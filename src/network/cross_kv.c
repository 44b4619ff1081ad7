/* cross_kv.c - see cross_kv.h. */
#include "network/cross_kv.h"

#include <string.h>

#include "network/adapted.h"
#include "network/block.h"

/* Where frame `first` of a layer begins in cross_k and cross_v. */
static size_t offset_f32(const struct workspace *ws, const struct decoder_cache *cache,
                         uint32_t layer, size_t first) {
    return (layer * cache->room + first) * ws->model->config.width;
}

/* Where a head of a layer begins in cross_k_f16 and cross_v_f16. */
static size_t offset_f16(const struct workspace *ws, const struct decoder_cache *cache,
                         uint32_t layer, size_t head) {
    const struct config *config = &ws->model->config;
    size_t size = f16_tiles(cache->room) * F16_TILE * config->head_dim;
    return ((size_t)layer * config->heads + head) * size;
}

/* --------------------------------------------------------------------------------- computing */

/* Stores x [rows of the block, width] as frames of all heads of a layer. After the last frame its
 * tile is filled with zeros. */
static void store_f16(const struct block *b, uint16_t *f16, uint32_t layer, const float *x) {
    const struct workspace *ws = b->ws;
    const struct config *config = &ws->model->config;
    const struct decoder_cache *cache = cache_at_hand(b->ws);
    size_t head_dim = config->head_dim, frames = cache->frames;
    size_t rest = b->first + b->rows == frames ? frames % F16_TILE : 0;
    for (size_t head = 0; head < config->heads; head++) {
        uint16_t *tiles = f16 + offset_f16(ws, cache, layer, head);
        ws->kernels->store_f16(&(struct store_f16){
            .tiles = tiles,
            .x = x + head * head_dim,
            .stride = config->width,
            .first = b->first,
            .count = b->rows,
            .head_dim = head_dim,
        });
        for (size_t d = 0; rest && d < head_dim; d++)
            memset(tiles + f16_place(frames, d, head_dim), 0, (F16_TILE - rest) * sizeof *tiles);
    }
}

/* The memory of a block, frames [rows] of which the first is row `at` of ws->memory, as the decoder
 * wants it: ws->decoder_memory. */
static const float *place_memory(const struct block *b, size_t at) {
    struct workspace *ws = b->ws;
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    float *memory = ws->memory + at * config->encoder_dim;
    float *placed = ws->decoder_memory + at * config->dim, *position = b->scratch->values;
    for (size_t i = 0; weights->pos_emb.weight && i < b->rows; i++) {
        adapted_embed(ws, &weights->pos_emb, (uint32_t)(b->first + i), position, b->scratch);
        ws->kernels->add(memory + i * config->encoder_dim, position, config->encoder_dim);
    }
    if (weights->proj.weight) linear_rows(b, placed, &weights->proj, memory);
    return placed;
}

struct run {
    struct workspace *ws;
    struct blocks blocks;
    size_t first; /* the frame that the first row of ws->memory is */
};

static void run_block(void *context, size_t index, unsigned thread) {
    const struct run *run = context;
    struct workspace *ws = run->ws;
    const struct config *config = &ws->model->config;
    const struct decoder_cache *cache = cache_at_hand(ws);
    struct block b = blocks_take(&run->blocks, ws, index, thread);
    int f16 = cross_kv_is_f16(ws);
    uint64_t start = spans_start(ws->spans);
    size_t row = b.first;
    b.first += run->first;
    const float *memory = place_memory(&b, row);
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct attention *attention = &ws->model->weights.decoder_layers[i].encoder_attn;
        size_t at = offset_f32(ws, cache, i, b.first);
        float *k = f16 ? b.scratch->kv : cache->cross_k + at;
        float *v = f16 ? k + BLOCKS_ENCODER_ROWS * config->width : cache->cross_v + at;
        const struct projection kv[] = {{k, &attention->k_proj}, {v, &attention->v_proj}};
        linear_each(&b, kv, 2, memory);
        if (!f16) continue;
        store_f16(&b, cache->cross_k_f16, i, k);
        store_f16(&b, cache->cross_v_f16, i, v);
    }
    spans_end(ws->spans, thread, PST_STAGE_CROSS, "keys and values", start);
}

void cross_kv_append(struct workspace *ws, size_t count) {
    struct decoder_cache *cache = cache_at_hand(ws);
    struct run run = {ws, blocks_cut(count, BLOCKS_ENCODER_ROWS), cache->frames};
    cache->frames += count;
    if (count) thread_pool_run(ws->pool, run.blocks.count, run_block, &run);
}

void cross_kv_compute(struct workspace *ws) {
    cache_at_hand(ws)->frames = 0;
    cross_kv_append(ws, ws->extent.frames);
}

/* --------------------------------------------------------------------------------- attention */

static void attend_f32(const struct workspace *ws, const struct decoder_cache *cache,
                       uint32_t layer, size_t head, const float *q, size_t rows, float *context,
                       const struct scratch *scratch) {
    const struct config *config = &ws->model->config;
    size_t at = offset_f32(ws, cache, layer, 0) + head * config->head_dim;
    for (size_t i = 0; i < rows; i++)
        ws->kernels->attend(&(struct attend){
            .out = context + i * config->width,
            .q = q + i * ws->step.slice_stride,
            .k = cache->cross_k + at,
            .v = cache->cross_v + at,
            .scores = scratch->scores,
            .count = cache->frames,
            .stride = config->width,
            .head_dim = config->head_dim,
            .scale = attention_scale(config->head_dim),
        });
}

static void attend_f16(const struct workspace *ws, const struct decoder_cache *cache,
                       uint32_t layer, size_t head, const float *q, size_t rows, float *context,
                       const struct scratch *scratch) {
    const struct config *config = &ws->model->config;
    size_t at = offset_f16(ws, cache, layer, head);
    ws->kernels->attend_f16(&(struct attend_f16){
        .out = context,
        .q = q,
        .k = cache->cross_k_f16 + at,
        .v = cache->cross_v_f16 + at,
        .scores = scratch->scores_f16,
        .rows = rows,
        .out_stride = config->width,
        .q_stride = ws->step.slice_stride,
        .count = cache->frames,
        .head_dim = config->head_dim,
        .scale = attention_scale(config->head_dim),
    });
}

void cross_kv_attend(const struct workspace *ws, const struct decoder_cache *cache, uint32_t layer,
                     size_t head, const float *q, size_t rows, size_t first,
                     const struct scratch *scratch) {
    const struct config *config = &ws->model->config;
    float *context = ws->step.context + first * config->width + head * config->head_dim;
    (cross_kv_is_f16(ws) ? attend_f16 : attend_f32)(ws, cache, layer, head, q, rows, context,
                                                    scratch);
}

int cross_kv_is_followed(const struct workspace *ws, uint32_t layer, size_t head) {
    for (size_t i = 0; i < ws->extent.followed; i++)
        if (ws->followed[i].layer == layer && ws->followed[i].head == head) return 1;
    return 0;
}

void cross_kv_follow(const struct workspace *ws, const struct decoder_cache *cache, uint32_t layer,
                     size_t head, size_t position, const struct scratch *scratch) {
    const float *weights = cross_kv_is_f16(ws) ? scratch->scores_f16 : scratch->scores;
    size_t count = ws->extent.followed, frames = cache->frames;
    for (size_t i = 0; i < count; i++)
        if (ws->followed[i].layer == layer && ws->followed[i].head == head)
            memcpy(cache->followed + (position * count + i) * frames, weights,
                   frames * sizeof *weights);
}
