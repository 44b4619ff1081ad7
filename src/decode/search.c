/* search.c - the memory of a search. */
#include "decode/search.h"

#include "base/error.h"

static struct hypothesis *take_hypotheses(struct arena *arena, size_t beams, size_t length) {
    struct hypothesis *all = ARENA_TAKE(arena, beams, struct hypothesis);
    for (size_t i = 0; i < beams; i++) {
        int32_t *tokens = ARENA_TAKE(arena, length, int32_t);
        float *logprobs = ARENA_TAKE(arena, length, float);
        if (!all) continue;
        all[i].tokens = tokens;
        all[i].logprobs = logprobs;
    }
    return all;
}

static void lay_out(struct search *search, struct arena *arena, size_t beams, size_t length) {
    size_t vocab = search->backend->vocab;
    size_t candidates = (ENDS_MAX + 1) * beams + 1; /* see beam.c */
    search->scores = ARENA_TAKE(arena, beams * vocab, float);
    search->kept = ARENA_TAKE(arena, beams * length, float);
    search->log_sums = ARENA_TAKE(arena, beams, float);
    search->row_best = ARENA_TAKE(arena, beams * candidates, struct candidate);
    search->best = ARENA_TAKE(arena, candidates, struct candidate);
    search->running = take_hypotheses(arena, beams, length);
    search->next_running = take_hypotheses(arena, beams, length);
    search->finished = take_hypotheses(arena, beams, length);
    search->next_finished = take_hypotheses(arena, beams, length);
    search->parents = ARENA_TAKE(arena, beams, int);
}

pst_status search_fit(struct search *search, const struct rules *rules, pst_error *err) {
    size_t beams = rules->options->num_beams, length = rules->max_length;
    search->rules = *rules;
    search->beams = beams;
    if (search->arena.base && beams <= search->beams_max && length <= search->tokens_max)
        return PST_OK;
    if (beams < search->beams_max) beams = search->beams_max;
    if (length < search->tokens_max) length = search->tokens_max;
    struct arena counter = {0};
    lay_out(search, &counter, beams, length);
    search->beams_max = search->tokens_max = 0;
    if (counter.overflow || !arena_allocate(&search->arena, counter.used))
        return error_memory(err, counter.used);
    lay_out(search, &search->arena, beams, length);
    search->beams_max = beams;
    search->tokens_max = length;
    return PST_OK;
}

void search_free(struct search *search) {
    arena_free(&search->arena);
}

float search_gap(const struct kernels *kernels, float *scores, size_t vocab, size_t best) {
    if (vocab < 2) return INFINITY;
    float top = scores[best];
    scores[best] = -INFINITY;
    float gap = top - scores[kernels->argmax(scores, vocab)];
    scores[best] = top;
    return gap;
}
