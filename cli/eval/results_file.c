/* results_file.c - see results_file.h. */
#include "eval/results_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "eval/breakdown.h"
#include "eval/comparison.h"
#include "eval/eval_words.h"
#include "eval/speed.h"
#include "json_text.h"

/* Before each member: a comma but for the first, the name. */
static void key(FILE *out, int first, const char *name) {
    fputs(first ? "" : ", ", out);
    json_print_text(out, name);
    fputs(": ", out);
}

static void text_of(FILE *out, const char *name, const char *text) {
    key(out, 0, name);
    json_print_text(out, text);
}

static void number_of(FILE *out, const char *name, double number) {
    key(out, 0, name);
    json_print_number(out, number);
}

static void count_of(FILE *out, const char *name, size_t count) {
    key(out, 0, name);
    fprintf(out, "%zu", count);
}

static void interval_of(FILE *out, const char *name, const pst_eval_interval *interval) {
    key(out, 0, name);
    fputs("{\"value\": ", out);
    json_print_number(out, interval->value);
    number_of(out, "low", interval->low);
    number_of(out, "high", interval->high);
    fputs("}", out);
}

/* ------------------------------------------------------------------------- the set, the systems */

static void print_set(FILE *out, const struct evaluation *evaluation) {
    const struct eval_set *set = &evaluation->set;
    double seconds = 0;
    size_t words = 0, most = 0;
    for (size_t i = 0; i < set->count; i++)
        if (!set->items[i].error && isfinite(set->items[i].seconds))
            seconds += set->items[i].seconds;
    for (size_t s = 0; s < evaluation->count; s++) { /* a system may have failed on some */
        words = eval_words(&evaluation->scores[s].counts);
        if (words > most) most = words;
    }
    fputs("{\"path\": ", out);
    json_print_text(out, set->path);
    if (set->sha256[0]) text_of(out, "sha256", set->sha256);
    count_of(out, "utterances", set->count);
    count_of(out, "failed", set->count - set->usable);
    count_of(out, "words", most);
    number_of(out, "seconds", seconds);
    fputs("}", out);
}

static void print_adapters(FILE *out, const struct eval_system *system) {
    key(out, 0, "adapters");
    fputs("[", out);
    for (size_t i = 0; i < system->adapter_count; i++) {
        const struct eval_adapter *adapter = &system->adapters[i];
        fputs(i ? ", {\"path\": " : "{\"path\": ", out);
        json_print_text(out, adapter->path);
        number_of(out, "weight", adapter->weight);
        if (adapter->sha256[0]) text_of(out, "sha256", adapter->sha256);
        fputs("}", out);
    }
    fputs("]", out);
}

static void print_speed(FILE *out, const struct evaluation *evaluation, size_t system,
                        int no_timing) {
    struct eval_speed speed = speed_of(evaluation, system);
    number_of(out, "real_time_factor", no_timing ? NAN : speed.real_time_factor);
    key(out, 0, "latency_ms");
    if (no_timing || isnan(speed.p50_ms)) {
        fputs("null", out);
        return;
    }
    fprintf(out, "{\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f}", speed.p50_ms, speed.p90_ms,
            speed.p99_ms);
}

static void print_system(FILE *out, const struct evaluation *evaluation, size_t index,
                         int no_timing) {
    const struct eval_system *system = &evaluation->systems[index];
    const struct eval_score *score = &evaluation->scores[index];
    fputs("{\"name\": ", out);
    json_print_text(out, system->name);
    if (system->model) text_of(out, "model", system->model);
    if (system->model_sha256[0]) text_of(out, "model_sha256", system->model_sha256);
    print_adapters(out, system);
    if (system->hypotheses) text_of(out, "hypotheses", system->hypotheses);
    count_of(out, "utterances", score->utterances);
    count_of(out, "failed", score->failed);
    count_of(out, "words", eval_words(&score->counts));
    count_of(out, "substitutions", (size_t)score->counts.substitutions);
    count_of(out, "deletions", (size_t)score->counts.deletions);
    count_of(out, "insertions", (size_t)score->counts.insertions);
    count_of(out, "correct", (size_t)score->counts.hits);
    interval_of(out, "wer", &score->wer);
    interval_of(out, "cer", &score->cer);
    interval_of(out, "sentence_errors", &score->sentences);
    print_speed(out, evaluation, index, no_timing);
    fputs("}", out);
}

