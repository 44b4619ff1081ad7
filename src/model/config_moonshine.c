/* config_moonshine.c - the sizes of the first family, whose stacks share all but their depths. */
#include "base/error.h"
#include "model/config_families.h"
#include "model/config_fields.h"

static pst_status get_u32(const struct json_file *file, const char *key, uint32_t low,
                          uint32_t high, uint32_t *value, pst_error *err) {
    return config_get_size(file->root, file->path, key, low, high, value, err);
}

/* Encoder and decoder must agree where upstream's code shares one value. `alias` is the name that
 * covers both stacks. */
static pst_status get_pair(const struct json_file *file, const char *alias, const char *encoder_key,
                           const char *decoder_key, uint32_t high, uint32_t *encoder,
                           uint32_t *decoder, pst_error *err) {
    pst_status status = get_u32(file, alias, 1, high, encoder, err);
    if (!status) status = get_u32(file, encoder_key, 1, high, encoder, err);
    if (!status) status = get_u32(file, decoder_key, 1, high, decoder, err);
    return status;
}

static pst_status read_heads(struct config *config, const struct json_file *file, pst_error *err) {
    uint32_t encoder = 8, decoder = 8; /* the class defaults */
    pst_status status =
        get_pair(file, "num_attention_heads", "encoder_num_attention_heads",
                 "decoder_num_attention_heads", CONFIG_HEADS_MAX, &encoder, &decoder, err);
    if (status) return status;
    if (encoder != decoder)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: encoder has %u heads, decoder %u; only equal numbers are supported",
                         file->path, encoder, decoder);
    uint32_t encoder_kv = encoder, decoder_kv = decoder;
    status =
        get_pair(file, "num_key_value_heads", "encoder_num_key_value_heads",
                 "decoder_num_key_value_heads", CONFIG_HEADS_MAX, &encoder_kv, &decoder_kv, err);
    if (status) return status;
    if (encoder_kv != encoder || decoder_kv != decoder)
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: %u and %u key-value heads for %u heads; transformers itself runs only "
            "equal numbers",
            file->path, encoder_kv, decoder_kv, encoder);
    config->heads = encoder;
    return config_get_head_dim(file->root, file->path, config, err);
}

static pst_status read_sizes(struct config *config, const struct json_file *file, pst_error *err) {
    uint32_t ffn = 1152;
    *config = (struct config){
        .family = FAMILY_MOONSHINE,
        /* Defaults of the configuration class, for keys that are missing. */
        .dim = 288,
        .encoder_layers = 6,
        .decoder_layers = 6,
        .vocab = 32768,
        .max_position_embeddings = 512,
        .tie_word_embeddings = 1,
        .bos_token_id = 1,
        .eos_token_id = 2,
        .eos_token_ids = {2},
        .eos_count = 1,
        .pad_token_id = -1,
        .decoder_start_token_id = 1,
    };
    pst_status status = get_u32(file, "hidden_size", 1, CONFIG_DIM_MAX, &config->dim, err);
    if (!status) status = get_u32(file, "intermediate_size", 1, CONFIG_FFN_MAX, &ffn, err);
    if (!status)
        status = get_pair(file, "num_hidden_layers", "encoder_num_hidden_layers",
                          "decoder_num_hidden_layers", CONFIG_LAYERS_MAX, &config->encoder_layers,
                          &config->decoder_layers, err);
    if (!status) status = get_u32(file, "vocab_size", 1, CONFIG_VOCAB_MAX, &config->vocab, err);
    if (!status)
        status = get_u32(file, "max_position_embeddings", 1, CONFIG_LENGTH_MAX,
                         &config->max_position_embeddings, err);
    config->encoder_ffn = config->decoder_ffn = ffn;
    return status;
}

/* transformers 4 has the keys at the top level, transformers 5 in rope_parameters, which counts. */
static pst_status read_rope(struct config *config, const struct json_file *file, pst_error *err) {
    struct rope rope = {.factor = 0.9, .theta = 10000.0}; /* the class defaults */
    struct rope unused = rope;
    const json_t *root = file->root;
    const char *path = file->path;
    pst_status status = config_get_rope(json_object_get(root, "rope_scaling"), path, &unused, err);
    if (!status) status = config_get_rope(root, path, &rope, err);
    if (!status)
        status = config_get_rope(json_object_get(root, "rope_parameters"), path, &rope, err);
    if (!status) status = config_set_rope(config, path, &rope, err);
    return status;
}

pst_status config_read_moonshine(struct config *config, const struct json_file *file,
                                 pst_error *err) {
    const json_t *root = file->root;
    pst_status status = config_require_text(root, file->path, "encoder_hidden_act", "gelu", err);
    if (!status) status = config_require_text(root, file->path, "decoder_hidden_act", "silu", err);
    if (!status) status = read_sizes(config, file, err);
    if (!status) status = read_heads(config, file, err);
    if (!status) status = read_rope(config, file, err);
    if (!status)
        status = json_get_bool(root, file->path, "attention_bias", &config->attention_bias, err);
    config->encoder_dim = config->dim;
    config->encoder_heads = config->encoder_kv_heads = config->heads;
    config->encoder_head_dim = config->head_dim;
    config->encoder_width = config->width;
    config->encoder_attention_bias = config->attention_bias;
    return status;
}
