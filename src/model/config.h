/* config.h - the sizes and settings of a checkpoint, from its JSON files. */
#ifndef PST_MODEL_CONFIG_H
#define PST_MODEL_CONFIG_H

#include <stdint.h>

#include "formats/json_file.h"
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

struct config {
    uint32_t dim, heads, head_dim, rotary_dim;
    uint32_t width;        /* heads * head_dim: of queries, keys and values */
    uint32_t rotary_pairs; /* channels of a head rotate in pairs: (rotary_dim + 1) / 2 */
    uint32_t encoder_ffn, decoder_ffn;
    uint32_t encoder_layers, decoder_layers;
    uint32_t vocab;
    uint32_t max_position_embeddings;
    double rope_theta;
    int attention_bias;
    int tie_word_embeddings; /* in an open model: whether they are tied (weights.h) */
    int32_t bos_token_id, pad_token_id, decoder_start_token_id; /* -1: none */
    int32_t eos_token_id;                                       /* the first; -1: none */
    int32_t eos_token_ids[CONFIG_ENDS_MAX];                     /* [eos_count] */
    uint32_t eos_count;
};

/* Reads <dir>/config.json: the spellings of transformers 4.48 to 5.x. What upstream refuses, and
 * what this engine does not run (another model_type, kv heads unlike heads, another activation or
 * rope type), is refused by name. */
pst_status config_read(struct config *config, const char *dir, pst_error *err);

/* Reads a token id, which may be missing (`*id` is then left as it is), be negative, which means
 * none, or be a list of one id. */
pst_status config_get_token(const struct json_file *file, const char *key, int32_t *id,
                            pst_error *err);
/* Reads a token id or a list of them: ids [CONFIG_ENDS_MAX]. Missing and negative ones are none. */
pst_status config_get_tokens(const struct json_file *file, const char *key, int32_t *ids,
                             uint32_t *count, pst_error *err);

#endif
