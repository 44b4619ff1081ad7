/* decode_case.h - decode options from JSON with the names of transformers'
 * generate(); for tests. */
#ifndef TESTS_DECODE_CASE_H
#define TESTS_DECODE_CASE_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "potstill.h"

struct decode_case {
    pst_decode_options options;
    int32_t *lists[2];
    pst_sequence_bias *biases;
};

static inline int32_t *decode_case_list(const json_t *array, size_t *count) {
    *count = json_array_size(array);
    int32_t *ids = malloc((*count + 1) * sizeof *ids);
    for (size_t i = 0; ids && i < *count; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return ids;
}

static inline uint32_t decode_case_count(const json_t *object, const char *key, uint32_t missing) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (uint32_t)json_integer_value(value) : missing;
}

static inline float decode_case_number(const json_t *object, const char *key, float missing) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? (float)json_number_value(value) : missing;
}

static inline int32_t decode_case_token(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int32_t)json_integer_value(value) : -1;
}

/* sequence_bias: [[[ids...], bias], ...] */
static inline void decode_case_biases(struct decode_case *decode, const json_t *array) {
    size_t count = json_array_size(array);
    decode->biases = calloc(count + 1, sizeof *decode->biases);
    for (size_t i = 0; decode->biases && i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        decode->biases[i].tokens =
            decode_case_list(json_array_get(pair, 0), &decode->biases[i].count);
        decode->biases[i].bias = (float)json_number_value(json_array_get(pair, 1));
    }
    decode->options.sequence_bias = decode->biases;
    decode->options.sequence_bias_count = count;
}

static inline void decode_case_read(struct decode_case *decode, const pst_model *model,
                                    const json_t *object) {
    pst_decode_options *options = &decode->options;
    pst_model_decode_options(model, options);
    options->num_beams = decode_case_count(object, "num_beams", options->num_beams);
    options->max_new_tokens = decode_case_count(object, "max_new_tokens", options->max_new_tokens);
    options->max_length = decode_case_count(object, "max_length", options->max_length);
    options->min_length = decode_case_count(object, "min_length", options->min_length);
    options->min_new_tokens = decode_case_count(object, "min_new_tokens", options->min_new_tokens);
    options->no_repeat_ngram_size =
        decode_case_count(object, "no_repeat_ngram_size", options->no_repeat_ngram_size);
    options->repetition_penalty =
        decode_case_number(object, "repetition_penalty", options->repetition_penalty);
    options->length_penalty = decode_case_number(object, "length_penalty", options->length_penalty);
    options->forced_bos_token_id = decode_case_token(object, "forced_bos_token_id");
    options->forced_eos_token_id = decode_case_token(object, "forced_eos_token_id");
    const json_t *stopping = json_object_get(object, "early_stopping");
    if (json_is_true(stopping)) options->early_stopping = PST_STOP_FIRST;
    if (json_is_string(stopping)) options->early_stopping = PST_STOP_NEVER;
    decode->lists[0] = decode_case_list(json_object_get(object, "suppress_tokens"),
                                        &options->suppress_tokens_count);
    decode->lists[1] = decode_case_list(json_object_get(object, "begin_suppress_tokens"),
                                        &options->begin_suppress_tokens_count);
    options->suppress_tokens = decode->lists[0];
    options->begin_suppress_tokens = decode->lists[1];
    decode_case_biases(decode, json_object_get(object, "sequence_bias"));
}

static inline void decode_case_free(struct decode_case *decode) {
    for (size_t i = 0; i < decode->options.sequence_bias_count; i++)
        free((void *)decode->biases[i].tokens);
    free(decode->biases);
    free(decode->lists[0]);
    free(decode->lists[1]);
}

#endif
