/* generation_config.c - the settings that generate() takes from the model: generation_config.json,
 * or config.json where the folder has none, as checkpoints before 2023 do.
 *
 * What changes tokens and is not done here is refused by name; where only greedy or only beam
 * search minds it, not before one of them is asked for. What cannot matter (settings of sampling,
 * output switches, keys that transformers does not know) is ignored. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "model/config_fields.h"
#include "model/generation_lists.h"
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
        .exponential_decay_factor = 1.0f,
    };
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* ------------------------------------------------------------------------------------ refusals */

/* Does a setting ask for something? Each says it in its own way. */
enum when { GIVEN, TRUE, ABOVE_0, ABOVE_1, NOT_1 };

static int asks(const json_t *root, const char *key, enum when when) {
    const json_t *value = json_object_get(root, key);
    double number = json_number_value(value);
    switch (when) {
    case GIVEN: return value && !json_is_null(value);
    case TRUE: return json_is_true(value);
    case ABOVE_0: return json_is_number(value) && number > 0;
    case ABOVE_1: return json_is_number(value) && number > 1;
    case NOT_1: return json_is_number(value) && number != 1;
    }
    return 0;
}

struct bar {
    const char *key;
    enum when when;
};

/* transformers fails with these on Moonshine, or they change tokens and are not done here. */
static const struct bar ALWAYS[] = {
    {"encoder_repetition_penalty", NOT_1},
    {"guidance_scale", NOT_1},
    {"watermarking_config", GIVEN},
    {"stop_strings", GIVEN},
    {"token_healing", TRUE},
    {"constraints", GIVEN},
    {"force_words_ids", GIVEN},
};
/* The other search takes no notice of these. */
static const struct bar IN_GREEDY[] = {{"dola_layers", GIVEN}, {"assistant_early_exit", GIVEN}};
static const struct bar IN_BEAMS[] = {{"num_beam_groups", ABOVE_1}, {"low_memory", TRUE}};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *find_bar(const json_t *root, const struct bar *bars, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (asks(root, bars[i].key, bars[i].when)) return bars[i].key;
    return NULL;
}

/* Contrastive search: penalty_alpha among the top_k tokens, 50 unless it says otherwise. */
static int is_contrastive(const json_t *root) {
    const json_t *top_k = json_object_get(root, "top_k");
    return asks(root, "penalty_alpha", ABOVE_0) &&
           (!json_is_number(top_k) || json_number_value(top_k) > 1);
}

static pst_status check_bars(struct generation *generation, const struct json_file *file,
                             pst_error *err) {
    const char *key = find_bar(file->root, ALWAYS, COUNT(ALWAYS));
    if (key)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is set, which is not supported",
                         file->path, key);
    generation->samples = json_is_true(json_object_get(file->root, "do_sample"));
    generation->no_beams = find_bar(file->root, IN_BEAMS, COUNT(IN_BEAMS));
    generation->no_greedy = find_bar(file->root, IN_GREEDY, COUNT(IN_GREEDY));
    if (!generation->no_greedy && is_contrastive(file->root))
        generation->no_greedy = "penalty_alpha";
    return PST_OK;
}

pst_status generation_check(const struct generation *generation, uint32_t num_beams,
                            pst_error *err) {
    const char *key = num_beams > 1 ? generation->no_beams : generation->no_greedy;
    if (!key) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s is set in the model's generation_config.json, which is not supported in "
                     "%s search",
                     key, num_beams > 1 ? "beam" : "greedy");
}

/* As many rows as beams, at most, can come of a search, and one of a greedy one; the best of them
 * is the text. */
static pst_status check_rows(struct generation *generation, const struct json_file *file,
                             pst_error *err) {
    const json_t *rows = json_object_get(file->root, "num_return_sequences");
    double beams = generation->decode.num_beams;
    if (!json_is_number(rows) || json_number_value(rows) <= 1) return PST_OK;
    generation->no_greedy = "num_return_sequences";
    if (json_number_value(rows) <= beams || (generation->samples && beams <= 1)) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: num_return_sequences is %g with num_beams %g, which transformers refuses",
                     file->path, json_number_value(rows), beams);
}

/* ------------------------------------------------------------------------------------- numbers */

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

/* Python takes 60.0 for 60 and has no largest integer: what is above every limit of ours is that
 * limit, which whoever uses it judges. */
