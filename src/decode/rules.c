/* rules.c - see rules.h. */
#include "decode/rules.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Far beyond the 194 tokens of a 30 s clip; the caches are sized by it. */
enum { LENGTH_MAX = 65536 };

static pst_status check_ids(const char *name, const int32_t *ids, size_t count, size_t vocab,
                            pst_error *err) {
    if (!ids && count)
        return error_set(err, PST_ERR_ARGUMENT, "%s is NULL with a count of %zu", name, count);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocab)
            return error_set(err, PST_ERR_ARGUMENT, "%s: %d is not in the vocabulary of %zu", name,
                             ids[i], vocab);
    return PST_OK;
}

static pst_status check_sequences(const char *name, const pst_sequence_bias *sequences,
                                  size_t count, size_t vocab, pst_error *err) {
    if (!sequences && count)
        return error_set(err, PST_ERR_ARGUMENT, "%s is NULL with a count of %zu", name, count);
    for (size_t i = 0; i < count; i++) {
        const pst_sequence_bias *sequence = &sequences[i];
        if (sequence->count == 0 || isnan(sequence->bias))
            return error_set(err, PST_ERR_ARGUMENT, "%s[%zu] has no tokens or no number", name, i);
        pst_status status = check_ids(name, sequence->tokens, sequence->count, vocab, err);
        if (status) return status;
    }
    return PST_OK;
}

static pst_status check_numbers(const pst_decode_options *options, pst_error *err) {
    if (options->num_beams < 1 || options->num_beams > BEAMS_MAX)
        return error_set(err, PST_ERR_ARGUMENT, "num_beams is %u, expected 1 to %d",
                         options->num_beams, BEAMS_MAX);
    if (!(options->repetition_penalty > 0) || isinf(options->repetition_penalty))
        return error_set(err, PST_ERR_ARGUMENT,
                         "repetition_penalty is %g, expected a number above 0",
                         (double)options->repetition_penalty);
    if (!isfinite(options->length_penalty))
        return error_set(err, PST_ERR_ARGUMENT, "length_penalty is not a finite number");
    size_t length =
        options->max_new_tokens ? (size_t)options->max_new_tokens + 1 : options->max_length;
    if (length < 2 || length > LENGTH_MAX)
        return error_set(err, PST_ERR_ARGUMENT,
                         "the limit is %zu tokens with the start token, expected 2 to %d", length,
                         LENGTH_MAX);
    if (!(options->exponential_decay_factor > 0) || isinf(options->exponential_decay_factor))
        return error_set(err, PST_ERR_ARGUMENT,
                         "exponential_decay_factor is %g, expected a number above 0",
                         (double)options->exponential_decay_factor);
    if (options->early_stopping > PST_STOP_NEVER)
        return error_set(err, PST_ERR_ARGUMENT, "early_stopping is %d, expected 0, 1 or 2",
                         (int)options->early_stopping);
    return PST_OK;
}

pst_status rules_check(const pst_decode_options *options, size_t vocab, pst_error *err) {
    pst_status status = check_numbers(options, err);
    if (!status)
        status = check_ids("suppress_tokens", options->suppress_tokens,
                           options->suppress_tokens_count, vocab, err);
    if (!status)
        status = check_ids("begin_suppress_tokens", options->begin_suppress_tokens,
                           options->begin_suppress_tokens_count, vocab, err);
    if (!status && options->forced_bos_token_id >= 0)
        status = check_ids("forced_bos_token_id", &options->forced_bos_token_id, 1, vocab, err);
    if (!status && options->forced_eos_token_id >= 0)
        status = check_ids("forced_eos_token_id", &options->forced_eos_token_id, 1, vocab, err);
    if (!status)
        status = check_sequences("sequence_bias", options->sequence_bias,
                                 options->sequence_bias_count, vocab, err);
    if (!status)
        status = check_sequences("bad_words_ids", options->bad_words_ids,
                                 options->bad_words_ids_count, vocab, err);
    return status;
}

/* Do ids [count] end with `sequence` without its last token? For a sequence of one they always
 * do. */
static int continues(const pst_sequence_bias *sequence, const int32_t *ids, size_t count) {
    size_t prefix = sequence->count - 1;
    if (prefix == 0) return 1;
    return sequence->count <= count &&
           memcmp(ids + count - prefix, sequence->tokens, prefix * sizeof *ids) == 0;
}

/* Biases for one token are summed before they are added, single tokens first: upstream fills a row
 * of zeros and adds it once, and float32 sums depend on the order. */
static void add_biases(const pst_decode_options *options, float *scores, const int32_t *ids,
                       size_t count) {
    const pst_sequence_bias *all = options->sequence_bias;
    for (size_t i = 0; i < options->sequence_bias_count; i++) {
        int32_t token = all[i].tokens[all[i].count - 1];
        int seen = 0;
        for (size_t j = 0; j < i && !seen; j++) seen = all[j].tokens[all[j].count - 1] == token;
        if (seen) continue;
        float bias = 0;
        for (int longer = 0; longer < 2; longer++)
            for (size_t j = i; j < options->sequence_bias_count; j++)
                if (all[j].tokens[all[j].count - 1] == token && (all[j].count > 1) == longer &&
                    continues(&all[j], ids, count))
                    bias += all[j].bias;
        scores[token] += bias;
    }
}

