/* generation_config.c - the settings that generate() takes from the model: generation_config.json.
 *
 * What changes tokens and is not implemented is refused by name when it is set; what cannot matter
 * here (sampling settings while do_sample is false, output switches) is ignored. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "formats/json_file.h"
#include "model/model.h"

static const size_t GENERATION_BYTES_MAX = 4 << 20; /* suppress lists can be long */

void pst_decode_options_init_sized(pst_decode_options *options, size_t struct_size) {
    const pst_decode_options defaults = {
        .struct_size = sizeof defaults,
        .num_beams = 1,
        .repetition_penalty = 1.0f,
        .length_penalty = 1.0f,
        .forced_bos_token_id = -1,
        .forced_eos_token_id = -1,
    };
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* Settings that would change the tokens, each with the one value that does not. */
static const struct {
    const char *key;
    double harmless;
} REFUSED[] = {
    {"encoder_repetition_penalty", 1},
    {"encoder_no_repeat_ngram_size", 0},
    {"num_beam_groups", 1},
    {"diversity_penalty", 0},
    {"penalty_alpha", 0},
    {"guidance_scale", 1},
    {"prompt_lookup_num_tokens", 0},
};
static const char *const REFUSED_WHEN_GIVEN[] = {
    "bad_words_ids",        "exponential_decay_length_penalty",
    "constraints",          "force_words_ids",
    "forced_decoder_ids",   "watermarking_config",
    "assistant_early_exit", "stop_strings",
};

static pst_status refuse_unsupported(const struct json_file *file, pst_error *err) {
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        const json_t *value = json_object_get(file->root, REFUSED[i].key);
        if (json_is_number(value) && json_number_value(value) != REFUSED[i].harmless)
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set, which is not supported",
                             file->path, REFUSED[i].key);
    }
    for (size_t i = 0; i < sizeof REFUSED_WHEN_GIVEN / sizeof REFUSED_WHEN_GIVEN[0]; i++) {
        const json_t *value = json_object_get(file->root, REFUSED_WHEN_GIVEN[i]);
        if (value && !json_is_null(value))
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set, which is not supported",
                             file->path, REFUSED_WHEN_GIVEN[i]);
    }
    if (json_is_true(json_object_get(file->root, "do_sample")) ||
        json_is_true(json_object_get(file->root, "remove_invalid_values")))
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: do_sample or remove_invalid_values is true, which is not supported",
                         file->path);
    return PST_OK;
}

/* Where the lists of `decode` are collected; `next` walks through one block. */
struct lists {
    int32_t *ids;
    size_t used;
};

static pst_status read_list(const struct json_file *file, const char *key, struct lists *lists,
                            const int32_t **list, size_t *count, pst_error *err) {
    const json_t *array = json_object_get(file->root, key);
    if (!array || json_is_null(array)) return PST_OK;
    if (!json_is_array(array))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a list of token ids",
                         file->path, key, json_kind(array));
    int32_t *ids = lists->ids + lists->used;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *id = json_array_get(array, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= CONFIG_VOCAB_MAX)
            return error_set(err, PST_ERR_MODEL, "%s: %s[%zu] is not a token id", file->path, key,
                             i);
        ids[i] = (int32_t)json_integer_value(id);
    }
    *list = ids;
    *count = json_array_size(array);
    lists->used += *count;
    return PST_OK;
}

/* sequence_bias: [[[ids...], bias], ...], the one form JSON can hold. */
static pst_status refuse_sequence_bias(const struct json_file *file, pst_error *err) {
    const json_t *value = json_object_get(file->root, "sequence_bias");
    if (!value || json_is_null(value)) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: sequence_bias is set; give it in the decode options instead", file->path);
}

static pst_status read_early_stopping(const struct json_file *file, pst_early_stopping *value,
                                      pst_error *err) {
    const json_t *found = json_object_get(file->root, "early_stopping");
    if (!found || json_is_null(found)) return PST_OK;
    if (json_is_boolean(found)) {
        *value = json_is_true(found) ? PST_STOP_FIRST : PST_STOP_HEURISTIC;
        return PST_OK;
    }
    if (json_is_string(found) && strcmp(json_string_value(found), "never") == 0) {
        *value = PST_STOP_NEVER;
        return PST_OK;
    }
    return error_set(err, PST_ERR_MODEL,
                     "%s: early_stopping is %s, expected true, false or \"never\"", file->path,
                     json_kind(found));
}

