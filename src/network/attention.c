/* attention.c - see attention.h. */
#include "network/attention.h"

void rotary_tables(struct workspace *ws, size_t positions) {
    const struct config *config = &ws->model->config;
    rotary_angles(config, positions, ws->cos, ws->sin, config->rotary_pairs, 1);
}

void rotary_apply(const struct workspace *ws, float *q, float *k, size_t rows, size_t position,
                  int same) {
    const struct config *config = &ws->model->config;
    size_t pairs = config->rotary_pairs, width = config->width;
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
    size_t width = config->width;
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
            .scale = attention_scale(config),
            .coarse = ws->network->precision != PRECISION_F32,
        };
        ws->kernels->attend_rows(&attend, scratch);
    }
}
