/* encoder_layer.c - see encoder_layer.h. */
#include "network/encoder_layer.h"

#include "network/norm.h"

void encoder_layer_start(const struct block *b, uint32_t layer, const struct layer_rows *rows,
                         float *k, float *v) {
    const struct encoder_layer *weights = &b->ws->model->weights.encoder_layers[layer];
    const struct attention *attention = &weights->self_attn;
    float *normed = b->scratch->values;
    const struct projection qkv[] = {
        {rows->query, &attention->q_proj}, {k, &attention->k_proj}, {v, &attention->v_proj}};
    layer_norm_rows(b, normed, &weights->input_layernorm, rows->hidden);
    linear_each(b, qkv, 3, normed);
    if (b->ws->model->config.family == FAMILY_STREAMING) return; /* it knows no positions */
    rotate_rows(b, rows->query);
    rotate_rows(b, k);
}

void encoder_layer_finish(const struct block *b, uint32_t layer, const struct layer_rows *rows,
                          const struct layer_keys *keys) {
    const struct config *config = &b->ws->model->config;
    const struct encoder_layer *weights = &b->ws->model->weights.encoder_layers[layer];
    float *normed = b->scratch->values, *inner = normed + b->rows * config->encoder_dim;
    if (config->family == FAMILY_STREAMING)
        attention_window(b, rows->query, keys, config->windows[layer]);
    else
        attention_rows(b, rows->query, keys);
    linear_add(b, rows->hidden, &weights->self_attn.o_proj, rows->query);
    layer_norm_rows(b, normed, &weights->post_attention_layernorm, rows->hidden);
    linear_rows(b, inner, &weights->fc1, normed);
    gelu_rows(b, inner, b->rows, config->encoder_ffn);
    linear_add(b, rows->hidden, &weights->fc2, inner);
}
