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
    if (!status)
        status = check_sequences("drafts", options->drafts, options->drafts_count, vocab, err);
    return status;
}

/* ------------------------------------------------------------------------------- applying */

/* The scores of the token that follows ids [count]. */
struct row {
    const struct rules *rules;
    const pst_decode_options *options; /* of the rules */
    float *scores;                     /* [rules->vocab] */
    const int32_t *ids;
    size_t count;
    float *kept; /* [count] scratch */
};

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
static void add_biases(const struct row *row) {
    const pst_sequence_bias *all = row->options->sequence_bias;
    size_t total = row->options->sequence_bias_count;
    for (size_t i = 0; i < total; i++) {
        int32_t token = all[i].tokens[all[i].count - 1];
        int seen = 0;
        for (size_t j = 0; j < i && !seen; j++) seen = all[j].tokens[all[j].count - 1] == token;
        if (seen) continue;
        float bias = 0;
        for (int longer = 0; longer < 2; longer++)
            for (size_t j = i; j < total; j++)
                if (all[j].tokens[all[j].count - 1] == token && (all[j].count > 1) == longer &&
                    continues(&all[j], row->ids, row->count))
                    bias += all[j].bias;
        row->scores[token] += bias;
    }
}

/* Each distinct id once, however often it occurs: read all, then write all. */
static void penalise_repetition(const struct row *row) {
    float penalty = row->options->repetition_penalty, *kept = row->kept;
    for (size_t i = 0; i < row->count; i++) kept[i] = row->scores[row->ids[i]];
    for (size_t i = 0; i < row->count; i++)
        row->scores[row->ids[i]] = kept[i] < 0 ? kept[i] * penalty : kept[i] / penalty;
}

/* Bans every token that would complete an n-gram that ids already hold. */
static void ban_repeated_ngrams(const struct row *row) {
    size_t n = row->options->no_repeat_ngram_size;
    const int32_t *ids = row->ids;
    if (row->count + 1 < n) return;
    const int32_t *last = ids + row->count + 1 - n; /* [n - 1] */
    for (size_t i = 0; i + n <= row->count; i++)
        if (memcmp(ids + i, last, (n - 1) * sizeof *ids) == 0)
            row->scores[ids[i + n - 1]] = -INFINITY;
}

static void ban_words(const struct row *row) {
    for (size_t i = 0; i < row->options->bad_words_ids_count; i++) {
        const pst_sequence_bias *word = &row->options->bad_words_ids[i];
        if (continues(word, row->ids, row->count))
            row->scores[word->tokens[word->count - 1]] = -INFINITY;
    }
}

static void force(const struct row *row, int32_t token) {
    for (size_t i = 0; i < row->rules->vocab; i++) row->scores[i] = -INFINITY;
    row->scores[token] = 0;
}

static void force_first(const struct row *row) {
    force(row, row->options->forced_bos_token_id);
}

static void force_last(const struct row *row) {
    force(row, row->options->forced_eos_token_id);
}

static void suppress(const struct row *row, const int32_t *tokens, size_t count) {
    for (size_t i = 0; i < count; i++) row->scores[tokens[i]] = -INFINITY;
}

static void forbid_ends(const struct row *row) {
    suppress(row, row->rules->ends.ids, row->rules->ends.count);
}

static void suppress_always(const struct row *row) {
    suppress(row, row->options->suppress_tokens, row->options->suppress_tokens_count);
}

static void suppress_at_begin(const struct row *row) {
    suppress(row, row->options->begin_suppress_tokens, row->options->begin_suppress_tokens_count);
}

/* The number of a token among those that the length penalty is for; 0: none yet. */
static size_t decay_steps(const struct rules *rules, size_t count) {
    size_t start = (size_t)rules->options->exponential_decay_start + 1; /* the start token counts */
    return count > start ? count - start : 0;
}

