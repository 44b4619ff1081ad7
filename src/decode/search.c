/* search.c - the memory of a search. */
#include "decode/search.h"

static struct hypothesis *take_hypotheses(struct arena *arena, const struct extent *extent) {
    struct hypothesis *all = ARENA_TAKE(arena, extent->beams, struct hypothesis);
    for (size_t i = 0; i < extent->beams; i++) {
        int32_t *tokens = ARENA_TAKE(arena, extent->tokens, int32_t);
        if (all) all[i].tokens = tokens;
    }
    return all;
}

void search_lay_out(struct search *search, struct arena *arena, const struct extent *extent) {
    size_t vocab = search->ws->model->config.vocab, beams = extent->beams;
    size_t candidates = 2 * beams + 1; /* see beam.c */
    search->scores = ARENA_TAKE(arena, beams * vocab, float);
    search->kept = ARENA_TAKE(arena, beams * extent->tokens, float);
    search->log_sums = ARENA_TAKE(arena, beams, float);
    search->row_best = ARENA_TAKE(arena, beams * candidates, struct candidate);
    search->best = ARENA_TAKE(arena, candidates, struct candidate);
    search->running = take_hypotheses(arena, extent);
    search->next_running = take_hypotheses(arena, extent);
    search->finished = take_hypotheses(arena, extent);
    search->next_finished = take_hypotheses(arena, extent);
    search->parents = ARENA_TAKE(arena, beams, int);
}

float search_gap(const struct kernels *kernels, float *scores, size_t vocab, size_t best) {
    if (vocab < 2) return INFINITY;
    float top = scores[best];
    scores[best] = -INFINITY;
    float gap = top - scores[kernels->argmax(scores, vocab)];
    scores[best] = top;
    return gap;
}
