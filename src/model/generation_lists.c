/* generation_lists.c - see generation_lists.h. The ids of all lists lie in one block, and so do the
 * sequences: both are counted first and then filled. */
#include "model/generation_lists.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

/* One run of generation_read_lists(). */
struct list_reader {
    const struct json_file *file;
    const struct config *config;
    int32_t *ids; /* the next free one */
    pst_sequence_bias *biases;
};

static const char SUPPRESS[] = "suppress_tokens", BEGIN[] = "begin_suppress_tokens",
                  BIAS[] = "sequence_bias", BAD[] = "bad_words_ids";

static const json_t *list_of(const struct json_file *file, const char *key) {
    const json_t *list = json_object_get(file->root, key);
    return json_is_null(list) ? NULL : list;
}

static pst_status check_list(const struct json_file *file, const char *key, const char *expected,
                             pst_error *err) {
    const json_t *list = list_of(file, key);
    if (!list || json_is_array(list)) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a list of %s", file->path, key,
                     json_kind(list), expected);
}

/* Ids outside the vocabulary suppress nothing: Whisper's lists begin with -1. */
static pst_status read_ids(struct list_reader *run, const char *key, const int32_t **ids,
                           size_t *count, pst_error *err) {
    const json_t *list = list_of(run->file, key);
    pst_status status = check_list(run->file, key, "token ids", err);
    if (status || !list) return status;
    *ids = run->ids;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id))
            return error_set(err, PST_ERR_MODEL, "%s: %s[%zu] is %s, expected a token id",
                             run->file->path, key, i, json_kind(id));
        if (json_integer_value(id) < 0 || json_integer_value(id) >= run->config->vocab) continue;
        *run->ids++ = (int32_t)json_integer_value(id);
    }
    *count = (size_t)(run->ids - *ids);
    return PST_OK;
}

/* A sequence of ids that all have to be in the vocabulary, as upstream asks too. */
static pst_status read_sequence(struct list_reader *run, const char *key, const json_t *list,
                                pst_sequence_bias *sequence, pst_error *err) {
    sequence->tokens = run->ids;
    sequence->count = json_array_size(list);
    for (size_t i = 0; i < sequence->count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= run->config->vocab)
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s holds something else than ids below vocab_size %u",
                             run->file->path, key, (unsigned)run->config->vocab);
        *run->ids++ = (int32_t)json_integer_value(id);
    }
    if (sequence->count) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: %s has an entry without tokens", run->file->path,
                     key);
}

/* [[[id, ...], bias], ...] */
static pst_status read_biases(struct list_reader *run, pst_decode_options *decode, pst_error *err) {
    const json_t *list = list_of(run->file, BIAS);
    pst_status status = check_list(run->file, BIAS, "pairs of token ids and a number", err);
    decode->sequence_bias = run->biases;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        const json_t *pair = json_array_get(list, i), *bias = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !json_is_number(bias))
            return error_set(err, PST_ERR_MODEL,
                             "%s: sequence_bias[%zu] is not a pair of token ids and a number",
                             run->file->path, i);
        run->biases->bias = (float)json_number_value(bias);
        status = read_sequence(run, BIAS, json_array_get(pair, 0), run->biases++, err);
        decode->sequence_bias_count++;
    }
    return status;
}

/* The end token alone is never a bad word. */
static int is_end(const struct list_reader *run, const pst_sequence_bias *sequence) {
    for (uint32_t i = 0; i < run->config->eos_count && sequence->count == 1; i++)
        if (sequence->tokens[0] == run->config->eos_token_ids[i]) return 1;
    return 0;
}

/* [[id, ...], ...] */
static pst_status read_bad_words(struct list_reader *run, pst_decode_options *decode,
                                 pst_error *err) {
    const json_t *list = list_of(run->file, BAD);
    pst_status status = check_list(run->file, BAD, "lists of token ids", err);
    decode->bad_words_ids = run->biases;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        status = read_sequence(run, BAD, json_array_get(list, i), run->biases, err);
        if (status || is_end(run, run->biases)) continue;
        run->biases++->bias = -INFINITY;
        decode->bad_words_ids_count++;
    }
    return status;
}

/* Room for what the lists hold; more than that when they are malformed does not matter. */
static size_t count_ids(const struct json_file *file) {
    size_t count = json_array_size(list_of(file, SUPPRESS)) + json_array_size(list_of(file, BEGIN));
    const json_t *biases = list_of(file, BIAS), *words = list_of(file, BAD);
    for (size_t i = 0; i < json_array_size(biases); i++)
        count += json_array_size(json_array_get(json_array_get(biases, i), 0));
    for (size_t i = 0; i < json_array_size(words); i++)
        count += json_array_size(json_array_get(words, i));
    return count;
}

pst_status generation_read_lists(struct generation *generation, const struct config *config,
                                 const struct json_file *file, pst_error *err) {
    pst_decode_options *decode = &generation->decode;
    size_t sequences = json_array_size(list_of(file, BIAS)) + json_array_size(list_of(file, BAD));
    generation->ids = malloc((count_ids(file) + 1) * sizeof *generation->ids);
    generation->biases = calloc(sequences + 1, sizeof *generation->biases);
    if (!generation->ids || !generation->biases) return error_memory(err, 0);
    struct list_reader run = {
        .file = file, .config = config, .ids = generation->ids, .biases = generation->biases};
    pst_status status =
        read_ids(&run, SUPPRESS, &decode->suppress_tokens, &decode->suppress_tokens_count, err);
    if (!status)
        status = read_ids(&run, BEGIN, &decode->begin_suppress_tokens,
                          &decode->begin_suppress_tokens_count, err);
    if (!status) status = read_biases(&run, decode, err);
    if (!status) status = read_bad_words(&run, decode, err);
    return status;
}