static void print_systems(FILE *out, const struct evaluation *evaluation, int no_timing) {
    fputs("[\n", out);
    for (size_t s = 0; s < evaluation->count; s++) {
        fputs(s ? ",\n    " : "    ", out);
        print_system(out, evaluation, s, no_timing);
    }
    fputs("\n  ]", out);
}

/* ---------------------------------------------------------------------------------- comparisons */

static void print_comparison(FILE *out, const struct eval_comparison *comparison,
                             const struct eval_system *systems) {
    static const char *const VERDICTS[] = {"no_evidence", "better", "worse"};
    char *text = comparison_text(comparison, systems);
    fputs("{\"a\": ", out);
    json_print_text(out, systems[comparison->a].name);
    text_of(out, "b", systems[comparison->b].name);
    count_of(out, "utterances", comparison->utterances);
    number_of(out, "difference", comparison->difference.value);
    number_of(out, "low", comparison->difference.low);
    number_of(out, "high", comparison->difference.high);
    number_of(out, "p_bootstrap", comparison->difference.p);
    number_of(out, "p_mapsswe", comparison->p_mapsswe);
    number_of(out, "p_adjusted", comparison->p_adjusted);
    count_of(out, "wins", comparison->wins);
    count_of(out, "losses", comparison->losses);
    count_of(out, "ties", comparison->ties);
    count_of(out, "fixed", comparison->fixed);
    count_of(out, "broken", comparison->broken);
    number_of(out, "needed", comparison->needed);
    text_of(out, "verdict", VERDICTS[comparison->verdict]);
    text_of(out, "text", text);
    fputs("}", out);
    free(text);
}

static void print_comparisons(FILE *out, const struct evaluation *evaluation) {
    fputs("[", out);
    for (size_t i = 0; i < evaluation->comparison_count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        print_comparison(out, &evaluation->comparisons[i], evaluation->systems);
    }
    fputs(evaluation->comparison_count ? "\n  ]" : "]", out);
}

static void print_canary(FILE *out, const struct evaluation *canary, int no_timing) {
    if (!canary) {
        fputs("null", out);
        return;
    }
    fputs("{\"manifest\": ", out);
    print_set(out, canary);
    key(out, 0, "systems");
    print_systems(out, canary, no_timing);
    key(out, 0, "comparisons");
    print_comparisons(out, canary);
    fputs("}", out);
}

/* ------------------------------------------------------------------------------ parts and words */

static void print_part(FILE *out, const struct eval_part *part, size_t systems) {
    fputs("{\"name\": ", out);
    json_print_text(out, part->name);
    count_of(out, "utterances", part->utterances);
    count_of(out, "words", part->words);
    fputs(", \"wer\": [", out);
    for (size_t s = 0; s < systems; s++) {
        fputs(s ? ", " : "", out);
        json_print_number(out, part->part_words[s]
                                   ? (double)part->part_errors[s] / (double)part->part_words[s]
                                   : NAN);
    }
    fputs("]}", out);
}

