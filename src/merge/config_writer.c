/* config_writer.c - see config_writer.h.
 *
 * save_pretrained() writes what the config class holds: the file's keys, the class defaults for
 * those it lacks, and the spellings of its own version. The same is done here on the JSON itself,
 * so that keys of others pass through. */
#include "merge/config_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"
#include "formats/json_writer.h"
#include "model/family.h"
#include "model/model_folder.h"

static const size_t CONFIG_BYTES_MAX = 4 << 20;

/* Whose layout this is. */
static const char VERSION[] = "5.2.0";

/* Of MoonshineConfig; a key of the file, null or not, is kept. */
static const char DEFAULTS[] =
    "{\"architectures\": [\"MoonshineForConditionalGeneration\"], \"attention_bias\": false,"
    " \"attention_dropout\": 0.0, \"bos_token_id\": 1, \"decoder_hidden_act\": \"silu\","
    " \"decoder_num_attention_heads\": 8, \"decoder_num_hidden_layers\": 6,"
    " \"decoder_start_token_id\": 1, \"encoder_hidden_act\": \"gelu\","
    " \"encoder_num_attention_heads\": 8, \"encoder_num_hidden_layers\": 6, \"eos_token_id\": 2,"
    " \"hidden_size\": 288, \"initializer_range\": 0.02, \"intermediate_size\": 1152,"
    " \"is_encoder_decoder\": true, \"max_position_embeddings\": 512,"
    " \"model_type\": \"moonshine\", \"pad_head_dim_to_multiple_of\": null,"
    " \"pad_token_id\": null, \"partial_rotary_factor\": 0.9, \"use_cache\": true,"
    " \"vocab_size\": 32768}";

/* Of MoonshineStreamingConfig and its encoder_config. */
static const char STREAMING_DEFAULTS[] =
    "{\"architectures\": [\"MoonshineStreamingForConditionalGeneration\"],"
    " \"attention_bias\": false,"
    " \"attention_dropout\": 0.0, \"bos_token_id\": 1, \"decoder_start_token_id\": null,"
    " \"eos_token_id\": 2, \"hidden_act\": \"silu\", \"hidden_size\": 320,"
    " \"intermediate_size\": 1280, \"is_encoder_decoder\": true, \"max_position_embeddings\": 4096,"
    " \"num_attention_heads\": 8, \"num_hidden_layers\": 6,"
    " \"pad_head_dim_to_multiple_of\": null, \"pad_token_id\": 0, \"use_cache\": true,"
    " \"vocab_size\": 32768}";
static const char ENCODER_DEFAULTS[] =
    "{\"attention_bias\": false, \"attention_dropout\": 0.0, \"frame_ms\": 5.0,"
    " \"hidden_act\": \"gelu\", \"hidden_size\": 320, \"intermediate_size\": 1280,"
    " \"max_position_embeddings\": 4096, \"model_type\": \"moonshine_streaming_encoder\","
    " \"num_attention_heads\": 8, \"num_hidden_layers\": 6, \"num_key_value_heads\": 8,"
    " \"sample_rate\": 16000,"
    " \"sliding_windows\": [[16, 4], [16, 4], [16, 0], [16, 0], [16, 4], [16, 4]]}";

/* Settings of generate() that a config.json had before they got a file of their own; there they are
 * not saved again. */
static const char *const LEGACY[] = {
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "epsilon_cutoff",
    "eta_cutoff",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
};
/* The other ones that either file may have. */
static const char *const SETTINGS[] = {
    "bos_token_id",
    "decoder_start_token_id",
    "eos_token_id",
    "guidance_scale",
    "max_new_tokens",
    "min_new_tokens",
    "min_p",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "penalty_alpha",
    "renormalize_logits",
    "sequence_bias",
    "use_cache",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int is_in(const char *const *list, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], key) == 0) return 1;
    return 0;
}

static pst_status open_json(struct json_file *file, const char *dir, const char *name,
                            pst_error *err) {
    pst_status status = model_folder_check_file(dir, name, err);
    if (status) return status;
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    status = json_file_open(file, path, CONFIG_BYTES_MAX, err);
    free(path);
    return status;
}

/* Keys that `object` lacks. Returns 0 without memory. */
static int add_defaults(json_t *object, const char *defaults) {
    json_t *values = json_loads(defaults, 0, NULL);
    int made = values && json_object_update_missing(object, values) == 0;
    json_decref(values);
    return made;
}

/* One object where transformers 4 has rope_theta and rope_scaling. Returns 0 without memory. */
static int rewrite_rope(json_t *root) {
    json_t *old = json_object_get(root, "rope_parameters");
    json_t *factor = json_object_get(root, "partial_rotary_factor");
    json_t *theta = json_object_get(root, "rope_theta");
    json_t *rope = json_is_object(old) ? json_incref(old) : json_object();
    /* Not given, it stays so: the whole head is rotated. */
    int made = rope &&
               (!factor || json_is_null(factor) || json_object_get(rope, "partial_rotary_factor") ||
                json_object_set(rope, "partial_rotary_factor", factor) == 0);
    if (made && !json_object_get(rope, "rope_theta"))
        made = json_is_number(theta)
                   ? json_object_set(rope, "rope_theta", theta) == 0
                   : json_object_set_new(rope, "rope_theta", json_real(10000.0)) == 0;
    if (made && !json_object_get(rope, "rope_type"))
        made = json_object_set_new(rope, "rope_type", json_string("default")) == 0;
    made = made && json_object_set(root, "rope_parameters", rope) == 0;
    json_decref(rope);
    json_object_del(root, "rope_theta");
    json_object_del(root, "rope_scaling");
    return made;
}

