/* greedy.c - the best token of each step. Where no rule acts and nobody asks for the probability,
 * only the best token is looked for, which a backend may find for less (network/logits.h).
 *
 * A step may take several tokens of the text: those that are known but not stepped to, and then
 * drafts. The row of the last known token gives the next one. Where that is the first draft, the
 * draft's row gives the one after, and so on up to the first draft that is not what is chosen: the
 * tokens, and every number told of them, are those of one token a step.
 *
 * Where a backend adds up in another order when it takes several tokens (a package), a token that
 * leads by less than its guard is not chosen by that: what was stepped to together is stepped to
 * again, one by one, and the token is chosen by what a search without drafts would have seen.
 *
 * Or a step takes the last token of each of several texts, which share nothing but the step. */
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

/* The next token of the text. */
static pst_status add_token(struct search *search, const struct best_token *best, double logprob,
                            int *ended, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    if (isnan(best->logit))
        return error_set(err, PST_ERR_MODEL,
                         "the model gives no finite score at token %zu (are its "
                         "weights or the adapter's broken?)",
                         text->count);
    if (best->margin < search->margin) search->margin = best->margin;
    text->logprob += logprob;
    text->logprobs[text->count] = (float)logprob;
    text->tokens[text->count++] = (int32_t)best->token;
    *ended = is_end_token(&search->rules.ends, (int32_t)best->token);
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

/* How far a text is. */
struct progress {
    size_t known; /* tokens whose steps are made */
    size_t alone; /* of those the first so many, one by one */
    int ended;
};

/* Steps to the last token again, and to those before it that were stepped to together. */
static pst_status step_alone(struct search *search, struct progress *progress, pst_error *err) {
    size_t count = search->running[0].count;
    for (; progress->alone < count; progress->alone++) {
        pst_status status = make_step(search, progress->alone, 1, err);
        if (status) return status;
    }
    return PST_OK;
}

/* Chooses the token that a row gives; `right`: it is the draft, whose row is the next. */
static pst_status take_row(struct search *search, struct pass *pass, struct progress *progress,
                           int *right, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    int32_t draft = pass->row + 1 < pass->rows ? text->tokens[text->count] : -1;
    struct best_token best;
    double logprob = 0;
    choose(search, pass, &best, &logprob);
    if (best.margin < search->backend->guard && progress->alone < text->count) {
        pst_status status = step_alone(search, progress, err);
        if (status) return status;
        *pass = (struct pass){.rows = 1};
        draft = -1;
        choose(search, pass, &best, &logprob);
    }
    *right = (int32_t)best.token == draft;
    return add_token(search, &best, logprob, &progress->ended, err);
}

/* One step, for the tokens that are not stepped to yet and for drafts, which lie behind the text
 * until they are chosen. */
static pst_status go_further(struct search *search, struct progress *progress, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    const size_t ahead = search->rules.ahead > 1 ? search->rules.ahead : 1;
    size_t open = text->count - progress->known, rows = open < ahead ? open : ahead;
    size_t room = search->rules.max_length - text->count - 1;
    if (room > ahead - rows) room = ahead - rows;
    if (rows == open) rows += drafts_propose(&search->rules, text->tokens, text->count, room);
    pst_status status = make_step(search, progress->known, rows, err);
    if (status) return status;
    if (rows == 1 && progress->alone == progress->known) progress->alone++;
    progress->known += rows;
    if (rows < open) return PST_OK; /* none of them is the last */
    struct pass pass = {.rows = rows, .row = open - 1};
    for (int right = 1; right && !progress->ended && pass.row < pass.rows; pass.row++) {
        status = take_row(search, &pass, progress, &right, err);
        if (status) return status;
    }
    progress->known = text->count - 1;
    return PST_OK;
}

/* The rest of a text that has tokens [count], of which the steps of `known` are made. */
static pst_status go_on(struct search *search, size_t known, pst_error *err) {
    struct hypothesis *text = &search->running[0];
    struct progress progress = {.known = known, .alone = known};
    while (!progress.ended && text->count < search->rules.max_length) {
        pst_status status = go_further(search, &progress, err);
        if (status) return status;
    }
    search->winner = text;
    return PST_OK;
}

static void begin(struct search *search, const int32_t *tokens, size_t count) {
    struct hypothesis *text = &search->running[0];
    memmove(text->tokens, tokens, count * sizeof *tokens);
    text->count = count;
    text->score = 0;
    text->logprob = 0;
    search->margin = INFINITY;
    search->steps = 0;
}

pst_status greedy_search(struct search *search, pst_error *err) {
    return greedy_search_from(search, &search->backend->start, 1, 0, err);
}

pst_status greedy_search_from(struct search *search, const int32_t *tokens, size_t count,
                              size_t known, pst_error *err) {
    begin(search, tokens, count);
    return go_on(search, known, err);
}

/* ------------------------------------------------------------------------------- several texts */

/* The texts that go on, and what is stepped to: how many. */
static size_t gather(struct searched *all, size_t count, struct searched **rows,
                     struct next_token *next) {
    size_t going = 0;
    for (size_t i = 0; i < count; i++) {
        struct search *search = all[i].search;
        const struct hypothesis *text = &search->running[0];
        all[i].ended |= text->count >= search->rules.max_length;
        if (all[i].ended || all[i].err->code || search_check(search, all[i].err)) continue;
        search->steps++;
        rows[going] = &all[i];
        next[going++] =
            (struct next_token){all[i].number, text->tokens[text->count - 1], text->count - 1};
    }
    return going;
}

static void step_texts(struct backend *backend, struct searched *const *rows,
                       const struct next_token *next, size_t count) {
    struct pass pass = {.rows = count};
    pst_error err;
    pst_status status = backend->calls->step_texts(backend, next, count, &err);
    for (; pass.row < count; pass.row++) {
        struct searched *row = rows[pass.row];
        struct best_token best;
        double logprob = 0;
        if (status) {
            *row->err = err;
            continue;
        }
        choose(row->search, &pass, &best, &logprob);
        add_token(row->search, &best, logprob, &row->ended, row->err);
    }
}

void greedy_search_texts(struct searched *texts, size_t count) {
    struct searched *rows[TEXTS_MAX];
    struct next_token next[TEXTS_MAX];
    struct backend *backend = texts[0].search->backend;
    for (size_t i = 0; i < count; i++) begin(texts[i].search, &backend->start, 1);
    for (size_t going; (going = gather(texts, count, rows, next)) > 0;)
        step_texts(backend, rows, next, going);
    for (size_t i = 0; i < count; i++) texts[i].search->winner = &texts[i].search->running[0];
}
