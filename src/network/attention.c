/* attention.c - see attention.h. */
#include "network/attention.h"

void rotary_tables(struct workspace *ws, size_t positions) {
    const struct config *config = &ws->model->config;
    rotary_angles(config, positions, ws->cos, ws->sin, config->rotary_pairs, 1);
}

void rotate_rows(const struct block *b, float *x) {
    const struct workspace *ws = b->ws;
    const struct config *config = &ws->model->config;
    for (size_t i = 0; i < b->rows; i++) {
        size_t at = (b->first + i) * config->rotary_pairs;
        ws->kernels->rotate(x + i * config->width, config->heads, config->head_dim, ws->cos + at,
                            ws->sin + at, config->rotary_pairs);
    }
}

void attention_rows(const struct block *b, float *q, const struct layer_keys *keys) {
    const struct workspace *ws = b->ws;
    const struct config *config = &ws->model->config;
    for (size_t head = 0; head < config->heads; head++) {
        size_t offset = head * config->head_dim;
        struct attend_rows attend = {
            .out = q + offset,
            .q = q + offset,
            .k = keys->k + offset,
            .v = keys->v + offset,
            .stride = config->width,
            .m = b->rows,
            .count = keys->end - keys->first,
            .head_dim = config->head_dim,
            .scale = attention_scale(config->head_dim),
            .approximate = ws->network->precision != PST_PRECISION_F32,
        };
        ws->kernels->attend_rows(&attend, b->scratch->attend);
    }
}

void attention_window(const struct block *b, float *q, const struct layer_keys *keys,
                      struct window window) {
    const struct workspace *ws = b->ws;
    const struct config *config = &ws->model->config;
    size_t head_dim = config->encoder_head_dim, stride = config_encoder_kv_width(config);
    size_t sharing = config->encoder_heads / config->encoder_kv_heads;
    for (size_t i = 0; i < b->rows; i++) {
        size_t at = b->first + i, first = at + 1 > window.back ? at + 1 - window.back : 0;
        size_t last = at + (window.ahead ? window.ahead - 1 : 0);
        if (last >= keys->end) last = keys->end - 1;
        for (size_t head = 0; head < config->encoder_heads; head++) {
            size_t offset = (first - keys->first) * stride + head / sharing * head_dim;
            float *row = q + i * config->encoder_width + head * head_dim;
            ws->kernels->attend(&(struct attend){
                .out = row,
                .q = row,
                .k = keys->k + offset,
                .v = keys->v + offset,
                .scores = b->scratch->window_scores,
                .count = last - first + 1,
                .stride = stride,
                .head_dim = head_dim,
                .scale = attention_scale(head_dim),
            });
        }
    }
}
