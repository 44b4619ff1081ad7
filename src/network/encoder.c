/* encoder.c - pre-norm transformer layers over all frames at once, attention in both directions:
 *
 *   h += o_proj(attention(rope(q), rope(k), v)),  q, k, v from layer_norm(h)
 *   h += fc2(gelu(fc1(layer_norm(h)))) */
#include "network/encoder.h"

#include <stdio.h>

#include "network/attention.h"
#include "network/linear.h"

/* torch's default for LayerNorm. */
static const float LAYER_NORM_EPSILON = 1e-5f;

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
                                      dim, LAYER_NORM_EPSILON);
}

void norm_rows(struct workspace *ws, float *normed, const float *hidden, const struct norm *norm,
               size_t rows) {
    struct norm_run run = {ws, normed, hidden, adapted_weight(ws, norm->slot, norm->weight)};
    rows_run(ws, rows, LIGHT_ROWS, norm_block, &run);
}

static void rotate_block(void *context, size_t first, size_t last, float *scratch) {
    (void)scratch;
    struct workspace *ws = context;
    size_t width = (size_t)ws->model->config.heads * ws->model->config.head_dim;
    rotary_apply(ws, ws->q + first * width, ws->k + first * width, last - first, first, 0);
}

static void self_attention(struct workspace *ws, const struct encoder_layer *layer) {
    size_t frames = ws->extent.frames;
    const struct attention *attention = &layer->self_attn;
    norm_rows(ws, ws->normed, ws->hidden, &layer->input_layernorm, frames);
    struct linear_job jobs[] = {
        linear_job_of(ws, &attention->q_proj, ws->q, ws->normed, frames),
        linear_job_of(ws, &attention->k_proj, ws->k, ws->normed, frames),
        linear_job_of(ws, &attention->v_proj, ws->v, ws->normed, frames),
    };
    linear_run(ws, jobs, 3);
    rows_run(ws, frames, LIGHT_ROWS, rotate_block, ws);
    attention_full(ws);
    struct linear_job out = linear_job_of(ws, &attention->o_proj, ws->hidden, ws->mixed, frames);
    out.accumulate = 1;
    linear_run(ws, &out, 1);
}

static void feed_forward(struct workspace *ws, const struct encoder_layer *layer) {
    size_t frames = ws->extent.frames;
    norm_rows(ws, ws->normed, ws->hidden, &layer->post_attention_layernorm, frames);
    struct linear_job up = linear_job_of(ws, &layer->fc1, ws->inner, ws->normed, frames);
    up.activation = ws->kernels->gelu;
    linear_run(ws, &up, 1);
    struct linear_job down = linear_job_of(ws, &layer->fc2, ws->hidden, ws->inner, frames);
    down.accumulate = 1;
    linear_run(ws, &down, 1);
}

void encoder_forward(struct workspace *ws) {
    const struct config *config = &ws->model->config;
    const struct weights *weights = &ws->model->weights;
    size_t frames = ws->extent.frames;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        self_attention(ws, &weights->encoder_layers[i]);
        feed_forward(ws, &weights->encoder_layers[i]);
        char stage[24];
        snprintf(stage, sizeof stage, "encoder.%u", i);
        workspace_trace(ws, stage, ws->hidden, frames, config->dim);
    }
    norm_rows(ws, ws->hidden, ws->hidden, &weights->encoder_layer_norm, frames);
    workspace_trace(ws, "memory", ws->hidden, frames, config->dim);
}
