/* config.c - see config.h. The spellings: transformers 4 writes rope_theta and rope_scaling at the
 * top level, transformers 5 one object rope_parameters; both may carry partial_rotary_factor. */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"

static const size_t CONFIG_BYTES_MAX = 1 << 20; /* published ones are 1 KB */

static pst_status get_u32(const struct json_file *file, const char *key, uint32_t low,
                          uint32_t high, uint32_t *value, pst_error *err) {
    int64_t number = *value;
    pst_status status = json_get_int(file->root, file->path, key, low, high, &number, err);
    if (!status) *value = (uint32_t)number;
    return status;
}

/* Negative ids are written for "none"; transformers compares them with tokens that never come. */
static pst_status add_token(const struct json_file *file, const char *key, const json_t *value,
                            int32_t *ids, uint32_t *count, pst_error *err) {
    if (!json_is_integer(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a token id", file->path, key,
                         json_kind(value));
    int64_t number = json_integer_value(value);
    if (number >= CONFIG_VOCAB_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s is %lld, expected a token id", file->path, key,
                         (long long)number);
    if (number < 0) return PST_OK;
    if (*count == CONFIG_ENDS_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s has over %d ids", file->path, key,
                         CONFIG_ENDS_MAX);
    ids[(*count)++] = (int32_t)number;
    return PST_OK;
}

pst_status config_get_tokens(const struct json_file *file, const char *key, int32_t *ids,
                             uint32_t *count, pst_error *err) {
    const json_t *value = json_object_get(file->root, key);
    pst_status status = PST_OK;
    *count = 0;
    if (!value || json_is_null(value)) return PST_OK;
    if (!json_is_array(value)) return add_token(file, key, value, ids, count, err);
    for (size_t i = 0; i < json_array_size(value) && !status; i++)
        status = add_token(file, key, json_array_get(value, i), ids, count, err);
    return status;
}

pst_status config_get_token(const struct json_file *file, const char *key, int32_t *id,
                            pst_error *err) {
    int32_t ids[CONFIG_ENDS_MAX];
    uint32_t count;
    pst_status status = config_get_tokens(file, key, ids, &count, err);
    if (status) return status;
    const json_t *value = json_object_get(file->root, key);
    if (count > 1)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %s is a list of %u ids, only one is supported", file->path, key,
                         (unsigned)count);
    if (count)
        *id = ids[0];
    else if (value && !json_is_null(value))
        *id = -1;
    return PST_OK;
}

/* Fails unless `key`, when given, is the text `expected`. */
static pst_status require_text(const struct json_file *file, const json_t *object, const char *key,
                               const char *expected, pst_error *err) {
    const char *text = expected;
    pst_status status = json_get_text(object, file->path, key, &text, err);
    if (!status && strcmp(text, expected) != 0)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is \"%s\", only \"%s\" is supported",
                         file->path, key, text, expected);
    return status;
}

static pst_status check_type(const struct json_file *file, pst_error *err) {
    const char *type = NULL;
    pst_status status = json_get_text(file->root, file->path, "model_type", &type, err);
    if (status) return status;
    if (!type && json_object_get(file->root, "enc_depth"))
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: is of the first custom-code layout of Moonshine (dim, enc_depth), which "
            "transformers does not read either; use a newer revision of the model",
            file->path);
    if (!type)
        return error_set(err, PST_ERR_MODEL, "%s: model_type is missing, expected \"moonshine\"",
                         file->path);
    if (strcmp(type, "moonshine") != 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: model_type is \"%s\", only \"moonshine\" is supported", file->path,
                         type);
    return PST_OK;
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
    config->head_dim = config->dim / encoder;
    status = get_u32(file, "head_dim", 1, CONFIG_DIM_MAX, &config->head_dim, err);
    if (!status && config->head_dim == 0)
        return error_set(err, PST_ERR_MODEL, "%s: hidden_size %u is less than its %u heads",
                         file->path, config->dim, encoder);
    config->width = config->heads * config->head_dim;
    return status;
}

