/* encoder.c - pre-norm transformer layers over all frames at once, attention in both directions:
 *
 *   h += o_proj(attention(rope(q), rope(k), v)),  q, k, v from layer_norm(h)
 *   h += fc2(gelu(fc1(layer_norm(h)))) */
#include "network/encoder.h"

#include <stdio.h>

#include "network/attention.h"
#include "network/blocks.h"
#include "network/linear.h"

/* Rows of a task that is light on each: 32 rows of 288 floats are 36 KB, inside a first-level cache. */
enum { LIGHT_ROWS = 32 };

struct norm_run {
    struct workspace *ws;
    float *normed;
    const float *hidden, *weight;
};

static void norm_block(void *context, size_t first, size_t last, float *scratch) {
    (void)scratch;
    const struct norm_run *norm = context;
    size_t dim = norm->ws->model->config.dim;
    for (size_t i = first; i < last; i++)
        norm->ws->kernels->layer_norm(norm->normed + i * dim, norm->hidden + i * dim, norm->weight,
                                      dim, (float)NORM_EPSILON);
}

void norm_rows(struct workspace *ws, float *normed, const float *hidden, const struct norm *norm,
               size_t rows) {
    struct norm_run run = {ws, normed, hidden, adapted_weight(ws, norm->slot, norm->weight)};
    rows_run(ws, rows, LIGHT_ROWS, norm_block, &run);
}

/* A pass over the blocks of frames: what follows the attention of a layer, and what comes before that of
 * the next, because both need nothing but the block's own rows. So threads meet once a layer, when the
 * keys and values of all frames are there. */
struct pass {
    struct workspace *ws;
    struct blocks blocks;
    const struct encoder_layer *finished, *started; /* or NULL */
    uint32_t number;                                /* of `started` */
};

/* normed = layer_norm(hidden) over the rows of a block. */
static void norm_own(const struct workspace *ws, float *normed, const float *hidden,
                     const struct norm *norm, size_t rows) {
    const float *weight = adapted_weight(ws, norm->slot, norm->weight);
    size_t dim = ws->model->config.dim;
    for (size_t i = 0; i < rows; i++)
        ws->kernels->layer_norm(normed + i * dim, hidden + i * dim, weight, dim,
                                (float)NORM_EPSILON);
}

/* q, k, v of a block. */
static void start_layer(const struct pass *pass, size_t first, size_t last,
                        struct block_room *room) {
    struct workspace *ws = pass->ws;
    const struct attention *attention = &pass->started->self_attn;
    size_t width = ws->model->config.width;
    size_t rows = last - first, at = first * width;
    float *normed = room->values, *q = ws->q + at, *k = ws->k[pass->number % 2] + at;
    float *v = ws->v[pass->number % 2] + at;
    norm_own(ws, normed, ws->hidden + first * ws->model->config.dim,
             &pass->started->input_layernorm, rows);
    struct linear_job jobs[] = {
        linear_job_of(ws, &attention->q_proj, q, normed, rows),
        linear_job_of(ws, &attention->k_proj, k, normed, rows),
        linear_job_of(ws, &attention->v_proj, v, normed, rows),
    };
    linear_block(ws, jobs, 3, room);
    rotary_apply(ws, q, k, rows, first, 0);
}

/* Attention and feed-forward of a block. */
static void finish_layer(const struct pass *pass, size_t first, size_t last,
                         struct block_room *room) {
    struct workspace *ws = pass->ws;
    const struct config *config = &ws->model->config;
    const struct encoder_layer *layer = pass->finished;
    size_t width = config->width, rows = last - first;
    size_t held = (pass->number + 1) % 2; /* number - 1: where the keys of `finished` lie */
    float *hidden = ws->hidden + first * config->dim, *normed = room->values;
    float *inner = normed + rows * config->dim;
    attention_rows(ws, ws->k[held], ws->v[held], first, last, room->attend);
    struct linear_job out =
        linear_job_of(ws, &layer->self_attn.o_proj, hidden, ws->q + first * width, rows);
    out.accumulate = 1;
    linear_block(ws, &out, 1, room);
    norm_own(ws, normed, hidden, &layer->post_attention_layernorm, rows);
    struct linear_job up = linear_job_of(ws, &layer->fc1, inner, normed, rows);
    up.activation = ws->kernels->gelu;
    linear_block(ws, &up, 1, room);
    struct linear_job down = linear_job_of(ws, &layer->fc2, hidden, inner, rows);
    down.accumulate = 1;
    linear_block(ws, &down, 1, room);
}

static void run_block(void *context, size_t index, unsigned thread) {
    const struct pass *pass = context;
    struct block_room *room = &pass->ws->rooms[thread];
    size_t first = blocks_first(&pass->blocks, index);
    size_t last = blocks_first(&pass->blocks, index + 1);
    struct spans *spans = pass->ws->spans;
    uint64_t start = spans_start(spans);
    if (pass->finished) finish_layer(pass, first, last, room);
    if (pass->started) start_layer(pass, first, last, room);
    spans_end(spans, thread, PST_STAGE_ENCODER, "layer", start);
}

void encoder_forward(struct workspace *ws) {
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    size_t frames = ws->extent.frames, most = BLOCKS_ENCODER_ROWS;
    struct pass pass = {.ws = ws, .blocks = blocks_cut(frames, most)};
    for (uint32_t i = 0; i <= config->encoder_layers; i++) {
        pass.finished = i > 0 ? &weights->encoder_layers[i - 1] : NULL;
        pass.started = i < config->encoder_layers ? &weights->encoder_layers[i] : NULL;
        pass.number = i;
        thread_pool_run(ws->pool, pass.blocks.count, run_block, &pass);
        char stage[24];
        snprintf(stage, sizeof stage, "encoder.%u", i - 1);
        if (i > 0) workspace_trace(ws, stage, ws->hidden, frames, config->dim);
    }
    uint64_t start = spans_start(ws->spans);
    norm_rows(ws, ws->hidden, ws->hidden, &weights->encoder_layer_norm, frames);
    spans_end(ws->spans, 0, PST_STAGE_ENCODER, "norm", start);
    workspace_trace(ws, "memory", ws->hidden, frames, config->dim);
}