static void print_breakdowns(FILE *out, const struct evaluation *evaluation) {
    struct eval_breakdown *breakdowns;
    size_t count;
    breakdowns_make(evaluation, &breakdowns, &count);
    fputs("[", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n    {\"by\": " : "\n    {\"by\": ", out);
        json_print_text(out, breakdowns[i].by);
        text_of(out, "unit", breakdowns[i].unit);
        fputs(", \"groups\": [", out);
        for (size_t j = 0; j < breakdowns[i].count; j++) {
            fputs(j ? ", " : "", out);
            print_part(out, &breakdowns[i].parts[j], evaluation->count);
        }
        fputs("]}", out);
    }
    fputs(count ? "\n  ]" : "]", out);
    breakdowns_free(breakdowns, count);
}

static void print_words(FILE *out, const char *name, const struct eval_word_list *list) {
    fprintf(out, "\"%s\": [", name);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i ? ", [" : "[", out);
        json_print_text(out, list->rows[i].word);
        if (list->rows[i].heard) {
            fputs(", ", out);
            json_print_text(out, list->rows[i].heard);
        }
        fprintf(out, ", %zu]", list->rows[i].count);
    }
    fputs("]", out);
}

static void print_word_lists(FILE *out, const struct evaluation *evaluation) {
    fputs("[", out);
    for (size_t s = 0; s < evaluation->count; s++) {
        struct eval_word_lists lists;
        eval_words_list(&lists, evaluation, s);
        fputs(s ? ",\n    {" : "\n    {", out);
        print_words(out, "confusions", &lists.confusions);
        fputs(", ", out);
        print_words(out, "inserted", &lists.inserted);
        fputs(", ", out);
        print_words(out, "deleted", &lists.deleted);
        fputs(", ", out);
        print_words(out, "newly_right", &lists.newly_right);
        fputs(", ", out);
        print_words(out, "newly_wrong", &lists.newly_wrong);
        fputs("}", out);
        eval_words_free(&lists);
    }
    fputs("\n  ]", out);
}

static void print_term(FILE *out, const struct eval_term *term, size_t systems) {
    fputs("{\"term\": ", out);
    json_print_text(out, term->text);
    count_of(out, "count", term->said);
    fputs(", \"systems\": [", out);
    for (size_t s = 0; s < systems; s++) {
        const struct eval_term_score *score = &term->scores[s];
        fputs(s ? ", {\"recall\": " : "{\"recall\": ", out);
        json_print_number(out, score->said ? (double)score->found / (double)score->said : NAN);
        number_of(out, "precision",
                  score->heard ? (double)score->found / (double)score->heard : NAN);
        fputs("}", out);
    }
    fputs("]}", out);
}

static void print_terms(FILE *out, const struct eval_terms *terms, size_t systems) {
    if (!terms) {
        fputs("null", out);
        return;
    }
    fputs("[", out);
    for (size_t i = 0; i < terms->count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        print_term(out, &terms->terms[i], systems);
    }
    fputs("\n  ]", out);
}

/* ----------------------------------------------------------------------------------- utterances */

static void print_alignment(FILE *out, const pst_alignment *alignment) {
    fputs("[", out);
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const pst_edit *edit = &alignment->edits[i];
        fprintf(out, "%s[\"%c\", ", i ? ", " : "", "=sdi"[edit->kind]);
        json_print_text(out, edit->reference ? edit->reference : edit->hypothesis);
        if (edit->kind == PST_EDIT_SUBSTITUTION) {
            fputs(", ", out);
            json_print_text(out, edit->hypothesis);
        }
        fputs("]", out);
    }
    fputs("]", out);
}

/* Of each word heard in the alignment: to the hundredth, which is finer than frames are. */
static void print_times(FILE *out, const pst_alignment *alignment, const struct time_span *times) {
    size_t at = 0;
    fputs(", \"times\": [", out);
    for (size_t i = 0; i < alignment->edit_count; i++) {
        if (!alignment->edits[i].hypothesis) continue;
        const struct time_span *span = &times[at];
        fputs(at++ ? ", " : "", out);
        if (isnan(span->start))
            fputs("null", out);
        else
            fprintf(out, "[%.2f, %.2f]", span->start, span->end);
    }
    fputs("]", out);
}