static pst_status read_count(const struct json_file *file, const char *key, uint32_t high,
                             uint32_t *value, pst_error *err) {
    int64_t number = *value;
    pst_status status = json_get_int(file->root, file->path, key, 0, high, &number, err);
    if (!status) *value = (uint32_t)number;
    return status;
}

static pst_status read_float(const struct json_file *file, const char *key, float *value,
                             pst_error *err) {
    double number = *value;
    pst_status status = json_get_double(file->root, file->path, key, -1e6, 1e6, &number, err);
    if (!status) *value = (float)number;
    return status;
}

static pst_status read_numbers(pst_decode_options *decode, const struct json_file *file,
                               pst_error *err) {
    struct {
        const char *key;
        uint32_t high;
        uint32_t *value;
    } counts[] = {
        {"num_beams", 64, &decode->num_beams},
        {"max_new_tokens", CONFIG_LENGTH_MAX, &decode->max_new_tokens},
        {"max_length", CONFIG_LENGTH_MAX, &decode->max_length},
        {"min_length", CONFIG_LENGTH_MAX, &decode->min_length},
        {"min_new_tokens", CONFIG_LENGTH_MAX, &decode->min_new_tokens},
        {"no_repeat_ngram_size", CONFIG_LENGTH_MAX, &decode->no_repeat_ngram_size},
    };
    pst_status status = PST_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !status; i++)
        status = read_count(file, counts[i].key, counts[i].high, counts[i].value, err);
    if (!status) status = read_float(file, "repetition_penalty", &decode->repetition_penalty, err);
    if (!status) status = read_float(file, "length_penalty", &decode->length_penalty, err);
    if (!status) status = read_early_stopping(file, &decode->early_stopping, err);
    if (!status)
        status = config_get_token(file, "forced_bos_token_id", &decode->forced_bos_token_id, err);
    if (!status)
        status = config_get_token(file, "forced_eos_token_id", &decode->forced_eos_token_id, err);
    return status;
}

static pst_status read_all(pst_decode_options *decode, int32_t **storage, struct config *config,
                           const struct json_file *file, pst_error *err) {
    pst_status status = refuse_unsupported(file, err);
    if (!status) status = refuse_sequence_bias(file, err);
    if (!status) status = read_numbers(decode, file, err);
    if (!status) status = config_get_token(file, "eos_token_id", &config->eos_token_id, err);
    if (!status)
        status =
            config_get_token(file, "decoder_start_token_id", &config->decoder_start_token_id, err);
    if (status) return status;
    size_t suppressed = json_array_size(json_object_get(file->root, "suppress_tokens"));
    size_t at_begin = json_array_size(json_object_get(file->root, "begin_suppress_tokens"));
    struct lists lists = {.ids = malloc((suppressed + at_begin + 1) * sizeof(int32_t))};
    if (!lists.ids) return error_memory(err, 0);
    *storage = lists.ids;
    status = read_list(file, "suppress_tokens", &lists, &decode->suppress_tokens,
                       &decode->suppress_tokens_count, err);
    if (!status)
        status = read_list(file, "begin_suppress_tokens", &lists, &decode->begin_suppress_tokens,
                           &decode->begin_suppress_tokens_count, err);
    return status;
}

/* Neither limit given: the library's default of 20 new tokens, within the positions there are. */
static void settle_length(pst_decode_options *decode, const struct config *config) {
    if (decode->max_length || decode->max_new_tokens) return;
    decode->max_length = 20 + 1;
    if (decode->max_length > config->max_position_embeddings)
        decode->max_length = config->max_position_embeddings;
}

pst_status generation_config_read(pst_decode_options *decode, int32_t **lists,
                                  struct config *config, const char *dir, pst_error *err) {
    pst_decode_options_init(decode);
    *lists = NULL;
    char *path = path_join(dir, "generation_config.json");
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (path_is_file(path)) {
        struct json_file file;
        status = json_file_open(&file, path, GENERATION_BYTES_MAX, err);
        if (!status) {
            status = read_all(decode, lists, config, &file, err);
            json_file_close(&file);
        }
    }
    free(path);
    settle_length(decode, config);
    return status;
}