/* Ending becomes likelier with every token. */
static void favour_ends(const struct row *row) {
    size_t steps = decay_steps(row->rules, row->count);
    float gain = (float)(pow(row->options->exponential_decay_factor, (double)steps) - 1);
    for (uint32_t i = 0; i < row->rules->ends.count; i++) {
        float *score = &row->scores[row->rules->ends.ids[i]];
        *score += fabsf(*score) * gain;
    }
}

/* ---------------------------------------------------------------------------------- table */

static int has_biases(const pst_decode_options *options) {
    return options->sequence_bias_count > 0;
}

static int has_penalty(const pst_decode_options *options) {
    return options->repetition_penalty != 1.0f;
}

static int has_ngrams(const pst_decode_options *options) {
    return options->no_repeat_ngram_size > 0;
}

static int has_minimum(const pst_decode_options *options) {
    return options->min_length > 0 || options->min_new_tokens > 0;
}

/* min_new_tokens, where it is given, takes the place of min_length. */
static int is_too_short(const struct rules *rules, size_t count) {
    const pst_decode_options *options = rules->options;
    return options->min_new_tokens ? count - 1 < options->min_new_tokens
                                   : count < options->min_length;
}

static int has_bad_words(const pst_decode_options *options) {
    return options->bad_words_ids_count > 0;
}

static int has_decay(const pst_decode_options *options) {
    return options->exponential_decay_factor != 1.0f;
}

static int is_decaying(const struct rules *rules, size_t count) {
    return decay_steps(rules, count) > 0;
}

static int has_first(const pst_decode_options *options) {
    return options->forced_bos_token_id >= 0;
}

static int is_first(const struct rules *rules, size_t count) {
    (void)rules;
    return count == 1;
}

static int has_last(const pst_decode_options *options) {
    return options->forced_eos_token_id >= 0;
}

static int is_last(const struct rules *rules, size_t count) {
    return count == rules->max_length - 1;
}

static int has_suppressed(const pst_decode_options *options) {
    return options->suppress_tokens_count > 0;
}

static int has_suppressed_at_begin(const pst_decode_options *options) {
    return options->begin_suppress_tokens_count > 0;
}

/* With a forced first token the first free one is the second. */
static int is_first_free(const struct rules *rules, size_t count) {
    return count == (has_first(rules->options) ? 2u : 1u);
}

/* In the order in which transformers applies them. */
static const struct rule {
    int (*is_asked_for)(const pst_decode_options *options);
    int (*is_due)(const struct rules *rules, size_t count); /* NULL: at every token */
    void (*apply)(const struct row *row);
} RULES[] = {
    {has_biases, NULL, add_biases},
    {has_penalty, NULL, penalise_repetition},
    {has_ngrams, NULL, ban_repeated_ngrams},
    {has_bad_words, NULL, ban_words},
    {has_minimum, is_too_short, forbid_ends},
    {has_first, is_first, force_first},
    {has_last, is_last, force_last},
    {has_decay, is_decaying, favour_ends},
    {has_suppressed, NULL, suppress_always},
    {has_suppressed_at_begin, is_first_free, suppress_at_begin},
};
enum { RULES_COUNT = sizeof RULES / sizeof *RULES };

static int acts(const struct rule *rule, const struct rules *rules, size_t count) {
    return rule->is_asked_for(rules->options) && (!rule->is_due || rule->is_due(rules, count));
}

int rules_are_plain(const pst_decode_options *options) {
    for (int i = 0; i < RULES_COUNT; i++)
        if (RULES[i].is_asked_for(options)) return 0;
    return options->num_beams <= 1;
}

int rules_act(const struct rules *rules, size_t count) {
    for (int i = 0; i < RULES_COUNT; i++)
        if (acts(&RULES[i], rules, count)) return 1;
    return 0;
}

void rules_apply(const struct rules *rules, float *scores, const int32_t *ids, size_t count,
                 float *kept) {
    struct row row = {rules, rules->options, scores, ids, count, kept};
    for (int i = 0; i < RULES_COUNT; i++)
        if (acts(&RULES[i], rules, count)) RULES[i].apply(&row);
}
