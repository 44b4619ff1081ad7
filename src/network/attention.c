/* attention.c - see attention.h. */
#include "network/attention.h"

#include <math.h>

#include "network/linear.h"

void rotary_tables(struct workspace *ws, size_t positions) {
    const struct config *config = &ws->model->config;
    size_t pairs = (config->rotary_dim + 1) / 2;
    for (size_t i = 0; i < pairs; i++) {
        float exponent = (float)(2 * i) / (float)config->rotary_dim;
        float frequency = 1.0f / powf((float)config->rope_theta, exponent);
        for (size_t p = 0; p < positions; p++) {
            float angle = (float)p * frequency;
            ws->cos[p * pairs + i] = cosf(angle);
            ws->sin[p * pairs + i] = sinf(angle);
        }
    }
}

void rotary_apply(const struct workspace *ws, float *q, float *k, size_t rows, size_t position,
                  int same) {
    const struct config *config = &ws->model->config;
    size_t pairs = (config->rotary_dim + 1) / 2, width = (size_t)config->heads * config->head_dim;
    for (size_t i = 0; i < rows; i++) {
        size_t at = (position + (same ? 0 : i)) * pairs;
        ws->kernels->rotate(q + i * width, config->heads, config->head_dim, ws->cos + at,
                            ws->sin + at, pairs);
        ws->kernels->rotate(k + i * width, config->heads, config->head_dim, ws->cos + at,
                            ws->sin + at, pairs);
    }
}

/* One head of a block of queries. Both products are matmuls over strided rows: the scores sum over
 * head_dim against the keys, the mix sums over the frames against the values. */
static void attend_block(struct workspace *ws, size_t head, size_t first, size_t last,
                         float *scratch) {
    const struct config *config = &ws->model->config;
    size_t width = (size_t)config->heads * config->head_dim, frames = ws->extent.frames;
    size_t offset = head * config->head_dim;
    float *scores = scratch + ws->scores_offset; /* [last - first, frames] */
    struct matmul score = {
        .y = scores,
        .x = ws->q + first * width + offset,
        .w = ws->k + offset,
        .y_stride = frames,
        .x_stride = width,
        .w_stride = width,
        .m = last - first,
        .n = frames,
        .k = config->head_dim,
        .scale = 1.0f / sqrtf((float)config->head_dim),
    };
    ws->kernels->matmul(&score, scratch);
    for (size_t i = 0; i < last - first; i++) ws->kernels->softmax(scores + i * frames, frames);
    struct matmul mix = {
        .y = ws->mixed + first * width + offset,
        .x = scores,
        .w = ws->v + offset,
        .y_stride = width,
        .x_stride = frames,
        .w_stride = width,
        .m = last - first,
        .n = config->head_dim,
        .k = frames,
        .scale = 1.0f,
        .w_is_kn = 1,
    };
    ws->kernels->matmul(&mix, scratch);
}

static void attend_task(void *context, size_t index, unsigned thread) {
    struct workspace *ws = context;
    size_t frames = ws->extent.frames, blocks = (frames + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    size_t head = index / blocks, block = index % blocks;
    attend_block(ws, head, frames * block / blocks, frames * (block + 1) / blocks,
                 ws->scratch[thread]);
}

void attention_full(struct workspace *ws) {
    size_t blocks = (ws->extent.frames + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    thread_pool_run(ws->pool, blocks * ws->model->config.heads, attend_task, ws);
}
