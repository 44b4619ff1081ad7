/* greedy.c - the best token of each step. Where no rule acts and nobody asks for the probability, only the
 * best token is looked for, and most of the output matrix need not be read (network/logits.h). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "decode/search.h"
#include "network/decoder.h"
#include "network/logits.h"

/* From all logits, with the rules. */
static void choose_by_rules(struct search *search, struct logits_best *best, double *logprob) {
    struct workspace *ws = search->ws;
    const struct kernels *kernels = ws->kernels;
    const struct hypothesis *text = &search->running[0];
    size_t vocab = search->rules.vocab;
    float *logits = ws->logits;
    logits_compute(ws, 1);
    uint64_t start = spans_start(ws->spans);
    if (!search->rules.options->skip_logprob) kernels->log_softmax(search->scores, logits, vocab);
    rules_apply(&search->rules, logits, text->tokens, text->count, search->kept);
    best->token = kernels->argmax(logits, vocab);
    best->logit = logits[best->token];
    best->margin = search_gap(kernels, logits, vocab, best->token);
    *logprob = search->scores[best->token];
    spans_end(ws->spans, 0, PST_STAGE_SEARCH, "rules", start);
}

/* Below float32 logits are approximate in any case, and those of the search do for the probability. */
static void choose(struct search *search, struct logits_best *best, double *logprob) {
    struct workspace *ws = search->ws;
    int skip = search->rules.options->skip_logprob;
    int exact = ws->network->precision == PRECISION_F32;
    if (rules_act(&search->rules, search->running[0].count) || (exact && !skip) ||
        !logits_search(ws, best)) {
        choose_by_rules(search, best, logprob);
    } else if (!skip) {
        ws->kernels->log_softmax(search->scores, ws->logits, search->rules.vocab);
        *logprob = search->scores[best->token];
    }
    if (skip) *logprob = NAN;
}

pst_status greedy_search(struct search *search, pst_error *err) {
    struct workspace *ws = search->ws;
    struct hypothesis *text = &search->running[0];
    text->tokens[0] = search->start_token_id;
    text->count = 1;
    text->score = 0;
    text->logprob = 0;
    search->margin = INFINITY;
    while (text->count < search->rules.max_length) {
        struct logits_best best;
        double logprob = 0;
        decoder_step(ws, &text->tokens[text->count - 1], 1, text->count - 1);
        choose(search, &best, &logprob);
        if (isnan(best.logit))
            return error_set(err, PST_ERR_MODEL,
                             "the model gives no finite score at token %zu (are its "
                             "weights or the adapter's broken?)",
                             text->count);
        if (best.margin < search->margin) search->margin = best.margin;
        text->logprob += logprob;
        text->tokens[text->count++] = (int32_t)best.token;
        if ((int32_t)best.token == search->rules.eos_token_id) break;
    }
    search->winner = text;
    return PST_OK;
}
