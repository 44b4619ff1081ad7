/* config_streaming.c - the sizes of the streaming family: the decoder's at the top level, the
 * encoder's in the object encoder_config. Missing keys have the defaults of the configuration
 * classes, which are the sizes of the tiny model. */
#include "base/error.h"
#include "model/config_families.h"
#include "model/config_fields.h"
#include "model/streaming.h"

/* Keys at the top level complete rope_parameters, or the older rope_scaling, and count for nothing
 * without: then the class has defaults of its own. */
static pst_status read_rope(struct config *config, const struct json_file *file, pst_error *err) {
    const json_t *root = file->root, *given = json_object_get(root, "rope_parameters");
    const json_t *scaling = json_object_get(root, "rope_scaling");
    if (!given && !json_is_null(scaling)) given = scaling;
    struct rope rope = {.factor = given ? 1.0 : 0.8, .theta = 10000.0};
    pst_status status = given ? config_get_rope(root, file->path, &rope, err) : PST_OK;
    if (!status) status = config_get_rope(given, file->path, &rope, err);
    if (!status) status = config_set_rope(config, file->path, &rope, err);
    return status;
}

static pst_status read_decoder(struct config *config, const struct json_file *file,
                               pst_error *err) {
    const json_t *root = file->root;
    const char *path = file->path;
    config->dim = 320;
    config->heads = 8;
    config->decoder_ffn = 1280;
    config->decoder_layers = 6;
    config->vocab = 32768;
    config->max_position_embeddings = 4096;
    const struct size_field sizes[] = {
        {"hidden_size", CONFIG_DIM_MAX, &config->dim},
        {"intermediate_size", CONFIG_FFN_MAX, &config->decoder_ffn},
        {"num_hidden_layers", CONFIG_LAYERS_MAX, &config->decoder_layers},
        {"num_attention_heads", CONFIG_HEADS_MAX, &config->heads},
        {"vocab_size", CONFIG_VOCAB_MAX, &config->vocab},
        {"max_position_embeddings", CONFIG_LENGTH_MAX, &config->max_position_embeddings},
    };
    pst_status status = config_get_sizes(root, path, sizes, sizeof sizes / sizeof *sizes, err);
    if (status) return status;
    uint32_t kv_heads = config->heads;
    status =
        config_get_size(root, path, "num_key_value_heads", 1, CONFIG_HEADS_MAX, &kv_heads, err);
    if (!status && kv_heads != config->heads)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %u key-value heads for %u heads of the decoder; transformers itself "
                         "runs only equal numbers",
                         path, kv_heads, config->heads);
    if (!status) status = config_get_head_dim(root, path, config, err);
    if (!status) status = config_require_text(root, path, "hidden_act", "silu", err);
    if (!status) status = read_rope(config, file, err);
    if (!status) status = json_get_bool(root, path, "attention_bias", &config->attention_bias, err);
    return status;
}

/* [[back, ahead], ...], at least one for each layer; the first ones count. */
static pst_status read_windows(struct config *config, const json_t *encoder, const char *path,
                               pst_error *err) {
    static const struct window DEFAULTS[] = {{16, 4}, {16, 4}, {16, 0}, {16, 0}, {16, 4}, {16, 4}};
    enum { DEFAULT_COUNT = sizeof DEFAULTS / sizeof *DEFAULTS };
    const json_t *windows = json_object_get(encoder, "sliding_windows");
    size_t count = windows ? json_array_size(windows) : DEFAULT_COUNT;
    if (windows && !json_is_array(windows))
        return error_set(err, PST_ERR_MODEL, "%s: sliding_windows is %s, expected a list", path,
                         json_kind(windows));
    if (count < config->encoder_layers)
        return error_set(err, PST_ERR_MODEL,
                         "%s: sliding_windows has %zu entries, expected one for each of the %u "
                         "layers of the encoder",
                         path, count, config->encoder_layers);
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        const json_t *pair = json_array_get(windows, i);
        const json_t *back = json_array_get(pair, 0), *ahead = json_array_get(pair, 1);
        json_int_t b = json_integer_value(back), a = json_integer_value(ahead);
        if (!windows) {
            config->windows[i] = DEFAULTS[i];
            continue;
        }
        if (json_array_size(pair) != 2 || !json_is_integer(back) || !json_is_integer(ahead) ||
            b < 1 || a < 0 || b > CONFIG_LENGTH_MAX || a > CONFIG_LENGTH_MAX)
            return error_set(err, PST_ERR_MODEL,
                             "%s: sliding_windows[%u] is not two numbers, frames back from 1 and "
                             "frames ahead from 0",
                             path, i);
        config->windows[i] = (struct window){(uint32_t)b, (uint32_t)a};
    }
    return PST_OK;
}

