/* comparison.c - see comparison.h. */
#include "eval/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

/* Below this p a difference is taken for one: the other side of an interval of 95 %. */
static const double SIGNIFICANT = 0.05;
/* Of five utterances all are better by chance once in 16 times; six are the fewest that can say
 * something. */
enum { UNITS_MIN = 6 };

size_t *eval_units(const struct eval_set *set, int by_group, size_t *units) {
    size_t *unit = need(calloc(set->count + 1, sizeof *unit));
    json_t *known = need(json_object());
    *units = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct eval_item *item = &set->items[i];
        if (item->error) continue;
        const json_t *number = by_group && item->group ? json_object_get(known, item->group) : NULL;
        unit[i] = number ? (size_t)json_integer_value(number) : (*units)++;
        if (by_group && item->group && !number)
            json_object_set_new(known, item->group, json_integer((json_int_t)unit[i]));
    }
    json_decref(known);
    return unit;
}

/* Items that both systems have. */
struct pairs {
    pst_alignment *a, *b;      /* [count] not owned */
    double *values;            /* [units, 3]: errors of a, of b, words */
    size_t count, units, used; /* used: units with a pair in them */
};

static void gather(struct pairs *pairs, const struct evaluation *evaluation,
                   const struct eval_comparison *comparison, int by_group) {
    size_t count = evaluation->set.count;
    size_t *unit = eval_units(&evaluation->set, by_group, &pairs->units);
    pairs->a = need(calloc(count + 1, sizeof *pairs->a));
    pairs->b = need(calloc(count + 1, sizeof *pairs->b));
    pairs->values = need(calloc(3 * pairs->units + 1, sizeof *pairs->values));
    char *used = need(calloc(pairs->units + 1, 1));
    pairs->count = pairs->used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!eval_has(evaluation, comparison->a, i) || !eval_has(evaluation, comparison->b, i))
            continue;
        const pst_alignment *a = &evaluation->heard[comparison->a].alignments[i];
        const pst_alignment *b = &evaluation->heard[comparison->b].alignments[i];
        double *row = pairs->values + 3 * unit[i];
        pairs->used += !used[unit[i]];
        used[unit[i]] = 1;
        pairs->a[pairs->count] = *a;
        pairs->b[pairs->count++] = *b;
        row[0] += (double)eval_errors(&a->counts);
        row[1] += (double)eval_errors(&b->counts);
        row[2] += (double)eval_words(&a->counts);
    }
    free(used);
    free(unit);
}

/* Edits of words of the reference, one after the other. */
static const pst_edit *next_word(const pst_edit *edit) {
    while (edit->kind == PST_EDIT_INSERTION) edit++;
    return edit;
}

static void count_words(struct eval_comparison *comparison, const pst_alignment *a,
                        const pst_alignment *b) {
    const pst_edit *one = a->edits, *other = b->edits;
    for (size_t left = eval_words(&a->counts); left > 0; left--) {
        one = next_word(one);
        other = next_word(other);
        int right_a = one++->kind == PST_EDIT_EQUAL, right_b = other++->kind == PST_EDIT_EQUAL;
        comparison->fixed += right_b && !right_a;
        comparison->broken += right_a && !right_b;
    }
}

static void count_pairs(struct eval_comparison *comparison, const struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        size_t a = eval_errors(&pairs->a[i].counts), b = eval_errors(&pairs->b[i].counts);
        comparison->wins += b < a;
        comparison->losses += b > a;
        comparison->ties += a == b;
        count_words(comparison, &pairs->a[i], &pairs->b[i]);
    }
    comparison->utterances = pairs->count;
    comparison->units = pairs->used;
}

/* How many utterances more would show a difference like this one four times out of five: 1.96
 * standard errors for p < 0.05, and 0.84 for that chance. An interval of 95 % has 3.92 of them, and
 * they shrink with the root of the number. */
static double utterances_needed(const pst_eval_interval *difference, size_t utterances) {
    double error = (difference->high - difference->low) / 3.92;
    double times = 2.8 * error / fabs(difference->value);
    double more = (double)utterances * (times * times - 1);
    return isfinite(more) && more < 1e9 ? ceil(more > 1 ? more : 1) : NAN;
}

int comparison_make(struct eval_comparison *comparison, const struct evaluation *evaluation,
                    const struct eval_settings *settings) {
    const pst_eval_ratio ratio = {
        .over = 1, .under = 2, .minus = 1, .minus_over = 0, .minus_under = 2};
    struct pairs pairs;
    pst_eval_matched matched = {.p = NAN};
    pst_error err;
    int code = 0;
    gather(&pairs, evaluation, comparison, settings->by_group != NULL);
    count_pairs(comparison, &pairs);
    comparison->difference = (pst_eval_interval){NAN, NAN, NAN, NAN};
    if (pairs.count &&
        (pst_eval_matched_pairs(pairs.a, pairs.b, pairs.count, &matched, &err) ||
         pst_eval_bootstrap(pairs.values, pairs.units, 3, &ratio, 1, settings->samples,
                            settings->seed, &comparison->difference, &err)))
        code = fail(exit_code_of(&err), "%s", err.message);
    comparison->p_mapsswe = matched.p;
    comparison->needed = utterances_needed(&comparison->difference, pairs.count);
    free(pairs.a);
    free(pairs.b);
    free(pairs.values);
    return code;
}

void comparisons_judge(struct eval_comparison *comparisons, size_t count) {
    double *p = need(calloc(count + 1, sizeof *p));
    for (size_t i = 0; i < count; i++) p[i] = comparisons[i].difference.p;
    pst_eval_holm(p, count);
    for (size_t i = 0; i < count; i++) {
        struct eval_comparison *comparison = &comparisons[i];
        comparison->p_adjusted = p[i];
        if (p[i] < SIGNIFICANT && comparison->units >= UNITS_MIN) {
            comparison->verdict = comparison->difference.value < 0 ? EVAL_BETTER : EVAL_WORSE;
            comparison->needed = NAN;
        }
    }
    free(p);
}

char *comparison_text(const struct eval_comparison *comparison, const struct eval_system *systems) {
    const char *a = systems[comparison->a].name, *b = systems[comparison->b].name;
    const pst_eval_interval *difference = &comparison->difference;
    double low = 100 * difference->low, high = 100 * difference->high;
    if (comparison->utterances == 0)
        return text_format("%s and %s have no utterance in common", b, a);
    if (isnan(difference->value))
        return text_format("%s cannot be compared with %s: no word was said", b, a);
    if (comparison->verdict == EVAL_BETTER)
        return text_format("%s is better than %s by %.1f points, 95 %% interval %.1f to %.1f", b, a,
                           -100 * difference->value, -high, -low);
    if (comparison->verdict == EVAL_WORSE)
        return text_format("%s is worse than %s by %.1f points, 95 %% interval %.1f to %.1f", b, a,
                           100 * difference->value, low, high);
    if (difference->value == 0)
        return text_format("no evidence of a difference between %s and %s: both are wrong equally "
                           "often",
                           b, a);
    if (comparison->units < UNITS_MIN)
        return text_format("too little to tell whether %s is better than %s: %zu %s, expected at "
                           "least %d",
                           b, a, comparison->units,
                           comparison->units < comparison->utterances ? "groups" : "utterances",
                           UNITS_MIN);
    if (isnan(comparison->needed))
        return text_format("no evidence of a difference between %s and %s", b, a);
    return text_format("no evidence of a difference between %s and %s; about %.0f more utterances "
                       "would be needed",
                       b, a, comparison->needed);
}
