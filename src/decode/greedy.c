/* greedy.c - the best token of each step. Where no rule acts and nobody asks for the probability,
 * only the best token is looked for, which a backend may find for less (network/logits.h). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "decode/loop.h"
#include "decode/search.h"

/* From all logits, with the rules. */
static void choose_by_rules(struct search *search, struct best_token *best, double *logprob) {
    struct backend *backend = search->backend;
    const struct kernels *kernels = backend->kernels;
    const struct hypothesis *text = &search->running[0];
    size_t vocab = search->rules.vocab;
    float *logits = backend->calls->logits(backend, 1);
    uint64_t start = spans_start(backend->spans);
    if (!search->rules.options->skip_logprob) kernels->log_softmax(search->scores, logits, vocab);
    rules_apply(&search->rules, logits, text->tokens, text->count, search->kept);
    best->token = kernels->argmax(logits, vocab);
    best->logit = logits[best->token];
    best->margin = search_gap(kernels, logits, vocab, best->token);
    *logprob = search->scores[best->token];
    spans_end(backend->spans, 0, PST_STAGE_SEARCH, "rules", start);
}

static void choose(struct search *search, struct best_token *best, double *logprob) {
    struct backend *backend = search->backend;
    int scored = !search->rules.options->skip_logprob;
    if (rules_act(&search->rules, search->running[0].count) || !backend->calls->best ||
        !backend->calls->best(backend, scored, best)) {
        choose_by_rules(search, best, logprob);
    } else if (scored && best->logits) {
        backend->kernels->log_softmax(search->scores, best->logits, search->rules.vocab);
        *logprob = search->scores[best->token];
    } else {
        *logprob = NAN;
    }
    if (!scored) *logprob = NAN;
}

/* The end of a text that has tokens [count]. */
static pst_status go_on(struct search *search, pst_error *err) {
    struct backend *backend = search->backend;
    struct hypothesis *text = &search->running[0];
    while (text->count < search->rules.max_length) {
        struct best_token best;
        double logprob = 0;
        pst_status status = search_check(search, err);
        if (!status)
            status = backend->calls->step(backend, &text->tokens[text->count - 1], 1,
                                          text->count - 1, err);
        if (status) return status;
        choose(search, &best, &logprob);
        if (isnan(best.logit))
            return error_set(err, PST_ERR_MODEL,
                             "the model gives no finite score at token %zu (are its "
                             "weights or the adapter's broken?)",
                             text->count);
        if (best.margin < search->margin) search->margin = best.margin;
        text->logprob += logprob;
        search->logprobs[text->count] = (float)logprob;
        text->tokens[text->count++] = (int32_t)best.token;
        if (is_end_token(&search->rules.ends, (int32_t)best.token)) break;
        search->looped =
            search->rules.options->stop_loops && loop_is_there(text->tokens, text->count);
        if (search->looped) break;
    }
    search->winner = text;
    return PST_OK;
}

pst_status greedy_search(struct search *search, pst_error *err) {
    return greedy_search_from(search, &search->backend->start, 1, 0, err);
}

pst_status greedy_search_from(struct search *search, const int32_t *tokens, size_t count,
                              size_t known, pst_error *err) {
    struct backend *backend = search->backend;
    struct hypothesis *text = &search->running[0];
    memmove(text->tokens, tokens, count * sizeof *tokens);
    text->count = count;
    text->score = 0;
    text->logprob = 0;
    search->margin = INFINITY;
    for (size_t i = known; i + 1 < count; i++) {
        pst_status status = backend->calls->step(backend, &text->tokens[i], 1, i, err);
        if (status) return status;
    }
    return go_on(search, err);
}