static pst_status read_rope(struct config *config, const struct json_file *file, pst_error *err) {
    double factor = 0.9, theta = 10000.0; /* the class defaults */
    const json_t *scaling = json_object_get(file->root, "rope_scaling");
    const json_t *parameters = json_object_get(file->root, "rope_parameters");
    if (json_is_object(scaling)) {
        pst_status status = require_text(file, scaling, "type", "default", err);
        if (!status) status = require_text(file, scaling, "rope_type", "default", err);
        if (status) return status;
    }
    pst_status status =
        json_get_double(file->root, file->path, "partial_rotary_factor", 0, 1, &factor, err);
    if (!status)
        status = json_get_double(file->root, file->path, "rope_theta", 1, 1e12, &theta, err);
    if (!status && json_is_object(parameters)) {
        status = require_text(file, parameters, "rope_type", "default", err);
        if (!status)
            status = json_get_double(parameters, file->path, "partial_rotary_factor", 0, 1, &factor,
                                     err);
        if (!status)
            status = json_get_double(parameters, file->path, "rope_theta", 1, 1e12, &theta, err);
    }
    if (status) return status;
    config->rope_theta = theta;
    config->rotary_dim = (uint32_t)(config->head_dim * factor);
    config->rotary_pairs = (config->rotary_dim + 1) / 2;
    if (config->rotary_pairs * 2 > config->head_dim)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: the rotary width %u does not pair up within head_dim %u", file->path,
                         config->rotary_dim, config->head_dim);
    return PST_OK;
}

static pst_status read_sizes(struct config *config, const struct json_file *file, pst_error *err) {
    uint32_t ffn = 1152;
    *config = (struct config){
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

static pst_status read_tokens(struct config *config, const struct json_file *file, pst_error *err) {
    pst_status status = config_get_token(file, "bos_token_id", &config->bos_token_id, err);
    if (!status && json_object_get(file->root, "eos_token_id")) {
        status =
            config_get_tokens(file, "eos_token_id", config->eos_token_ids, &config->eos_count, err);
        config->eos_token_id = config->eos_count ? config->eos_token_ids[0] : -1;
    }
    if (!status) status = config_get_token(file, "pad_token_id", &config->pad_token_id, err);
    if (!status)
        status =
            config_get_token(file, "decoder_start_token_id", &config->decoder_start_token_id, err);
    return status;
}

/* Python asks whether the value is true: null is not, and 1 is. */
static pst_status read_tie(struct config *config, const struct json_file *file, pst_error *err) {
    static const char key[] = "tie_word_embeddings";
    const json_t *value = json_object_get(file->root, key);
    if (!json_is_null(value) && !json_is_integer(value))
        return json_get_bool(file->root, file->path, key, &config->tie_word_embeddings, err);
    config->tie_word_embeddings = json_integer_value(value) != 0;
    return PST_OK;
}

static pst_status read_all(struct config *config, const struct json_file *file, pst_error *err) {
    pst_status status = check_type(file, err);
    if (!status) status = require_text(file, file->root, "encoder_hidden_act", "gelu", err);
    if (!status) status = require_text(file, file->root, "decoder_hidden_act", "silu", err);
    if (!status) status = read_sizes(config, file, err);
    if (!status) status = read_heads(config, file, err);
    if (!status) status = read_rope(config, file, err);
    if (!status)
        status =
            json_get_bool(file->root, file->path, "attention_bias", &config->attention_bias, err);
    if (!status) status = read_tie(config, file, err);
    if (!status) status = read_tokens(config, file, err);
    return status;
}

pst_status config_read(struct config *config, const char *dir, pst_error *err) {
    char *path = path_join(dir, "config.json");
    if (!path) return error_memory(err, 0);
    struct json_file file;
    pst_status status = json_file_open(&file, path, CONFIG_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = read_all(config, &file, err);
    json_file_close(&file);
    return status;
}
