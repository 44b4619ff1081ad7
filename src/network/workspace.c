/* workspace.c - see workspace.h. */
#include "network/workspace.h"

#include <string.h>

#include "network/adapted.h"
#include "network/attention.h"
#include "network/linear.h"

void extent_of_clip(struct extent *extent, size_t samples) {
    extent->frames1 = extent->frames2 = extent->frames = 0;
    if (samples < CLIP_SAMPLES_MIN) return;
    extent->frames1 = (samples - 127) / 64 + 1;
    extent->frames2 = (extent->frames1 - 7) / 3 + 1;
    extent->frames = (extent->frames2 - 3) / 2 + 1;
}

static size_t max_of(size_t a, size_t b) {
    return a > b ? a : b;
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
    size_t longest = 7 * (size_t)config->dim; /* conv2; conv3 has 6 * dim */
    longest = max_of(longest, 127);
    longest = max_of(longest, config->encoder_ffn);
    longest = max_of(longest, config->decoder_ffn);
    return max_of(longest, (size_t)config->heads * config->head_dim);
}

static void lay_out_encoder(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = (size_t)config->heads * config->head_dim;
    ws->conv1 = ARENA_TAKE(arena, e->frames1 * config->dim, float);
    ws->conv2 = ARENA_TAKE(arena, e->frames2 * 2 * config->dim, float);
    ws->row_sums = ARENA_TAKE(arena, e->frames1, double);
    ws->channel_scale = ARENA_TAKE(arena, config->dim, float);
    ws->channel_shift = ARENA_TAKE(arena, config->dim, float);
    ws->hidden = ARENA_TAKE(arena, e->frames * config->dim, float);
    ws->normed = ARENA_TAKE(arena, e->frames * config->dim, float);
    ws->q = ARENA_TAKE(arena, e->frames * width, float);
    ws->k = ARENA_TAKE(arena, e->frames * width, float);
    ws->v = ARENA_TAKE(arena, e->frames * width, float);
    ws->mixed = ARENA_TAKE(arena, e->frames * width, float);
    ws->inner = ARENA_TAKE(arena, e->frames * config->encoder_ffn, float);
    size_t positions = max_of(e->frames, e->tokens), pairs = (config->rotary_dim + 1) / 2;
    ws->cos = ARENA_TAKE(arena, positions * pairs, float);
    ws->sin = ARENA_TAKE(arena, positions * pairs, float);
}

static void lay_out_decoder(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = (size_t)config->heads * config->head_dim;
    ws->cross_k = ARENA_TAKE(arena, config->decoder_layers * e->frames * width, float);
    ws->cross_v = ARENA_TAKE(arena, config->decoder_layers * e->frames * width, float);
    size_t cached = config->decoder_layers * e->tokens * e->beams;
    ws->self_k = ARENA_TAKE(arena, cached * width, float);
    ws->self_v = ARENA_TAKE(arena, cached * width, float);
    ws->history = ARENA_TAKE(arena, 2 * e->beams * e->tokens, int);
    ws->step_hidden = ARENA_TAKE(arena, e->beams * config->dim, float);
    ws->step_normed = ARENA_TAKE(arena, e->beams * config->dim, float);
    ws->step_q = ARENA_TAKE(arena, e->beams * width, float);
    ws->step_mixed = ARENA_TAKE(arena, e->beams * width, float);
    ws->step_inner = ARENA_TAKE(arena, e->beams * 2 * config->decoder_ffn, float);
}

static void lay_out_logits(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t blocks = ((size_t)config->vocab + LOGITS_BLOCK - 1) / LOGITS_BLOCK;
    size_t rows = 2 * e->beams, threads = thread_pool_size(ws->pool);
    ws->logits = ARENA_TAKE(arena, e->beams * config->vocab, float);
    ws->coarse_rows = ARENA_TAKE(arena, rows * config->dim + PACKED_SLACK, unsigned char);
    if (ws->coarse_rows) memset(ws->coarse_rows + rows * config->dim, 0, PACKED_SLACK);
    ws->coarse_scale = ARENA_TAKE(arena, rows, float);
    ws->coarse_split = ARENA_TAKE(arena, 2 * (size_t)config->dim, float);
    ws->coarse_products = ARENA_TAKE(arena, threads * rows * LOGITS_BLOCK, float);
    ws->bounds = ARENA_TAKE(arena, config->vocab, float);
    ws->block_best = ARENA_TAKE(arena, blocks, uint32_t);
    ws->block_bound = ARENA_TAKE(arena, blocks, float);
}

static void lay_out_adapters(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t width = (size_t)config->heads * config->head_dim;
    size_t widest = max_of(config->dim, max_of(width, config->encoder_ffn));
    size_t inputs = max_of(e->frames1 * config->dim, e->frames * widest); /* of conv2; a layer */
    inputs = max_of(inputs, e->frames2 * 2 * config->dim);                /* conv3 */
    inputs = max_of(inputs, e->frames1 * 64 + 127);                       /* conv1 */
    inputs = max_of(inputs, e->beams * max_of(widest, config->decoder_ffn));
    ws->lora_inner =
        ARENA_TAKE(arena, LINEAR_JOBS_MAX * max_of(e->frames1, e->beams) * e->rank, float);
    ws->scaled_room = e->scales_inputs ? inputs : 0;
    ws->scaled = ARENA_TAKE(arena, LINEAR_JOBS_MAX * ws->scaled_room, float);
    ws->embed_room = ARENA_TAKE(arena, e->scales_outputs * 2 * config->dim, float);
}

static void lay_out_prepared(struct workspace *ws, struct arena *arena, const struct extent *e) {
    const struct config *config = &ws->model->config;
    size_t longest = max_of(config->dim, (size_t)config->heads * config->head_dim);
    ws->prepared_longest = max_of(longest, config->decoder_ffn);
    size_t bytes = linear_prepared_bytes(ws, e->beams, ws->prepared_longest);
    ws->prepared = ARENA_TAKE(arena, LINEAR_JOBS_MAX * bytes, unsigned char);
    ws->prepared_scale = ARENA_TAKE(arena, LINEAR_JOBS_MAX * e->beams, float);
}

void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *e) {
    unsigned threads = thread_pool_size(ws->pool);
    size_t longest = max_of(longest_sum(&ws->model->config), max_of(e->frames, e->rank));
    size_t panel = ws->kernels->panel * longest;
    size_t scores = max_of(ATTENTION_ROWS * e->frames, max_of(e->frames, e->tokens));
    ws->scratch = ARENA_TAKE(arena, threads, float *);
    ws->scores_offset = panel;
    ws->block_offset = panel + scores;
    size_t block = e->scales_outputs ? adapted_room(ws) : 0;
    for (unsigned t = 0; t < threads; t++) {
        float *scratch = ARENA_TAKE(arena, panel + scores + block, float);
        if (ws->scratch) ws->scratch[t] = scratch;
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
