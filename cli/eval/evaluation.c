/* evaluation.c - see evaluation.h. */
#include "eval/evaluation.h"

#include <stdlib.h>

#include "console.h"

size_t eval_words(const pst_word_counts *counts) {
    return (size_t)(counts->substitutions + counts->deletions + counts->hits);
}

size_t eval_errors(const pst_word_counts *counts) {
    return (size_t)(counts->substitutions + counts->deletions + counts->insertions);
}

int eval_has(const struct evaluation *evaluation, size_t system, size_t item) {
    return !evaluation->set.items[item].error && evaluation->heard[system].texts[item] != NULL;
}

void evaluation_open(struct evaluation *evaluation, const struct eval_system *systems,
                     size_t count) {
    size_t items = evaluation->set.count;
    evaluation->systems = systems;
    evaluation->count = count;
    evaluation->heard = need(calloc(count + 1, sizeof *evaluation->heard));
    evaluation->scores = need(calloc(count + 1, sizeof *evaluation->scores));
    evaluation->comparisons = need(calloc(count * count + 1, sizeof *evaluation->comparisons));
    for (size_t s = 0; s < count; s++) {
        struct eval_heard *heard = &evaluation->heard[s];
        heard->texts = need(calloc(items + 1, sizeof *heard->texts));
        heard->errors = need(calloc(items + 1, sizeof *heard->errors));
        heard->alignments = need(calloc(items + 1, sizeof *heard->alignments));
        heard->words = need(calloc(items + 1, sizeof *heard->words));
        heard->times = need(calloc(items + 1, sizeof *heard->times));
    }
}

static void free_heard(struct eval_heard *heard, size_t items) {
    for (size_t i = 0; i < items; i++) {
        free(heard->texts[i]);
        free(heard->errors[i]);
        pst_alignment_free(&heard->alignments[i]);
        spoken_words_free(&heard->words[i]);
        free(heard->times[i]);
    }
    free(heard->texts);
    free(heard->errors);
    free(heard->alignments);
    free(heard->ms);
    free(heard->words);
    free(heard->times);
}

void evaluation_free(struct evaluation *evaluation) {
    for (size_t s = 0; s < evaluation->count && evaluation->heard; s++)
        free_heard(&evaluation->heard[s], evaluation->set.count);
    free(evaluation->heard);
    free(evaluation->scores);
    free(evaluation->comparisons);
    eval_set_free(&evaluation->set);
    *evaluation = (struct evaluation){0};
}

int eval_compare_numbers(const void *left, const void *right) {
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}
