/* attention.c - see attention.h. */
#include "network/attention.h"

#include <math.h>

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

void attention_rows(struct workspace *ws, const float *k, const float *v, size_t first, size_t last,
                    float *scratch) {
    const struct config *config = &ws->model->config;
    size_t width = (size_t)config->heads * config->head_dim;
    for (size_t head = 0; head < config->heads; head++) {
        size_t offset = head * config->head_dim;
        struct attend_rows attend = {
            .out = ws->q + first * width + offset,
            .q = ws->q + first * width + offset,
            .k = k + offset,
            .v = v + offset,
            .stride = width,
            .m = last - first,
            .count = ws->extent.frames,
            .head_dim = config->head_dim,
            .scale = 1.0f / sqrtf((float)config->head_dim),
            .coarse = ws->network->precision != PRECISION_F32,
        };
        ws->kernels->attend_rows(&attend, scratch);
    }
}
