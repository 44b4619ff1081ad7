/* search.h - choosing tokens: what greedy and beam search share. */
#ifndef PST_DECODE_SEARCH_H
#define PST_DECODE_SEARCH_H

#include "base/arena.h"
#include "base/cancel.h"
#include "decode/backend.h"

/* A way to go on from a running beam. */
struct candidate {
    float score; /* sum of processed log-probabilities */
    int beam;
    int32_t token;
};

/* A hypothesis: running, or finished. */
struct hypothesis {
    int32_t *tokens; /* [rules.max_length] */
    size_t count;
    float score;    /* running: the sum; finished: the normalised score */
    double logprob; /* sum of log-probabilities before any rule */
    /* [rules.max_length] each of them, from the second token on; NaN with skip_logprob. */
    float *logprobs;
    int filled; /* finished slots only: holds a real hypothesis */
};

struct search {
    struct backend *backend; /* which computes the logits */
    struct rules rules;
    size_t beams; /* rows of a step; 1: greedy */

    struct arena arena;           /* all that follows points into it */
    size_t beams_max, tokens_max; /* what it is laid out for */

    const float *logits; /* [beams, vocab] of the step at hand, the backend's */
    float *scores;       /* [beams, vocab] */
    float *kept;         /* [beams, tokens] scratch of the rules */
    /* [beams]: log of the sum of exp(logits), for log-probabilities before the rules. */
    float *log_sums;
    struct candidate *row_best;                  /* [beams, candidates of a row] */
    struct candidate *best;                      /* [candidates of a row], over all rows */
    struct hypothesis *running, *next_running;   /* [beams] */
    struct hypothesis *finished, *next_finished; /* [beams] */
    int *parents;                                /* [beams] */

    /* The result. */
    const struct hypothesis *winner;
    float margin; /* the smallest gap between best and second best token; see pst_transcript */
    int looped;   /* greedy: it was ended because it went round in a circle */
    size_t steps; /* of the decoder; less than tokens where drafts were right */
};

/* Makes room for a search by `rules` and gets ready for it. */
pst_status search_fit(struct search *search, const struct rules *rules, pst_error *err);
void search_free(struct search *search);

/* Both fill the result from the clip that the backend has encoded; a row of NaN logits (broken
 * weights) is PST_ERR_MODEL. */
pst_status greedy_search(struct search *search, pst_error *err);
pst_status beam_search(struct search *search, pst_error *err);

/* Greedy search for how a text that begins with tokens [count >= 1, start token first] goes on. The
 * backend has made the steps of the first `known` < count of them. */
pst_status greedy_search_from(struct search *search, const int32_t *tokens, size_t count,
                              size_t known, pst_error *err);

/* A text that is searched for beside others; `number` is the backend's. */
struct searched {
    struct search *search;
    size_t number;
    pst_error *err; /* its code is PST_OK until the search of this text fails */
    int ended;      /* 0 at first */
};

/* Greedy searches of texts [1 <= count <= backend->texts], of one backend, a token of each in a
 * step: each finds what it finds alone, to the bit. */
void greedy_search_texts(struct searched *texts, size_t count);

/* Asks the caller, before each step, whether to go on. */
static inline pst_status search_check(const struct search *search, pst_error *err) {
    const pst_decode_options *options = search->rules.options;
    const struct cancel cancel = {options->cancelled, options->cancelled_user};
    return cancel_check(&cancel, err);
}

/* The gap between scores[best], the largest of scores [vocab], and the second best, which shows
 * near ties. The scores are as before afterwards. */
float search_gap(const struct kernels *kernels, float *scores, size_t vocab, size_t best);

#endif
