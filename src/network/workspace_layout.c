/* workspace_layout.c - see workspace_layout.h. It runs twice, to count and to place
 * (base/arena.h). */
#include "network/workspace_layout.h"

#include <string.h>

#include "network/block.h"
#include "network/embedder.h"
#include "network/linear.h"
#include "network/step.h"

static size_t max_of(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t min_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ------------------------------------------------------------------------------- of a thread */

/* The longest row of x that any product of this model sums over. */
static size_t longest_sum(const struct config *config) {
    size_t longest = STEM_KERNEL2 * (size_t)config->encoder_dim; /* conv3 has 6 * dim */
    if (config->family == FAMILY_STREAMING)
        longest = max_of(STREAM_KERNEL * 2 * (size_t)config->encoder_dim, STREAM_FRAME_SAMPLES);
    longest = max_of(longest, STEM_KERNEL1);
    longest = max_of(longest, config->dim);
    longest = max_of(longest, config->encoder_width);
    longest = max_of(longest, config->encoder_ffn);
    longest = max_of(longest, config->decoder_ffn);
    return max_of(longest, config->width);
}

/* Rows of the largest block of each kind. `frames1` and `conv2` are what a block of the second part
 * of the front end starts from. */
struct block_sizes {
    size_t conv1, conv2, frames1, frames;
};

static struct block_sizes sizes_of_blocks(const struct workspace *ws, const struct extent *e) {
    size_t stem = min_of(e->frames, blocks_stem_rows(ws->network->precision));
    struct block_sizes sizes = {.frames = min_of(e->frames, BLOCKS_ENCODER_ROWS)};
    if (ws->model->config.family == FAMILY_STREAMING) {
        sizes.conv2 = embedder_rows2(stem);
        sizes.frames1 = embedder_rows1(stem);
        return sizes;
    }
    sizes.conv1 = min_of(e->frames1, BLOCKS_CONV1_ROWS);
    sizes.conv2 = STEM_INPUTS(stem, STEM_KERNEL3, STEM_STRIDE3) + 1; /* see stem.c */
    sizes.frames1 = STEM_INPUTS(sizes.conv2, STEM_KERNEL2, STEM_STRIDE2);
    return sizes;
}

/* Keys that a frame of the encoder attends to at most, of a clip of `frames`. */
static size_t widest_window(const struct config *config, size_t frames) {
    size_t widest = 0;
    for (uint32_t i = 0; i < config->encoder_layers && config->family == FAMILY_STREAMING; i++)
        widest = max_of(widest, (size_t)config->windows[i].back + config->windows[i].ahead);
    return min_of(widest, frames);
}

static void lay_out_block_scratch(const struct workspace *ws, struct scratch *scratch,
                                  struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    int streaming = config->family == FAMILY_STREAMING;
    size_t dim = max_of(config->dim, config->encoder_dim), width = config->width;
    size_t widest = max_of(dim, max_of(width, config->encoder_ffn));
    widest = max_of(widest, config->encoder_width);
    struct block_sizes rows = sizes_of_blocks(ws, e);
    size_t stem = rows.frames1 * (dim + (streaming ? STREAM_FRAME_SAMPLES : 0));
    stem += rows.conv2 * 2 * dim;
    size_t layer = rows.frames * (dim + config->encoder_ffn);
    scratch->values = ARENA_TAKE(arena, max_of(stem, layer), float);
    scratch->attend = ARENA_TAKE(arena, attend_rows_scratch(config->head_dim), float);
    scratch->window_scores = ARENA_TAKE(arena, widest_window(config, e->frames), float);
    size_t prepared = linear_prepared_bytes(ws, rows.frames, widest);
    prepared = max_of(prepared,
                      linear_prepared_bytes(ws, rows.frames1, max_of(dim, STREAM_FRAME_SAMPLES)));
    prepared = max_of(prepared, linear_prepared_bytes(ws, rows.conv2, 2 * dim));
    scratch->prepared = ARENA_TAKE(arena, prepared, unsigned char);
    scratch->prepared_scale = ARENA_TAKE(arena, max_of(rows.frames1, rows.frames), float);
    size_t most = max_of(max_of(rows.conv1, rows.frames1), max_of(rows.conv2, rows.frames));
    scratch->lora_a = ARENA_TAKE(arena, most * e->rank, float);
    size_t inputs = max_of(rows.frames1 * max_of(dim, STREAM_FRAME_SAMPLES), rows.frames * widest);
    inputs = max_of(inputs, rows.conv2 * 2 * dim);
    inputs = max_of(inputs, rows.conv1 * STEM_STRIDE1 + STEM_KERNEL1);
    scratch->scaled = ARENA_TAKE(arena, e->scales_inputs * inputs, float);
    size_t kv = cross_kv_is_f16(ws) ? 2 * (size_t)BLOCKS_ENCODER_ROWS * width : 0;
    scratch->kv = ARENA_TAKE(arena, kv, float);
    size_t aside = max_of(rows.frames * dim, extent_rows(e) * ws->step.slice_stride);
    scratch->aside = ARENA_TAKE(arena, e->scales_outputs * aside, float);
    size_t outputs = max_of(max_of(2 * dim, widest), ws->step.slice_stride);
    scratch->gains = ARENA_TAKE(arena, e->scales_outputs * 2 * outputs, float);
}

static void lay_out_step_scratch(const struct workspace *ws, struct scratch *scratch,
                                 struct arena *arena, const struct extent *e) {
    size_t rows = extent_rows(e), ahead = max_of(e->ahead, 1);
    for (size_t i = 0; i < PROJECTIONS_MAX; i++)
        scratch->slices[i] = ARENA_TAKE(arena, rows * ws->step.slice_stride, float);
    scratch->scores = ARENA_TAKE(arena, max_of(e->frames, e->tokens), float);
    size_t padded = cross_kv_is_f16(ws) ? f16_tiles(e->frames) * F16_TILE : 0;
    scratch->scores_f16 = ARENA_TAKE(arena, rows * padded, float);
    scratch->logits = ARENA_TAKE(arena, 2 * ahead * LOGITS_BLOCK, float);
}

static void lay_out_scratch(struct workspace *ws, struct arena *arena, const struct extent *e) {
    unsigned threads = thread_pool_size(ws->pool);
    size_t panel = ws->kernels->panel * max_of(longest_sum(&ws->model->config), e->rank);
    ws->scratch = ARENA_TAKE(arena, threads, struct scratch);
    for (unsigned t = 0; t < threads; t++) {
        struct scratch scratch = {.panel = ARENA_TAKE(arena, panel, float)};
        lay_out_block_scratch(ws, &scratch, arena, e);
        lay_out_step_scratch(ws, &scratch, arena, e);
        if (ws->scratch) ws->scratch[t] = scratch;
    }
}

/* --------------------------------------------------------------------------------- of a clip */

static void lay_out_encoder(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    /* Queries, keys and values of the layers lie where conv1 was: the stem is done with it by
     * then. */
    int streaming = config->family == FAMILY_STREAMING;
    size_t part = (e->encoded * config->encoder_width + 15) / 16 * 16;
    size_t conv1 = streaming ? 0 : e->frames1 * config->dim;
    float *shared = ARENA_TAKE(arena, max_of(conv1, 5 * part), float);
    ws->stem.moments =
        ARENA_TAKE(arena, blocks_count_most(e->frames1, BLOCKS_CONV1_ROWS), struct moments);
    ws->stem.channel_scale = ARENA_TAKE(arena, config->dim, float);
    ws->stem.channel_shift = ARENA_TAKE(arena, config->dim, float);
    ws->memory = ARENA_TAKE(arena, e->encoded * config->encoder_dim, float);
    ws->decoder_memory = config->encoder_dim == config->dim
                             ? ws->memory
                             : ARENA_TAKE(arena, e->encoded * config->dim, float);
    if (shared) {
        ws->stem.conv1 = ws->encoder.q = shared;
        for (size_t i = 0; i < 2; i++) {
            ws->encoder.k[i] = shared + (1 + i) * part;
            ws->encoder.v[i] = shared + (3 + i) * part;
        }
    }
    size_t angles = max_of(e->frames, e->tokens) * config->rotary_pairs;
    ws->cos = ARENA_TAKE(arena, angles, float);
    ws->sin = ARENA_TAKE(arena, angles, float);
}

/* ------------------------------------------------------------------------------- of a step */

static void lay_out_step(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t longest = max_of(max_of(config->dim, config->width), config->decoder_ffn);
    size_t rows = extent_rows(e), prepared = linear_prepared_bytes(ws, rows, longest);
    for (size_t i = 0; i < PROJECTIONS_MAX; i++) {
        struct step_input *input = &ws->step.inputs[i];
        input->lora_a = ARENA_TAKE(arena, rows * e->rank, float);
        input->scaled = ARENA_TAKE(arena, e->scales_inputs * rows * longest, float);
        input->prepared = ARENA_TAKE(arena, prepared, unsigned char);
        input->prepared_scale = ARENA_TAKE(arena, rows, float);
    }
    ws->step.hidden = ARENA_TAKE(arena, rows * config->dim, float);
    ws->step.normed = ARENA_TAKE(arena, rows * config->dim, float);
    ws->step.context = ARENA_TAKE(arena, rows * config->width, float);
    ws->step.gated = ARENA_TAKE(arena, rows * config->decoder_ffn, float);
}

static void lay_out_logits(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t blocks = ((size_t)config->vocab + LOGITS_BLOCK - 1) / LOGITS_BLOCK;
    size_t ahead = max_of(e->ahead, 1);
    size_t rows = max_of(extent_rows(e), 2 * ahead), bytes = rows * config->dim;
    ws->logits.all = ARENA_TAKE(arena, extent_rows(e) * config->vocab, float);
    ws->logits.rows = ARENA_TAKE(arena, bytes + PACKED_SLACK, unsigned char);
    if (ws->logits.rows) memset(ws->logits.rows + bytes, 0, PACKED_SLACK);
    ws->logits.rows_scale = ARENA_TAKE(arena, rows, float);
    ws->logits.split = ARENA_TAKE(arena, 2 * (size_t)config->dim, float);
    ws->logits.searched = 0;
    ws->logits.sizes = ARENA_TAKE(arena, ahead, float);
    ws->logits.bounds = ARENA_TAKE(arena, ahead * config->vocab, float);
    ws->logits.block_best = ARENA_TAKE(arena, ahead * blocks, uint32_t);
    ws->logits.block_bound = ARENA_TAKE(arena, ahead * blocks, float);
}

void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *extent) {
    const struct config *config = &ws->model->config;
    ws->step.slice_outs = max_of(max_of(config->dim, config->width), STEP_GATE_OUTS);
    /* A slice may begin inside a panel. */
    ws->step.slice_stride = ws->step.slice_outs + KERNELS_PANEL_MAX;
    lay_out_scratch(ws, arena, extent);
    lay_out_step(ws, arena, extent);
    lay_out_encoder(ws, arena, extent);
    lay_out_logits(ws, arena, extent);
}

void workspace_lay_out_cache(struct workspace *ws, size_t text, struct arena *arena,
                             const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t channels = (size_t)config->decoder_layers * config->width;
    size_t f32 = cross_kv_is_f16(ws) ? 0 : channels * e->frames;
    size_t f16 = cross_kv_is_f16(ws) ? channels * f16_tiles(e->frames) * F16_TILE : 0;
    size_t self = channels * e->tokens * e->beams;
    ws->caches[text] = (struct decoder_cache){
        .room = e->frames,
        .cross_k = ARENA_TAKE(arena, f32, float),
        .cross_v = ARENA_TAKE(arena, f32, float),
        .cross_k_f16 = ARENA_TAKE(arena, f16, uint16_t),
        .cross_v_f16 = ARENA_TAKE(arena, f16, uint16_t),
        .tokens = e->tokens,
        .beams = e->beams,
        .self_k = ARENA_TAKE(arena, self, float),
        .self_v = ARENA_TAKE(arena, self, float),
        .history = ARENA_TAKE(arena, 2 * e->beams * e->tokens, int),
        .followed = ARENA_TAKE(arena, e->tokens * e->followed * e->frames, float),
    };
}