static void print_heard(FILE *out, const struct evaluation *evaluation, size_t system, size_t item,
                        int no_timing) {
    const struct eval_heard *heard = &evaluation->heard[system];
    if (!eval_has(evaluation, system, item)) {
        const char *error = heard->errors[item];
        fputs("{\"error\": ", out);
        json_print_text(out, error ? error : "no text");
        fputs("}", out);
        return;
    }
    const pst_alignment *alignment = &heard->alignments[item];
    fputs("{\"text\": ", out);
    json_print_text(out, heard->texts[item]);
    count_of(out, "errors", eval_errors(&alignment->counts));
    count_of(out, "words", eval_words(&alignment->counts));
    key(out, 0, "alignment");
    print_alignment(out, alignment);
    if (heard->times[item]) print_times(out, alignment, heard->times[item]);
    if (heard->ms && isfinite(heard->ms[item]) && !no_timing)
        fprintf(out, ", \"ms\": %.1f", heard->ms[item]);
    fputs("}", out);
}

static void print_utterance(FILE *out, const struct evaluation *evaluation, size_t index,
                            int no_timing) {
    const struct eval_item *item = &evaluation->set.items[index];
    fputs("    {\"id\": ", out);
    json_print_text(out, item->id);
    if (item->audio) text_of(out, "audio", item->audio);
    number_of(out, "offset", item->offset);
    number_of(out, "seconds", item->seconds);
    if (item->peaks) text_of(out, "peaks", item->peaks);
    if (item->group) text_of(out, "group", item->group);
    text_of(out, "reference", item->text ? item->text : "");
    if (item->error) text_of(out, "error", item->error);
    fputs(", \"systems\": [", out);
    for (size_t s = 0; s < evaluation->count && !item->error; s++) {
        fputs(s ? ",\n      " : "\n      ", out);
        print_heard(out, evaluation, s, index, no_timing);
    }
    fputs("]}", out);
}

/* ------------------------------------------------------------------------------------ all of it */

static void print_about(FILE *out, const struct results_about *about) {
    if (about->title) text_of(out, "title", about->title);
    fputs(",\n  \"normalizer\": ", out);
    json_print_text(out, about->normalizer);
    if (about->map) text_of(out, "map", about->map);
    fputs(",\n  \"options\": {\"seed\": ", out);
    fprintf(out, "%llu", (unsigned long long)about->seed);
    count_of(out, "samples", about->samples);
    if (about->precision) text_of(out, "precision", about->precision);
    if (about->decode) text_of(out, "decode", about->decode);
    if (about->by_group) text_of(out, "group", about->by_group);
    fputs("}", out);
}

void results_print(FILE *out, const struct evaluation *evaluation, const struct evaluation *canary,
                   const struct eval_terms *terms, const struct results_about *about) {
    fprintf(out, "{\n  \"format\": 1, \"program\": \"potstill %s\"", pst_version());
    print_about(out, about);
    fputs(",\n  \"manifest\": ", out);
    print_set(out, evaluation);
    fputs(",\n  \"systems\": ", out);
    print_systems(out, evaluation, about->no_timing);
    fputs(",\n  \"comparisons\": ", out);
    print_comparisons(out, evaluation);
    fputs(",\n  \"canary\": ", out);
    print_canary(out, canary, about->no_timing);
    fputs(",\n  \"breakdowns\": ", out);
    print_breakdowns(out, evaluation);
    fputs(",\n  \"words\": ", out);
    print_word_lists(out, evaluation);
    fputs(",\n  \"terms\": ", out);
    print_terms(out, terms, evaluation->count);
    fputs(",\n  \"utterances\": [\n", out);
    for (size_t i = 0; i < evaluation->set.count; i++) {
        fputs(i ? ",\n" : "", out);
        print_utterance(out, evaluation, i, about->no_timing);
    }
    fputs("\n  ]\n}\n", out);
}
