/* search.h - choosing tokens: what greedy and beam search share. */
#ifndef PST_DECODE_SEARCH_H
#define PST_DECODE_SEARCH_H

#include "decode/rules.h"
#include "network/workspace.h"

/* A way to go on from a running beam. */
struct candidate {
    float score; /* sum of processed log-probabilities */
    int beam;
    int32_t token;
};

/* A hypothesis: running, or finished. */
struct hypothesis {
    int32_t *tokens; /* [extent.tokens] */
    size_t count;
    float score;    /* running: the sum; finished: the normalised score */
    double logprob; /* sum of log-probabilities before any rule */
    int filled;     /* finished slots only: holds a real hypothesis */
};

struct search {
    struct workspace *ws;
    struct rules rules;
    int32_t start_token_id;

    float *scores; /* [beams, vocab] */
    float *kept;   /* [beams, tokens] scratch of the rules */
    float *
        log_sums; /* [beams]: log of the sum of exp(logits), to tell log-probabilities before the rules */
    struct candidate *row_best;                  /* [beams, candidates of a row] */
    struct candidate *best;                      /* [candidates of a row], over all rows */
    struct hypothesis *running, *next_running;   /* [beams] */
    struct hypothesis *finished, *next_finished; /* [beams] */
    int *parents;                                /* [beams] */

    /* The result. */
    const struct hypothesis *winner;
    float margin; /* the closest call; see pst_transcript */
};

/* Takes the buffers above from `arena`, with room for `extent`. */
void search_lay_out(struct search *search, struct arena *arena, const struct extent *extent);

/* Both search from ws->extent.tokens = the most tokens there may be and fill the result; a row of NaN
 * logits (broken weights) is PST_ERR_MODEL. */
pst_status greedy_search(struct search *search, pst_error *err);
pst_status beam_search(struct search *search, pst_error *err);

/* The gap between scores[best], the largest of scores [vocab], and the second best, which shows near ties.
 * The scores are as before afterwards. */
float search_gap(const struct kernels *kernels, float *scores, size_t vocab, size_t best);

#endif
