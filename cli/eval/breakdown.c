/* breakdown.c - see breakdown.h. */
#include "eval/breakdown.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

enum { BOUNDS = 5, KINDS = 4, GROUPS_MAX = 500 };

/* What an utterance is measured by, and where its parts end; the last has no end. */
struct scale {
    const char *by, *unit;
    double (*measure)(const struct evaluation *evaluation, size_t item);
    double bounds[BOUNDS];
    size_t count;
};

static double measure_seconds(const struct evaluation *evaluation, size_t item) {
    return evaluation->set.items[item].seconds;
}

static double measure_loudness(const struct evaluation *evaluation, size_t item) {
    return evaluation->set.items[item].loudness_db;
}

static double measure_noise(const struct evaluation *evaluation, size_t item) {
    return evaluation->set.items[item].noise_db;
}

/* Words of the reference as any system that has the item counts them. */
static size_t words_of(const struct evaluation *evaluation, size_t item) {
    for (size_t s = 0; s < evaluation->count; s++)
        if (eval_has(evaluation, s, item))
            return eval_words(&evaluation->heard[s].alignments[item].counts);
    return 0;
}

static double measure_rate(const struct evaluation *evaluation, size_t item) {
    double seconds = evaluation->set.items[item].seconds;
    return seconds > 0 ? (double)words_of(evaluation, item) / seconds : NAN;
}

/* People say two to three words a second; speech is recorded at -30 to -15 dB, and what is under it
 * in a quiet room below -60. */
static const struct scale SCALES[KINDS] = {
    {"duration", "s", measure_seconds, {2, 5, 10, 20}, 4},
    {"loudness", "dB", measure_loudness, {-40, -30, -25, -20, -15}, 5},
    {"noise", "dB", measure_noise, {-70, -60, -50, -40}, 4},
    {"rate", "words/s", measure_rate, {1, 2, 3, 4}, 4},
};

static void add(struct eval_part *part, const struct evaluation *evaluation, size_t item) {
    part->utterances++;
    part->words += words_of(evaluation, item);
    for (size_t s = 0; s < evaluation->count; s++) {
        if (!eval_has(evaluation, s, item)) continue;
        const pst_word_counts *counts = &evaluation->heard[s].alignments[item].counts;
        part->part_words[s] += eval_words(counts);
        part->part_errors[s] += eval_errors(counts);
    }
}

static struct eval_part new_part(char *name, size_t systems) {
    return (struct eval_part){.name = name,
                              .part_words = need(calloc(systems + 1, sizeof(size_t))),
                              .part_errors = need(calloc(systems + 1, sizeof(size_t)))};
}

static void free_part(struct eval_part *part) {
    free(part->name);
    free(part->part_words);
    free(part->part_errors);
}

static char *part_name(const struct scale *scale, size_t index) {
    if (index == 0) return text_format("under %g", scale->bounds[0]);
    if (index == scale->count) return text_format("%g and above", scale->bounds[index - 1]);
    return text_format("%g to %g", scale->bounds[index - 1], scale->bounds[index]);
}

/* By a scale; parts without an utterance are left out. 0: no utterance is measured. */
static int make_scaled(struct eval_breakdown *breakdown, const struct evaluation *evaluation,
                       const struct scale *scale) {
    *breakdown = (struct eval_breakdown){.by = scale->by, .unit = scale->unit};
    breakdown->parts = need(calloc(BOUNDS + 1, sizeof *breakdown->parts));
    struct eval_part parts[BOUNDS + 1];
    for (size_t i = 0; i <= scale->count; i++)
        parts[i] = new_part(part_name(scale, i), evaluation->count);
    for (size_t i = 0; i < evaluation->set.count; i++) {
        double value = evaluation->set.items[i].error ? NAN : scale->measure(evaluation, i);
        size_t index = 0;
        if (isnan(value)) continue;
        while (index < scale->count && value >= scale->bounds[index]) index++;
        add(&parts[index], evaluation, i);
    }
    for (size_t i = 0; i <= scale->count; i++) {
        if (parts[i].utterances)
            breakdown->parts[breakdown->count++] = parts[i];
        else
            free_part(&parts[i]);
    }
    return breakdown->count > 0;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct eval_part *)left)->name, ((const struct eval_part *)right)->name);
}

/* By the group; 0: there is none. Of more groups than anybody reads only the first are kept apart.
 */
static int make_grouped(struct eval_breakdown *breakdown, const struct evaluation *evaluation) {
    *breakdown = (struct eval_breakdown){.by = "group", .unit = ""};
    json_t *known = need(json_object());
    for (size_t i = 0; i < evaluation->set.count; i++) {
        const struct eval_item *item = &evaluation->set.items[i];
        if (item->error || !item->group) continue;
        const json_t *number = json_object_get(known, item->group);
        size_t index = number ? (size_t)json_integer_value(number) : breakdown->count;
        if (!number && breakdown->count == GROUPS_MAX) continue;
        if (!number) {
            breakdown->parts =
                need(realloc(breakdown->parts, (breakdown->count + 1) * sizeof *breakdown->parts));
            breakdown->parts[breakdown->count++] =
                new_part(need(strdup(item->group)), evaluation->count);
            json_object_set_new(known, item->group, json_integer((json_int_t)index));
        }
        add(&breakdown->parts[index], evaluation, i);
    }
    json_decref(known);
    if (breakdown->count)
        qsort(breakdown->parts, breakdown->count, sizeof *breakdown->parts, by_name);
    return breakdown->count > 0;
}

void breakdowns_make(const struct evaluation *evaluation, struct eval_breakdown **breakdowns,
                     size_t *count) {
    *breakdowns = need(calloc(KINDS + 1, sizeof **breakdowns));
    *count = 0;
    for (size_t i = 0; i <= KINDS; i++) {
        struct eval_breakdown breakdown;
        int made = i < KINDS ? make_scaled(&breakdown, evaluation, &SCALES[i])
                             : make_grouped(&breakdown, evaluation);
        if (made)
            (*breakdowns)[(*count)++] = breakdown;
        else
            free(breakdown.parts);
    }
}

void breakdowns_free(struct eval_breakdown *breakdowns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < breakdowns[i].count; j++) free_part(&breakdowns[i].parts[j]);
        free(breakdowns[i].parts);
    }
    free(breakdowns);
}