static pst_status read_count(const struct json_file *file, const char *key, uint32_t low,
                             uint32_t *value, pst_error *err) {
    double number = -1.5; /* not given */
    pst_status status = json_get_double(file->root, file->path, key, -1e308, 1e308, &number, err);
    if (status || number == -1.5) return status;
    if (number < low || (number < CONFIG_LENGTH_MAX && number != (uint32_t)number))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %g, expected a whole number from %u on",
                         file->path, key, number, (unsigned)low);
    *value = number < CONFIG_LENGTH_MAX ? (uint32_t)number : CONFIG_LENGTH_MAX;
    return PST_OK;
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
        uint32_t low;
        uint32_t *value;
    } counts[] = {
        {"num_beams", 0, &decode->num_beams},
        {"max_new_tokens", 1, &decode->max_new_tokens},
        {"max_length", 0, &decode->max_length},
        {"min_length", 0, &decode->min_length},
        {"min_new_tokens", 0, &decode->min_new_tokens},
        {"no_repeat_ngram_size", 0, &decode->no_repeat_ngram_size},
    };
    pst_status status = PST_OK;
    for (size_t i = 0; i < COUNT(counts) && !status; i++)
        status = read_count(file, counts[i].key, counts[i].low, counts[i].value, err);
    if (!status) status = read_float(file, "repetition_penalty", &decode->repetition_penalty, err);
    if (!status) status = read_float(file, "length_penalty", &decode->length_penalty, err);
    if (!status) status = read_early_stopping(file, &decode->early_stopping, err);
    decode->renormalize_logits = json_is_true(json_object_get(file->root, "renormalize_logits"));
    /* min_new_tokens wins over min_length, even as 0. */
    if (asks(file->root, "min_new_tokens", GIVEN)) decode->min_length = 0;
    return status;
}

/* [start, factor] */
static pst_status read_decay(pst_decode_options *decode, const struct json_file *file,
                             pst_error *err) {
    const json_t *pair = json_object_get(file->root, "exponential_decay_length_penalty");
    if (!pair || json_is_null(pair)) return PST_OK;
    const json_t *start = json_array_get(pair, 0), *factor = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(start) || !json_is_number(factor) ||
        json_integer_value(start) < 0 || json_integer_value(start) > CONFIG_LENGTH_MAX ||
        !(json_number_value(factor) > 0))
        return error_set(err, PST_ERR_MODEL,
                         "%s: exponential_decay_length_penalty is not a list of a number of tokens "
                         "and a factor above 0",
                         file->path);
    decode->exponential_decay_start = (uint32_t)json_integer_value(start);
    decode->exponential_decay_factor = (float)json_number_value(factor);
    return PST_OK;
}

/* -------------------------------------------------------------------------------------- tokens */

/* A list of forced tokens scores them alike: greedy search takes the lowest of equals, beams would
 * go on with all. */
static pst_status read_forced(struct generation *generation, const struct json_file *file,
                              const char *key, int32_t *id, pst_error *err) {
    int32_t ids[CONFIG_ENDS_MAX];
    uint32_t count = 0;
    pst_status status = config_get_tokens(file, key, ids, &count, err);
    for (uint32_t i = 0; i < count && !status; i++)
        if (i == 0 || ids[i] < *id) *id = ids[i];
    if (count > 1) generation->no_beams = key;
    return status;
}

/* The ids that begin and end a text are this file's alone: what config.json says counts only where
 * there is no generation_config.json. */
static pst_status read_tokens(struct generation *generation, struct config *config,
                              const struct json_file *file, pst_error *err) {
    pst_decode_options *decode = &generation->decode;
    int32_t start = -1;
    pst_status status =
        config_get_tokens(file, "eos_token_id", config->eos_token_ids, &config->eos_count, err);
    if (!status) status = config_get_token(file, "bos_token_id", &start, err);
    if (!status) status = config_get_token(file, "decoder_start_token_id", &start, err);
    if (!status)
        status =
            read_forced(generation, file, "forced_bos_token_id", &decode->forced_bos_token_id, err);
    if (!status)
        status =
            read_forced(generation, file, "forced_eos_token_id", &decode->forced_eos_token_id, err);
    config->eos_token_id = config->eos_count ? config->eos_token_ids[0] : -1;
    config->decoder_start_token_id = start;
    return status;
}

static pst_status read_all(struct generation *generation, struct config *config,
                           const struct json_file *file, pst_error *err) {
    pst_status status = check_bars(generation, file, err);
    if (!status) status = read_numbers(&generation->decode, file, err);
    if (!status) status = read_decay(&generation->decode, file, err);
    if (!status) status = check_rows(generation, file, err);
    if (!status) status = read_tokens(generation, config, file, err);
    if (!status) status = generation_read_lists(generation, config, file, err);
    return status;
}

/* generate() of transformers 5.2 counts the limit of the file, like its own default of 20, without
 * the start token, and keeps it within the positions there are; max_new_tokens it takes as it is.
 * (5.24 counts the start token in a limit from the file, and does not bound it.) */
static void settle_length(pst_decode_options *decode, const struct config *config) {
    uint32_t limit = decode->max_length ? decode->max_length : 20;
    limit++;
    if (limit > config->max_position_embeddings) limit = config->max_position_embeddings;
    decode->max_length = limit;
}

pst_status generation_config_read(struct generation *generation, struct config *config,
                                  const char *dir, pst_error *err) {
    static const char own[] = "generation_config.json", old[] = "config.json";
    *generation = (struct generation){0};
    pst_decode_options_init(&generation->decode);
    char *path = path_join(dir, path_has_file(dir, own) ? own : old);
    if (!path) return error_memory(err, 0);
    struct json_file file;
    pst_status status = json_file_open(&file, path, GENERATION_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = read_all(generation, config, &file, err);
    json_file_close(&file);
    if (status)
        generation_close(generation);
    else
        settle_length(&generation->decode, config);
    return status;
}

void generation_close(struct generation *generation) {
    free(generation->ids);
    free(generation->biases);
    *generation = (struct generation){0};
}