static pst_status check_frames(const json_t *encoder, const char *path, pst_error *err) {
    double rate_hz = PST_SAMPLE_RATE_HZ, frame_ms = 5.0;
    pst_status status = json_get_double(encoder, path, "sample_rate", 1, 1e6, &rate_hz, err);
    if (!status) status = json_get_double(encoder, path, "frame_ms", 0, 1e4, &frame_ms, err);
    if (!status && (rate_hz != PST_SAMPLE_RATE_HZ ||
                    frame_ms * PST_SAMPLE_RATE_HZ != 1000.0 * STREAM_FRAME_SAMPLES))
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: frames of %g ms at %g Hz; only 5 ms at %d Hz are supported", path,
                         frame_ms, rate_hz, PST_SAMPLE_RATE_HZ);
    return status;
}

static pst_status read_encoder_sizes(struct config *config, const json_t *encoder, const char *path,
                                     pst_error *err) {
    config->encoder_dim = 320;
    config->encoder_heads = config->encoder_kv_heads = 8;
    config->encoder_ffn = 1280;
    config->encoder_layers = 6;
    const struct size_field sizes[] = {
        {"hidden_size", CONFIG_DIM_MAX, &config->encoder_dim},
        {"intermediate_size", CONFIG_FFN_MAX, &config->encoder_ffn},
        {"num_hidden_layers", CONFIG_LAYERS_MAX, &config->encoder_layers},
        {"num_attention_heads", CONFIG_HEADS_MAX, &config->encoder_heads},
        {"num_key_value_heads", CONFIG_HEADS_MAX, &config->encoder_kv_heads},
    };
    pst_status status = config_get_sizes(encoder, path, sizes, sizeof sizes / sizeof *sizes, err);
    if (status) return status;
    config->encoder_head_dim = config->encoder_dim / config->encoder_heads;
    status = config_get_size(encoder, path, "head_dim", 1, CONFIG_DIM_MAX,
                             &config->encoder_head_dim, err);
    if (status) return status;
    if (config->encoder_head_dim == 0 || config->encoder_heads % config->encoder_kv_heads)
        return error_set(err, PST_ERR_MODEL,
                         "%s: the encoder's %u heads do not fit its hidden_size %u and its %u "
                         "key-value heads",
                         path, config->encoder_heads, config->encoder_dim,
                         config->encoder_kv_heads);
    config->encoder_width = config->encoder_heads * config->encoder_head_dim;
    return PST_OK;
}

pst_status config_read_streaming(struct config *config, const struct json_file *file,
                                 pst_error *err) {
    const json_t *encoder = json_object_get(file->root, "encoder_config");
    if (encoder && !json_is_null(encoder) && !json_is_object(encoder))
        return error_set(err, PST_ERR_MODEL, "%s: encoder_config is %s, expected an object",
                         file->path, json_kind(encoder));
    const char *path = file->path;
    *config = (struct config){
        .family = FAMILY_STREAMING,
        .bos_token_id = 1,
        .eos_token_id = 2,
        .eos_token_ids = {2},
        .eos_count = 1,
        .pad_token_id = 0,
        .decoder_start_token_id = 1,
    };
    pst_status status = read_decoder(config, file, err);
    if (!status) status = read_encoder_sizes(config, encoder, path, err);
    if (!status) status = read_windows(config, encoder, path, err);
    if (!status) status = check_frames(encoder, path, err);
    if (!status) status = config_require_text(encoder, path, "hidden_act", "gelu", err);
    if (!status)
        status =
            json_get_bool(encoder, path, "attention_bias", &config->encoder_attention_bias, err);
    return status;
}
