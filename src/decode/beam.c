/* beam.c - beam search as transformers' vectorised form does it, in the same float32 arithmetic.
 *
 * K running beams and K finished slots. A step takes the best 2 K continuations of the running
 * beams (one end token each at most, so K always go on; more with several end tokens). Those
 * that end, by the end token or the length, may enter the finished slots if they are among the
 * best K; the others run on. "Not allowed" is upstream's -1e9 added to a score rather than a
 * test, which matters when few candidates are alive: float32 has a spacing of 64 there and the
 * order of such candidates is that of their rounded sums. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "decode/search.h"

static const float FORBIDDEN = -1.0e9f;

/* Upstream keeps 2 K candidates, or (ends + 1) K, so that K are left when all ends are among them;
 * one more shows the gap to the first that is dropped. */
static size_t kept_candidates(const struct search *search) {
    size_t ends = search->rules.ends.count;
    return (ends > 1 ? ends + 1 : 2) * search->beams;
}

/* Better score first; of equals the one that comes first in the flattened [beams, vocab]. */
static int better(const struct candidate *a, const struct candidate *b) {
    if (a->score != b->score) return a->score > b->score;
    if (a->beam != b->beam) return a->beam < b->beam;
    return a->token < b->token;
}

/* Inserts into best [size], sorted, which holds *count. */
static void insert(struct candidate *best, size_t *count, size_t size, struct candidate candidate) {
    size_t at = *count < size ? (*count)++ : size - 1;
    while (at > 0 && better(&candidate, &best[at - 1])) {
        best[at] = best[at - 1];
        at--;
    }
    best[at] = candidate;
}

/* The candidates of one row, best first: log-probabilities, the rules, the running score added. */
static void search_row(void *context, size_t index, unsigned thread) {
    (void)thread;
    struct search *search = context;
    const struct kernels *kernels = search->backend->kernels;
    size_t vocab = search->rules.vocab, size = kept_candidates(search) + 1, count = 0;
    const struct hypothesis *beam = &search->running[index];
    const float *logits = search->logits + index * vocab;
    float *scores = search->scores + index * vocab;
    struct candidate *best = search->row_best + index * size;
    kernels->log_softmax(scores, logits, vocab);
    size_t likely = kernels->argmax(logits, vocab);
    search->log_sums[index] = logits[likely] - scores[likely];
    rules_apply(&search->rules, scores, beam->tokens, beam->count,
                search->kept + index * search->rules.max_length);
    if (search->rules.options->renormalize_logits) kernels->log_softmax(scores, scores, vocab);
    for (size_t token = 0; token < vocab; token++) {
        float score = scores[token] + beam->score;
        if (count == size && !(score > best[size - 1].score)) continue;
        insert(best, &count, size, (struct candidate){score, (int)index, (int32_t)token});
    }
    for (; count < size; count++) best[count] = (struct candidate){-INFINITY, (int)index, 0};
}

static void merge_rows(struct search *search) {
    size_t beams = search->beams, size = kept_candidates(search) + 1, count = 0;
    for (size_t i = 0; i < beams * size; i++) {
        const struct candidate *candidate = &search->row_best[i];
        if (count == size && !better(candidate, &search->best[size - 1])) continue;
        insert(search->best, &count, size, *candidate);
    }
}

static void extend(const struct search *search, struct hypothesis *to,
                   const struct candidate *candidate, float score) {
    const struct hypothesis *from = &search->running[candidate->beam];
    memcpy(to->tokens, from->tokens, from->count * sizeof *to->tokens);
    to->tokens[from->count] = candidate->token;
    to->count = from->count + 1;
    to->score = score;
    size_t at = (size_t)candidate->beam * search->rules.vocab + (size_t)candidate->token;
    to->logprob = from->logprob + search->logits[at] - search->log_sums[candidate->beam];
    memcpy(to->logprobs, from->logprobs, from->count * sizeof *to->logprobs);
    to->logprobs[from->count] = search->rules.options->skip_logprob
                                    ? NAN
                                    : search->logits[at] - search->log_sums[candidate->beam];
}

static void note_gap(struct search *search, float gap) {
    if (gap < search->margin) search->margin = gap;
}

static int ends(const struct search *search, const struct candidate *candidate, size_t length) {
    return is_end_token(&search->rules.ends, candidate->token) ||
           length + 1 >= search->rules.max_length;
}

/* The best K that do not end run on. */
static void choose_running(struct search *search, size_t length) {
    size_t beams = search->beams, count = 0;
    struct candidate order[(ENDS_MAX + 1) * BEAMS_MAX] = {{0}};
    for (size_t i = 0; i < kept_candidates(search); i++) {
        struct candidate candidate = search->best[i];
        if (ends(search, &candidate, length)) candidate.score += FORBIDDEN;
        /* Stable insertion: of equals the one that ranked first. */
        size_t at = count++;
        while (at > 0 && candidate.score > order[at - 1].score) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = candidate;
    }
    for (size_t chosen = 0; chosen < beams; chosen++) {
        extend(search, &search->next_running[chosen], &order[chosen], order[chosen].score);
        search->parents[chosen] = order[chosen].beam;
    }
    float dropped = order[beams].score;
    if (search->best[kept_candidates(search)].score > dropped)
        dropped = search->best[kept_candidates(search)].score;
    if (length > 1) note_gap(search, order[beams - 1].score - dropped);
}

static int all_filled(const struct search *search) {
    for (size_t i = 0; i < search->beams; i++)
        if (!search->finished[i].filled) return 0;
    return 1;
}

/* What competes for a finished slot: a hypothesis that holds one, or a candidate. */
struct entry {
    float score;
    const struct hypothesis *old; /* NULL: a candidate */
    const struct candidate *candidate;
    int filled;
};

