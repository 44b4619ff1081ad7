/* config.h - the sizes and settings of a checkpoint (config_file.h reads them). */
#ifndef PST_MODEL_CONFIG_H
#define PST_MODEL_CONFIG_H

#include <stdint.h>

#include "potstill.h"

/* Limits a config must keep; far above every published model (dim 416, 8 layers), low enough that
 * the product of two sizes never overflows. */
enum {
    CONFIG_DIM_MAX = 8192,
    CONFIG_FFN_MAX = 65536,
    CONFIG_LAYERS_MAX = 128,
    CONFIG_HEADS_MAX = 256,
    CONFIG_VOCAB_MAX = 1 << 20,
    CONFIG_LENGTH_MAX = 1 << 20,
    CONFIG_ENDS_MAX = 15 /* end tokens; published models have one */
};

/* Both families have the same decoder; what stands before it differs (model/moonshine.h,
 * model/streaming.h). */
/* Each has a row in family.c and in config_file.c. */
enum family { FAMILY_MOONSHINE, FAMILY_STREAMING, FAMILY_COUNT };

/* What a frame of an encoder layer attends to: itself, fewer than `back` frames before it and fewer
 * than `ahead` after it. Both bounds are exclusive, as transformers has them. */
struct window {
    uint32_t back, ahead;
};

struct config {
    enum family family;
    uint32_t dim, heads, head_dim, rotary_dim; /* of the decoder */
    uint32_t width;                            /* heads * head_dim: of queries, keys and values */
    uint32_t rotary_pairs; /* channels of a head rotate in pairs: (rotary_dim + 1) / 2 */
    /* Of the encoder: the same numbers in the first family. */
    uint32_t encoder_dim, encoder_heads, encoder_head_dim;
    uint32_t encoder_width;    /* encoder_heads * encoder_head_dim */
    uint32_t encoder_kv_heads; /* encoder_heads is a multiple of it; equal in the first family */
    uint32_t encoder_ffn, decoder_ffn;
    uint32_t encoder_layers, decoder_layers;
    struct window windows[CONFIG_LAYERS_MAX]; /* [encoder_layers]: of the streaming family */
    uint32_t vocab;
    uint32_t max_position_embeddings;
    double rope_theta;
    int attention_bias;         /* q, k and v of the decoder, and of the first family's encoder */
    int encoder_attention_bias; /* q, k, v, and in the streaming family o, of the encoder */
    int tie_word_embeddings;    /* in an open model: whether they are tied (weights.h) */
    int32_t bos_token_id, pad_token_id, decoder_start_token_id; /* -1: none */
    int32_t eos_token_id;                                       /* the first; -1: none */
    int32_t eos_token_ids[CONFIG_ENDS_MAX];                     /* [eos_count] */
    uint32_t eos_count;
};

/* The values of a head of the encoder, for all of its key-value heads. */
static inline uint32_t config_encoder_kv_width(const struct config *config) {
    return config->encoder_kv_heads * config->encoder_head_dim;
}

#endif
