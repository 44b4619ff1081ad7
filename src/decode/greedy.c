/* greedy.c - the best token of each step. Where no rule acts and nobody asks for the probability,
 * only the best token is looked for, which a backend may find for less (network/logits.h).
 *
 * A step may take several tokens of the text: those that are known but not stepped to, and then
 * drafts. The row of the last known token gives the next one. Where that is the first draft, the
 * draft's row gives the one after, and so on up to the first draft that is not what is chosen: the
 * tokens, and every number told of them, are those of one token a step. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "decode/drafts.h"
#include "decode/loop.h"
#include "decode/search.h"

/* A step whose rows are looked at one after the other. */
struct pass {
    size_t rows, row;
    float *logits; /* [rows, vocab]; NULL: not asked for, or gone */
};

/* From all logits, with the rules. */
static void choose_by_rules(struct search *search, struct pass *pass, struct best_token *best,
                            double *logprob) {
    struct backend *backend = search->backend;
    const struct kernels *kernels = backend->kernels;
    const struct hypothesis *text = &search->running[0];
    size_t vocab = search->rules.vocab;
    if (!pass->logits) pass->logits = backend->calls->logits(backend, pass->rows);
    float *logits = pass->logits + pass->row * vocab;
    uint64_t start = spans_start(backend->spans);
    if (!search->rules.options->skip_logprob) kernels->log_softmax(search->scores, logits, vocab);
    rules_apply(&search->rules, logits, text->tokens, text->count, search->kept);
    best->token = kernels->argmax(logits, vocab);
    best->logit = logits[best->token];
    best->margin = search_gap(kernels, logits, vocab, best->token);
    *logprob = search->scores[best->token];
    spans_end(backend->spans, 0, PST_STAGE_SEARCH, "rules", start);
}

static int find_best(struct search *search, struct pass *pass, int scored,
                     struct best_token *best) {
    struct backend *backend = search->backend;
    if (rules_act(&search->rules, search->running[0].count) || !backend->calls->best) return 0;
    if (!backend->calls->best(backend, pass->rows, pass->row, scored, best)) return 0;
    pass->logits = NULL;
    return 1;
}

static void choose(struct search *search, struct pass *pass, struct best_token *best,
                   double *logprob) {
    int scored = !search->rules.options->skip_logprob;
    if (!find_best(search, pass, scored, best)) {
        choose_by_rules(search, pass, best, logprob);
    } else if (scored && best->logits) {
        search->backend->kernels->log_softmax(search->scores, best->logits, search->rules.vocab);
        *logprob = search->scores[best->token];
    } else {
        *logprob = NAN;
    }
    if (!scored) *logprob = NAN;
}

/* The next token of the text, by one row of a step. */
static pst_status add_token(struct search *search, struct pass *pass, int *ended, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    struct best_token best;
    double logprob = 0;
    choose(search, pass, &best, &logprob);
    if (isnan(best.logit))
        return error_set(err, PST_ERR_MODEL,
                         "the model gives no finite score at token %zu (are its "
                         "weights or the adapter's broken?)",
                         text->count);
    if (best.margin < search->margin) search->margin = best.margin;
    text->logprob += logprob;
    text->logprobs[text->count] = (float)logprob;
    text->tokens[text->count++] = (int32_t)best.token;
    *ended = is_end_token(&search->rules.ends, (int32_t)best.token);
    if (*ended) return PST_OK;
    search->looped = search->rules.options->stop_loops && loop_is_there(text->tokens, text->count);
    *ended = search->looped;
    return PST_OK;
}

static pst_status make_step(struct search *search, size_t first, size_t rows, pst_error *err) {
    struct backend *backend = search->backend;
    const int32_t *tokens = search->running[0].tokens + first;
    pst_status status = search_check(search, err);
    if (status) return status;
    search->steps++;
    if (rows == 1) return backend->calls->step(backend, tokens, 1, first, err);
    return backend->calls->step_ahead(backend, tokens, rows, first, err);
}

/* The rest of a text that has tokens [count], of which the steps of `known` are made. Drafts lie
 * behind the text until they are chosen. */
static pst_status go_on(struct search *search, size_t known, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    const size_t ahead = search->rules.ahead > 1 ? search->rules.ahead : 1;
    const size_t limit = search->rules.max_length;
    for (int ended = 0; !ended && text->count < limit; known = text->count - 1) {
        for (; text->count - known > ahead; known += ahead) {
            pst_status status = make_step(search, known, ahead, err);
            if (status) return status;
        }
        size_t open = text->count - known, room = limit - text->count - 1, drafted = 0;
        if (room > ahead - open) room = ahead - open;
        drafted = drafts_propose(&search->rules, text->tokens, text->count, room);
        struct pass pass = {.rows = open + drafted, .row = open - 1};
        pst_status status = make_step(search, known, pass.rows, err);
        for (int right = 1; !status && !ended && right && pass.row < pass.rows; pass.row++) {
            int32_t draft = pass.row + 1 < pass.rows ? text->tokens[text->count] : -1;
            status = add_token(search, &pass, &ended, err);
            right = !status && text->tokens[text->count - 1] == draft;
        }
        if (status) return status;
    }
    search->winner = text;
    return PST_OK;
}

pst_status greedy_search(struct search *search, pst_error *err) {
    return greedy_search_from(search, &search->backend->start, 1, 0, err);
}

pst_status greedy_search_from(struct search *search, const int32_t *tokens, size_t count,
                              size_t known, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    memmove(text->tokens, tokens, count * sizeof *tokens);
    text->count = count;
    text->score = 0;
    text->logprob = 0;
    search->margin = INFINITY;
    search->steps = 0;
    return go_on(search, known, err);
}