static void insert_entry(struct entry *entries, size_t *count, size_t size, struct entry entry) {
    if (*count == size && !(entry.score > entries[size - 1].score)) return;
    size_t at = *count < size ? (*count)++ : size - 1;
    while (at > 0 && entry.score > entries[at - 1].score) {
        entries[at] = entries[at - 1];
        at--;
    }
    entries[at] = entry;
}

/* Old slots and all candidates compete for K slots. `improvable`: the early-stop flag is still
 * up. */
static void update_finished(struct search *search, size_t length, int improvable) {
    const pst_decode_options *options = search->rules.options;
    size_t beams = search->beams, count = 0;
    struct entry entries[BEAMS_MAX];
    int full = options->early_stopping == PST_STOP_FIRST && all_filled(search);
    /* new length less the prompt of one token: the number of generated tokens */
    float norm = (float)pow((double)length, (double)options->length_penalty);
    for (size_t i = 0; i < beams; i++) {
        const struct hypothesis *old = &search->finished[i];
        insert_entry(entries, &count, beams, (struct entry){old->score, old, NULL, old->filled});
    }
    for (size_t i = 0; i < kept_candidates(search); i++) {
        const struct candidate *candidate = &search->best[i];
        int allowed = i < beams && ends(search, candidate, length);
        float score = candidate->score / norm;
        score += full ? FORBIDDEN : 0;
        score += improvable ? 0 : FORBIDDEN;
        score += allowed ? 0 : FORBIDDEN;
        insert_entry(entries, &count, beams, (struct entry){score, NULL, candidate, allowed});
    }
    for (size_t i = 0; i < beams; i++) {
        struct hypothesis *to = &search->next_finished[i];
        const struct hypothesis *old = entries[i].old;
        if (old) {
            memcpy(to->tokens, old->tokens, old->count * sizeof *to->tokens);
            memcpy(to->logprobs, old->logprobs, old->count * sizeof *to->logprobs);
            to->count = old->count;
            to->score = old->score;
            to->logprob = old->logprob;
        } else {
            extend(search, to, entries[i].candidate, entries[i].score);
        }
        to->filled = entries[i].filled;
    }
}

static void swap(struct hypothesis **a, struct hypothesis **b) {
    struct hypothesis *kept = *a;
    *a = *b;
    *b = kept;
}

/* Can a running beam still beat the worst finished one? By the rule of the early-stopping mode. */
static int can_improve(const struct search *search, size_t length) {
    const pst_decode_options *options = search->rules.options;
    size_t generated = length - 1;
    if (options->early_stopping == PST_STOP_NEVER && options->length_penalty > 0)
        generated = search->rules.max_length - 1;
    float best =
        search->running[0].score / (float)pow((double)generated, (double)options->length_penalty);
    float worst = INFINITY;
    for (size_t i = 0; i < search->beams; i++)
        if (search->finished[i].score < worst) worst = search->finished[i].score;
    for (size_t i = 0; i < search->beams; i++)
        if (best > (search->finished[i].filled ? worst : FORBIDDEN)) return 1;
    return 0;
}

static int all_end(const struct search *search, size_t length) {
    for (size_t i = 0; i < kept_candidates(search); i++)
        if (!ends(search, &search->best[i], length)) return 0;
    return 1;
}

static void start(struct search *search) {
    for (size_t i = 0; i < search->beams; i++) {
        struct hypothesis *beam = &search->running[i];
        beam->tokens[0] = search->backend->start;
        beam->logprobs[0] = NAN;
        beam->count = 1;
        beam->score = i == 0 ? 0 : FORBIDDEN; /* all start alike: only one may go on */
        beam->logprob = 0;
        struct hypothesis *slot = &search->finished[i];
        slot->tokens[0] = search->backend->start;
        slot->logprobs[0] = NAN;
        slot->count = 1;
        slot->score = FORBIDDEN;
        slot->logprob = 0;
        slot->filled = 0;
    }
    search->margin = INFINITY;
}

pst_status beam_search(struct search *search, pst_error *err) {
    struct backend *backend = search->backend;
    const pst_decode_options *options = search->rules.options;
    size_t beams = search->beams;
    int32_t tokens[BEAMS_MAX];
    int improvable = 1, going = 1;
    start(search);
    for (size_t length = 1; going; length++) {
        for (size_t i = 0; i < beams; i++) tokens[i] = search->running[i].tokens[length - 1];
        pst_status status = search_check(search, err);
        if (!status) status = backend->calls->step(backend, tokens, beams, length - 1, err);
        if (status) return status;
        search->steps++;
        search->logits = backend->calls->logits(backend, beams);
        uint64_t began = spans_start(backend->spans);
        thread_pool_run(backend->pool, beams, search_row, search);
        merge_rows(search);
        if (isnan(search->log_sums[0]))
            return error_set(err, PST_ERR_MODEL,
                             "the model gives no finite score at token %zu (are its "
                             "weights or the adapter's broken?)",
                             length);
        int ended = all_end(search, length);
        choose_running(search, length);
        update_finished(search, length, improvable);
        swap(&search->running, &search->next_running);
        swap(&search->finished, &search->next_finished);
        backend->calls->reorder(backend, search->parents, beams, length);
        improvable = improvable && can_improve(search, length + 1);
        int full = options->early_stopping == PST_STOP_FIRST && all_filled(search);
        going = improvable && !full && !ended;
        spans_end(backend->spans, 0, PST_STAGE_SEARCH, "beams", began);
    }
    search->winner = &search->finished[0];
    if (beams > 1) note_gap(search, search->finished[0].score - search->finished[1].score);
    return PST_OK;
}