/* Each distinct id once, however often it occurs: read all, then write all. */
static void penalise_repetition(float penalty, float *scores, const int32_t *ids, size_t count,
                                float *kept) {
    for (size_t i = 0; i < count; i++) kept[i] = scores[ids[i]];
    for (size_t i = 0; i < count; i++)
        scores[ids[i]] = kept[i] < 0 ? kept[i] * penalty : kept[i] / penalty;
}

/* Bans every token that would complete an n-gram that ids already hold. */
static void ban_repeated_ngrams(size_t n, float *scores, const int32_t *ids, size_t count) {
    if (count + 1 < n) return;
    const int32_t *last = ids + count + 1 - n; /* [n - 1] */
    for (size_t i = 0; i + n <= count; i++)
        if (memcmp(ids + i, last, (n - 1) * sizeof *ids) == 0) scores[ids[i + n - 1]] = -INFINITY;
}

static void force(float *scores, size_t vocab, int32_t token) {
    for (size_t i = 0; i < vocab; i++) scores[i] = -INFINITY;
    scores[token] = 0;
}

static void suppress(float *scores, const int32_t *tokens, size_t count) {
    for (size_t i = 0; i < count; i++) scores[tokens[i]] = -INFINITY;
}

/* With a forced first token the first free one is the second. */
static int is_first_free(const pst_decode_options *options, size_t count) {
    return count == (options->forced_bos_token_id >= 0 ? 2u : 1u);
}

/* min_new_tokens, where it is given, takes the place of min_length. */
static int is_too_short(const pst_decode_options *options, size_t count) {
    return options->min_new_tokens ? count - 1 < options->min_new_tokens
                                   : count < options->min_length;
}

/* The number of this token among those that the length penalty is for; 0: none yet. */
static size_t decay_steps(const pst_decode_options *options, size_t count) {
    size_t start = (size_t)options->exponential_decay_start + 1; /* the start token counts */
    return options->exponential_decay_factor != 1.0f && count > start ? count - start : 0;
}

/* Ending becomes likelier with every token. */
static void favour_ends(const struct rules *rules, size_t steps, float *scores) {
    float gain = (float)(pow(rules->options->exponential_decay_factor, (double)steps) - 1);
    for (uint32_t i = 0; i < rules->ends.count; i++)
        scores[rules->ends.ids[i]] += fabsf(scores[rules->ends.ids[i]]) * gain;
}

static void ban_words(const pst_decode_options *options, float *scores, const int32_t *ids,
                      size_t count) {
    for (size_t i = 0; i < options->bad_words_ids_count; i++) {
        const pst_sequence_bias *word = &options->bad_words_ids[i];
        if (continues(word, ids, count)) scores[word->tokens[word->count - 1]] = -INFINITY;
    }
}

int rules_are_plain(const pst_decode_options *options) {
    return options->num_beams <= 1 && options->min_length == 0 && options->min_new_tokens == 0 &&
           options->repetition_penalty == 1 && options->no_repeat_ngram_size == 0 &&
           options->suppress_tokens_count == 0 && options->begin_suppress_tokens_count == 0 &&
           options->sequence_bias_count == 0 && options->bad_words_ids_count == 0 &&
           options->exponential_decay_factor == 1 && options->forced_bos_token_id < 0 &&
           options->forced_eos_token_id < 0;
}

int rules_act(const struct rules *rules, size_t count) {
    const pst_decode_options *options = rules->options;
    return options->sequence_bias_count || options->bad_words_ids_count ||
           decay_steps(options, count) || options->repetition_penalty != 1.0f ||
           options->no_repeat_ngram_size || is_too_short(options, count) ||
           (options->forced_bos_token_id >= 0 && count == 1) ||
           (options->forced_eos_token_id >= 0 && count == rules->max_length - 1) ||
           options->suppress_tokens_count ||
           (options->begin_suppress_tokens_count && is_first_free(options, count));
}

void rules_apply(const struct rules *rules, float *scores, const int32_t *ids, size_t count,
                 float *kept) {
    const pst_decode_options *options = rules->options;
    add_biases(options, scores, ids, count);
    if (options->repetition_penalty != 1.0f)
        penalise_repetition(options->repetition_penalty, scores, ids, count, kept);
    if (options->no_repeat_ngram_size)
        ban_repeated_ngrams(options->no_repeat_ngram_size, scores, ids, count);
    ban_words(options, scores, ids, count);
    if (is_too_short(options, count)) suppress(scores, rules->ends.ids, rules->ends.count);
    if (options->forced_bos_token_id >= 0 && count == 1)
        force(scores, rules->vocab, options->forced_bos_token_id);
    if (options->forced_eos_token_id >= 0 && count == rules->max_length - 1)
        force(scores, rules->vocab, options->forced_eos_token_id);
    size_t steps = decay_steps(options, count);
    if (steps) favour_ends(rules, steps, scores);
    suppress(scores, options->suppress_tokens, options->suppress_tokens_count);
    if (is_first_free(options, count))
        suppress(scores, options->begin_suppress_tokens, options->begin_suppress_tokens_count);
}
