/* eval_score.c - see eval_score.h. */
#include "eval/eval_score.h"

#include <math.h>
#include <stdlib.h>

#include "console.h"
#include "eval/comparison.h"

/* A text that cannot be aligned (too long) fails like one that could not be heard. */
static int align_all(struct evaluation *evaluation, size_t system,
                     const pst_normalizer *normalizer) {
    struct eval_heard *heard = &evaluation->heard[system];
    for (size_t i = 0; i < evaluation->set.count; i++) {
        pst_error err;
        if (!eval_has(evaluation, system, i)) continue;
        if (!pst_eval_align(normalizer, evaluation->set.items[i].text, heard->texts[i],
                            &heard->alignments[i], &err)) {
            heard->times[i] =
                spoken_words_align(&heard->words[i], normalizer, &heard->alignments[i]);
            continue;
        }
        pst_alignment_free(&heard->alignments[i]);
        if (err.code == PST_ERR_MEMORY) return fail(EXIT_ENVIRONMENT, "%s", err.message);
        heard->errors[i] = text_format("%s: %s", evaluation->set.items[i].id, err.message);
        free(heard->texts[i]);
        heard->texts[i] = NULL;
    }
    return 0;
}

enum { ERRORS, WORDS, CHARACTER_ERRORS, CHARACTERS, WRONG, SENTENCES, COLUMNS };

static void add_item(struct eval_score *score, double *row, const pst_alignment *alignment) {
    const pst_word_counts *counts = &alignment->counts;
    size_t errors = eval_errors(counts);
    score->utterances++;
    score->counts.substitutions += counts->substitutions;
    score->counts.deletions += counts->deletions;
    score->counts.insertions += counts->insertions;
    score->counts.hits += counts->hits;
    row[ERRORS] += (double)errors;
    row[WORDS] += (double)eval_words(counts);
    row[CHARACTER_ERRORS] += (double)alignment->character_errors;
    row[CHARACTERS] += (double)alignment->characters;
    row[WRONG] += errors > 0;
    row[SENTENCES] += 1;
}

static int score_system(struct evaluation *evaluation, size_t system, const size_t *unit,
                        size_t units, const struct eval_settings *settings) {
    static const pst_eval_ratio ratios[] = {{.over = ERRORS, .under = WORDS},
                                            {.over = CHARACTER_ERRORS, .under = CHARACTERS},
                                            {.over = WRONG, .under = SENTENCES}};
    struct eval_score *score = &evaluation->scores[system];
    double *values = need(calloc(units * COLUMNS + 1, sizeof *values));
    pst_eval_interval intervals[3] = {
        {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN}};
    pst_error err;
    for (size_t i = 0; i < evaluation->set.count; i++) {
        if (eval_has(evaluation, system, i))
            add_item(score, values + unit[i] * COLUMNS, &evaluation->heard[system].alignments[i]);
        else
            score->failed++;
    }
    pst_status status = units
                            ? pst_eval_bootstrap(values, units, COLUMNS, ratios, 3,
                                                 settings->samples, settings->seed, intervals, &err)
                            : PST_OK;
    free(values);
    score->wer = intervals[0];
    score->cer = intervals[1];
    score->sentences = intervals[2];
    return status ? fail(exit_code_of(&err), "%s", err.message) : 0;
}

static int compare_all(struct evaluation *evaluation, const struct eval_settings *settings) {
    int code = 0;
    for (size_t a = 0; a < evaluation->count && !code; a++)
        for (size_t b = a + 1; b < evaluation->count && !code; b++) {
            struct eval_comparison *comparison =
                &evaluation->comparisons[evaluation->comparison_count++];
            *comparison = (struct eval_comparison){.a = a, .b = b};
            code = comparison_make(comparison, evaluation, settings);
        }
    comparisons_judge(evaluation->comparisons, evaluation->comparison_count);
    return code;
}

int evaluation_score(struct evaluation *evaluation, const struct eval_settings *settings) {
    size_t units;
    size_t *unit = eval_units(&evaluation->set, settings->by_group != NULL, &units);
    int code = 0;
    for (size_t s = 0; s < evaluation->count && !code; s++) {
        code = align_all(evaluation, s, settings->normalizer);
        if (!code) code = score_system(evaluation, s, unit, units, settings);
    }
    free(unit);
    return code ? code : compare_all(evaluation, settings);
}