/* As many key-value heads as heads, when the file does not say. */
static int set_heads(json_t *root, const char *key, const char *heads) {
    if (json_is_integer(json_object_get(root, key))) return 1;
    return json_object_set(root, key, json_object_get(root, heads)) == 0;
}

/* The keys of the first family that save_pretrained() derives. Returns 0 without memory. */
static int rewrite_moonshine(json_t *root) {
    json_t *rope = json_object_get(root, "rope_parameters");
    json_t *factor = json_object_get(rope, "partial_rotary_factor");
    if (json_is_number(factor) && !json_object_get(root, "partial_rotary_factor") &&
        json_object_set(root, "partial_rotary_factor", factor) != 0)
        return 0;
    return add_defaults(root, DEFAULTS) && rewrite_rope(root) &&
           set_heads(root, "encoder_num_key_value_heads", "encoder_num_attention_heads") &&
           set_heads(root, "decoder_num_key_value_heads", "decoder_num_attention_heads");
}

/* head_dim, where the file does not say. */
static int set_head_dim(json_t *object) {
    json_int_t heads = json_integer_value(json_object_get(object, "num_attention_heads"));
    json_int_t dim = json_integer_value(json_object_get(object, "hidden_size"));
    if (json_is_integer(json_object_get(object, "head_dim")) || heads <= 0) return 1;
    return json_object_set_new(object, "head_dim", json_integer(dim / heads)) == 0;
}

/* The same of the streaming family. Without rope_parameters it has a factor of its own. */
static int rewrite_streaming(json_t *root) {
    static const char ROPE[] =
        "{\"partial_rotary_factor\": 0.8, \"rope_theta\": 10000.0, \"rope_type\": \"default\"}";
    json_t *encoder = json_object_get(root, "encoder_config");
    if (!json_is_object(encoder)) {
        encoder = json_object();
        if (json_object_set_new(root, "encoder_config", encoder) != 0) return 0;
    }
    json_t *scaling = json_object_get(root, "rope_scaling");
    json_t *rope = json_object_get(root, "rope_parameters");
    if (!rope && json_is_object(scaling) && json_object_set(root, "rope_parameters", scaling) != 0)
        return 0;
    rope = json_object_get(root, "rope_parameters");
    if (!rope && json_object_set_new(root, "rope_parameters", json_loads(ROPE, 0, NULL)) != 0)
        return 0;
    return add_defaults(encoder, ENCODER_DEFAULTS) && set_head_dim(encoder) &&
           add_defaults(root, STREAMING_DEFAULTS) && set_head_dim(root) && rewrite_rope(root) &&
           set_heads(root, "num_key_value_heads", "num_attention_heads");
}

/* `root` is the file's own object. Returns 0 without memory. */
static int rewrite(json_t *root, const char *dtype, int tied) {
    const char *type = json_string_value(json_object_get(root, "model_type"));
    enum family family = FAMILY_MOONSHINE;
    if (type) family_find(type, &family);
    int streaming = family == FAMILY_STREAMING;
    int made = (streaming ? rewrite_streaming(root) : rewrite_moonshine(root)) &&
               json_object_set_new(root, "dtype", json_string(dtype)) == 0 &&
               (!streaming || json_object_set_new(json_object_get(root, "encoder_config"), "dtype",
                                                  json_string(dtype)) == 0) &&
               json_object_set_new(root, "tie_word_embeddings", json_boolean(tied)) == 0 &&
               json_object_set_new(root, "transformers_version", json_string(VERSION)) == 0;
    for (size_t i = 0; i < COUNT(LEGACY); i++) json_object_del(root, LEGACY[i]);
    json_object_del(root, "torch_dtype");
    json_object_del(root, "_name_or_path"); /* where it came from, on somebody's disk */
    return made;
}

pst_status config_rewrite(struct buffer *text, const char *dir, const char *dtype, int tied,
                          pst_error *err) {
    struct json_file file;
    pst_status status = open_json(&file, dir, "config.json", err);
    if (status) return status;
    if (!rewrite(file.root, dtype, tied)) text->failed = 1;
    json_write(text, file.root);
    buffer_text(text, "\n");
    json_file_close(&file);
    return text->failed ? error_memory(err, 0) : PST_OK;
}

/* What config.json says of generate(), as a model gives it that was opened without settings of its
 * own. */
static int derive(json_t *made, const json_t *config) {
    int done = json_object_set_new(made, "_from_model_config", json_true()) == 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)config, key, value) {
        int kept = is_in(LEGACY, COUNT(LEGACY), key) || is_in(SETTINGS, COUNT(SETTINGS), key);
        if (kept) done = done && json_object_set(made, key, value) == 0;
    }
    return done;
}

/* null means "not set", and what is not set is not saved. */
static void drop_nulls(json_t *root) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(root, next, key, value) {
        if (json_is_null(value)) json_object_del(root, key);
    }
}

pst_status generation_config_rewrite(struct buffer *text, const char *dir, pst_error *err) {
    static const char NAME[] = "generation_config.json";
    int stored = path_has_file(dir, NAME);
    struct json_file file;
    pst_status status = open_json(&file, dir, stored ? NAME : "config.json", err);
    if (status) return status;
    json_t *root = stored ? json_incref(file.root) : json_object();
    int made = root && (stored || derive(root, file.root));
    if (made) drop_nulls(root);
    made = made && json_object_set_new(root, "transformers_version", json_string(VERSION)) == 0;
    if (!made) text->failed = 1;
    if (made) json_write(text, root);
    buffer_text(text, "\n");
    json_decref(root);
    json_file_close(&file);
    return text->failed ? error_memory(err, 0) : PST_OK;
}
