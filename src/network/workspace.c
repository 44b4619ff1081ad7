/* workspace.c - see workspace.h. */
#include "network/workspace.h"

#include <string.h>

#include "network/adapted.h"
#include "network/blocks.h"
#include "network/linear.h"

void extent_of_clip(struct extent *extent, size_t samples) {
    struct clip_extent clip = clip_extent_of(samples);
    extent->frames1 = clip.frames1;
    extent->frames2 = clip.frames2;
    extent->frames = clip.frames;
}

static size_t max_of(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t min_of(size_t a, size_t b) {
    return a < b ? a : b;
}

struct extent extent_max(const struct extent *a, const struct extent *b) {
    return (struct extent){
        .frames1 = max_of(a->frames1, b->frames1),
        .frames2 = max_of(a->frames2, b->frames2),
        .frames = max_of(a->frames, b->frames),
        .beams = max_of(a->beams, b->beams),
        .tokens = max_of(a->tokens, b->tokens),
        .rank = max_of(a->rank, b->rank),
        .scales_outputs = max_of(a->scales_outputs, b->scales_outputs),
        .scales_inputs = max_of(a->scales_inputs, b->scales_inputs),
    };
}

/* The longest row of x that any matmul of this model sums over. */
static size_t longest_sum(const struct config *config) {
    size_t longest = STEM_KERNEL2 * (size_t)config->dim; /* conv3 has 6 * dim */
    longest = max_of(longest, STEM_KERNEL1);
    longest = max_of(longest, config->encoder_ffn);
    longest = max_of(longest, config->decoder_ffn);
    return max_of(longest, config->width);
}

static void lay_out_encoder(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = config->width;
    /* Queries, keys and values of the layers lie where conv1 was: the stem is done with it by then. */
    size_t part = (e->frames * width + 15) / 16 * 16, conv1 = e->frames1 * config->dim;
    float *shared = ARENA_TAKE(arena, max_of(conv1, 5 * part), float);
    ws->moments =
        ARENA_TAKE(arena, blocks_count_most(e->frames1, BLOCKS_CONV1_ROWS), struct moments);
    ws->channel_scale = ARENA_TAKE(arena, config->dim, float);
    ws->channel_shift = ARENA_TAKE(arena, config->dim, float);
    ws->hidden = ARENA_TAKE(arena, e->frames * config->dim, float);
    if (shared) {
        ws->conv1 = ws->q = shared;
        for (size_t i = 0; i < 2; i++) {
            ws->k[i] = shared + (1 + i) * part;
            ws->v[i] = shared + (3 + i) * part;
        }
    }
    size_t positions = max_of(e->frames, e->tokens), pairs = config->rotary_pairs;
    ws->cos = ARENA_TAKE(arena, positions * pairs, float);
    ws->sin = ARENA_TAKE(arena, positions * pairs, float);
}

/* Rows of the largest block of each kind. */
struct block_sizes {
    size_t conv1, conv2, frames1, frames;
};

static struct block_sizes sizes_of_blocks(const struct workspace *ws, const struct extent *e) {
    size_t stem = min_of(e->frames, blocks_stem_rows(ws->network->precision));
    size_t conv2 = STEM_INPUTS(stem, STEM_KERNEL3, STEM_STRIDE3) + 1; /* see stem.c */
    return (struct block_sizes){
        .conv1 = min_of(e->frames1, BLOCKS_CONV1_ROWS),
        .conv2 = conv2,
        .frames1 = STEM_INPUTS(conv2, STEM_KERNEL2, STEM_STRIDE2),
        .frames = min_of(e->frames, BLOCKS_ENCODER_ROWS),
    };
}

static void lay_out_room(struct workspace *ws, struct block_room *room, struct arena *arena,
                         const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t dim = config->dim, width = config->width;
    size_t widest = max_of(dim, max_of(width, config->encoder_ffn));
    struct block_sizes rows = sizes_of_blocks(ws, e);
    size_t stem = rows.frames1 * dim + rows.conv2 * 2 * dim;
    size_t layer = rows.frames * (dim + config->encoder_ffn);
    room->values = ARENA_TAKE(arena, max_of(stem, layer), float);
    room->attend = ARENA_TAKE(arena, attend_rows_scratch(config->head_dim), float);
    size_t prepared = linear_prepared_bytes(ws, rows.frames, widest);
    prepared = max_of(prepared, linear_prepared_bytes(ws, rows.frames1, dim));
    prepared = max_of(prepared, linear_prepared_bytes(ws, rows.conv2, 2 * dim));
    room->prepared = ARENA_TAKE(arena, prepared, unsigned char);
    room->scale = ARENA_TAKE(arena, max_of(rows.frames1, rows.frames), float);
    size_t most = max_of(rows.conv1, max_of(rows.conv2, rows.frames));
    room->inner = ARENA_TAKE(arena, most * e->rank, float);
    size_t inputs = max_of(rows.frames1 * dim, rows.frames * widest);
    inputs = max_of(inputs, max_of(rows.conv2 * 2 * dim, rows.conv1 * STEM_STRIDE1 + STEM_KERNEL1));
    room->scaled = ARENA_TAKE(arena, e->scales_inputs * inputs, float);
    room->aside = ARENA_TAKE(arena, e->scales_outputs * rows.frames * dim, float);
    room->gains = ARENA_TAKE(arena, e->scales_outputs * 2 * max_of(2 * dim, widest), float);
}

static void lay_out_decoder(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = config->width;
    size_t threads = thread_pool_size(ws->pool), heard = config->decoder_layers * width;
    size_t padded = f16_tiles(e->frames) * F16_TILE;
    int halves = ws->network->precision != PRECISION_F32;
    ws->cross_k = ARENA_TAKE(arena, halves ? 0 : heard * e->frames, float);
    ws->cross_v = ARENA_TAKE(arena, halves ? 0 : heard * e->frames, float);
    ws->half_k = ARENA_TAKE(arena, halves ? heard * padded : 0, uint16_t);
    ws->half_v = ARENA_TAKE(arena, halves ? heard * padded : 0, uint16_t);
    size_t block = (size_t)BLOCKS_ENCODER_ROWS * width;
    ws->halving = ARENA_TAKE(arena, halves ? threads * 2 * block : 0, float);
    ws->cross_scores = ARENA_TAKE(arena, halves ? threads * e->beams * padded : 0, float);
    size_t cached = config->decoder_layers * e->tokens * e->beams;
    ws->self_k = ARENA_TAKE(arena, cached * width, float);
    ws->self_v = ARENA_TAKE(arena, cached * width, float);
    ws->history = ARENA_TAKE(arena, 2 * e->beams * e->tokens, int);
    ws->step_hidden = ARENA_TAKE(arena, e->beams * config->dim, float);
    ws->step_normed = ARENA_TAKE(arena, e->beams * config->dim, float);
    ws->step_mixed = ARENA_TAKE(arena, e->beams * width, float);
    ws->step_inner = ARENA_TAKE(arena, e->beams * config->decoder_ffn, float);
    ws->slice_outs = max_of(max_of(config->dim, width), GATE_OUTS);
    ws->slice_stride = ws->slice_outs + KERNELS_PANEL_MAX; /* a slice may begin inside a panel */
    ws->slices = ARENA_TAKE(arena, threads * 4 * (e->beams + 2) * ws->slice_stride, float);
}

static void lay_out_logits(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t blocks = ((size_t)config->vocab + LOGITS_BLOCK - 1) / LOGITS_BLOCK;
    size_t rows = max_of(e->beams, 2), threads = thread_pool_size(ws->pool);
    ws->logits = ARENA_TAKE(arena, e->beams * config->vocab, float);
    ws->coarse_rows = ARENA_TAKE(arena, rows * config->dim + PACKED_SLACK, unsigned char);
    if (ws->coarse_rows) memset(ws->coarse_rows + rows * config->dim, 0, PACKED_SLACK);
    ws->coarse_scale = ARENA_TAKE(arena, rows, float);
    ws->coarse_split = ARENA_TAKE(arena, 2 * (size_t)config->dim, float);
    ws->coarse_products = ARENA_TAKE(arena, threads * 2 * LOGITS_BLOCK, float);
    ws->bounds = ARENA_TAKE(arena, config->vocab, float);
    ws->block_best = ARENA_TAKE(arena, blocks, uint32_t);
    ws->block_bound = ARENA_TAKE(arena, blocks, float);
}

static void lay_out_adapters(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = config->width;
    size_t widest = max_of(config->dim, width);
    size_t inputs = e->beams * max_of(widest, config->decoder_ffn);
    ws->lora_inner = ARENA_TAKE(arena, LINEAR_JOBS_MAX * e->beams * e->rank, float);
    ws->scaled_room = e->scales_inputs ? inputs : 0;
    ws->scaled = ARENA_TAKE(arena, LINEAR_JOBS_MAX * ws->scaled_room, float);
    ws->embed_room = ARENA_TAKE(arena, e->scales_outputs * 2 * config->dim, float);
}

static void lay_out_prepared(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t longest = max_of(config->dim, config->width);
    ws->prepared_longest = max_of(longest, config->decoder_ffn);
    size_t bytes = linear_prepared_bytes(ws, e->beams, ws->prepared_longest);
    ws->prepared = ARENA_TAKE(arena, LINEAR_JOBS_MAX * bytes, unsigned char);
    ws->prepared_scale = ARENA_TAKE(arena, LINEAR_JOBS_MAX * e->beams, float);
}

void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *e) {
    unsigned threads = thread_pool_size(ws->pool);
    size_t panel = ws->kernels->panel * max_of(longest_sum(&ws->model->config), e->rank);
    size_t scores = max_of(e->frames, e->tokens);
    ws->scratch = ARENA_TAKE(arena, threads, float *);
    ws->rooms = ARENA_TAKE(arena, threads, struct block_room);
    ws->scores_offset = panel;
    for (unsigned t = 0; t < threads; t++) {
        struct block_room room = {.panel = ARENA_TAKE(arena, panel + scores, float)};
        lay_out_room(ws, &room, arena, e);
        if (!ws->scratch) continue;
        ws->scratch[t] = room.panel;
        ws->rooms[t] = room;
    }
    lay_out_adapters(ws, arena, e);
    lay_out_prepared(ws, arena, e);
    lay_out_encoder(ws, arena, e);
    lay_out_decoder(ws, arena, e);
    lay_out_logits(ws, arena, e);
}

void workspace_trace(const struct workspace *workspace, const char *stage, const float *data,
                     size_t rows, size_t cols) {
    if (workspace->trace) workspace->trace(workspace->trace_user, stage, data, rows, cols);
}
