/* greedy.c - the best token of each step. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "decode/search.h"
#include "network/decoder.h"

/* The gap between the best score and the second best, which shows near ties. */
static float gap_below(const struct kernels *kernels, float *scores, size_t vocab, size_t best) {
    if (vocab < 2) return INFINITY;
    float top = scores[best];
    scores[best] = -INFINITY;
    float gap = top - scores[kernels->argmax(scores, vocab)];
    scores[best] = top;
    return gap;
}

pst_status greedy_search(struct search *search, pst_error *err) {
    struct workspace *ws = search->ws;
    const struct kernels *kernels = ws->kernels;
    size_t vocab = search->rules.vocab;
    struct hypothesis *text = &search->running[0];
    text->tokens[0] = search->start_token_id;
    text->count = 1;
    text->score = 0;
    text->logprob = 0;
    search->margin = INFINITY;
    while (text->count < search->rules.max_length) {
        decoder_step(ws, &text->tokens[text->count - 1], 1, text->count - 1);
        float *logprobs = search->scores, *logits = ws->logits;
        kernels->log_softmax(logprobs, logits, vocab);
        rules_apply(&search->rules, logits, text->tokens, text->count, search->kept);
        size_t best = kernels->argmax(logits, vocab);
        if (isnan(logits[best]))
            return error_set(err, PST_ERR_MODEL,
                             "the model gives no finite score at token %zu (are its "
                             "weights or the adapter's broken?)",
                             text->count);
        float gap = gap_below(kernels, logits, vocab, best);
        if (gap < search->margin) search->margin = gap;
        text->logprob += logprobs[best];
        text->tokens[text->count++] = (int32_t)best;
        if ((int32_t)best == search->rules.eos_token_id) break;
    }
    search->winner = text;
    return PST_OK;
}
