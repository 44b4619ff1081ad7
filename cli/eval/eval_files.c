/* eval_files.c - see eval_files.h. */
#include "eval/eval_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_text.h"

static double rate(const pst_word_counts *counts) {
    return eval_words(counts) || !eval_errors(counts) ? pst_word_error_rate(counts) : NAN;
}

static void add_system(json_t *row, const struct evaluation *evaluation, size_t system,
                       size_t item) {
    const struct eval_heard *heard = &evaluation->heard[system];
    const char *name = evaluation->systems[system].name;
    int alone = evaluation->count == 1;
    char *text = alone ? text_format("pred_text") : text_format("pred_text_%s", name);
    char *wer = alone ? text_format("wer") : text_format("wer_%s", name);
    if (eval_has(evaluation, system, item)) {
        double value = rate(&heard->alignments[item].counts);
        json_object_set_new(row, text, json_text(heard->texts[item]));
        json_object_set_new(row, wer, isnan(value) ? json_null() : json_real(value));
    } else if (heard->errors[item]) {
        char *error = alone ? text_format("error") : text_format("error_%s", name);
        json_object_set_new(row, error, json_text(heard->errors[item]));
        free(error);
    }
    free(text);
    free(wer);
}

void eval_print_lines(FILE *out, const struct evaluation *evaluation) {
    for (size_t i = 0; i < evaluation->set.count; i++) {
        const struct eval_item *item = &evaluation->set.items[i];
        json_t *row = json_is_object(item->fields) ? json_copy(item->fields) : json_object();
        need(row);
        if (!json_object_get(row, "id")) json_object_set_new(row, "id", json_text(item->id));
        if (item->error) json_object_set_new(row, "error", json_text(item->error));
        for (size_t s = 0; s < evaluation->count && !item->error; s++)
            add_system(row, evaluation, s, i);
        json_print(out, row, JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_decref(row);
    }
}

/* Excel and its like take a field that begins so for a formula, and run it. */
static void print_field(FILE *out, const char *text) {
    fputs(",\"", out);
    if (text[0] && strchr("=+-@\t\r", text[0])) fputc('\'', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_row(FILE *out, const struct evaluation *evaluation, size_t system, size_t index) {
    const struct eval_item *item = &evaluation->set.items[index];
    const struct eval_heard *heard = &evaluation->heard[system];
    int has = eval_has(evaluation, system, index);
    const pst_word_counts *counts = &heard->alignments[index].counts;
    const char *error = item->error ? item->error : heard->errors[index];
    fprintf(out, "%u", (unsigned)item->line);
    print_field(out, item->id);
    print_field(out, evaluation->systems[system].name);
    if (has)
        fprintf(out, ",%zu,%llu,%llu,%llu,%llu", eval_words(counts),
                (unsigned long long)counts->hits, (unsigned long long)counts->substitutions,
                (unsigned long long)counts->deletions, (unsigned long long)counts->insertions);
    else
        fputs(",,,,,", out);
    print_field(out, item->text ? item->text : "");
    print_field(out, has ? heard->texts[index] : "");
    print_field(out, error ? error : "");
    fputs("\r\n", out);
}

void eval_print_table(FILE *out, const struct evaluation *evaluation) {
    fputs("line,id,system,words,correct,substitutions,deletions,insertions,reference,hypothesis,"
          "error\r\n",
          out);
    for (size_t i = 0; i < evaluation->set.count; i++)
        for (size_t s = 0; s < evaluation->count; s++) print_row(out, evaluation, s, i);
}

/* Without spaces and brackets, which trn has other uses for. */
static void print_name(FILE *out, const char *name) {
    for (; *name; name++) fputc(strchr(" \t\r\n()", *name) ? '_' : *name, out);
}

/* "words (speaker_id)" with the words of one side. Ids are unlike, so the line is too. */
static void print_words(FILE *out, const struct eval_item *item, const pst_alignment *alignment,
                        int heard) {
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const pst_edit *edit = &alignment->edits[i];
        const char *word = heard ? edit->hypothesis : edit->reference;
        if (word) fprintf(out, "%s ", word);
    }
    fputc('(', out);
    print_name(out, item->group ? item->group : "all");
    fputc('_', out);
    print_name(out, item->id);
    fputs(")\n", out);
}

void eval_print_references(FILE *out, const struct evaluation *evaluation) {
    for (size_t i = 0; i < evaluation->set.count; i++)
        for (size_t s = 0; s < evaluation->count; s++)
            if (eval_has(evaluation, s, i)) {
                print_words(out, &evaluation->set.items[i], &evaluation->heard[s].alignments[i], 0);
                break;
            }
}

void eval_print_hypotheses(FILE *out, const struct evaluation *evaluation, size_t system) {
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (eval_has(evaluation, system, i))
            print_words(out, &evaluation->set.items[i], &evaluation->heard[system].alignments[i],
                        1);
}

/* ---------------------------------------------------------------------------- NIST's with times */

static size_t heard_count(const pst_alignment *alignment) {
    return (size_t)(alignment->counts.hits + alignment->counts.substitutions +
                    alignment->counts.insertions);
}

int eval_has_times(const struct evaluation *evaluation, size_t system) {
    const struct eval_heard *heard = &evaluation->heard[system];
    int any = 0;
    for (size_t i = 0; i < evaluation->set.count; i++) {
        if (!eval_has(evaluation, system, i)) continue;
        if (!heard->times[i] && heard_count(&heard->alignments[i])) return 0;
        any |= heard->times[i] != NULL;
    }
    return any;
}

struct named {
    char *name;
    size_t index;
};

static int by_name(const void *left, const void *right) {
    const struct named *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* All items in the order of their names as print_name() writes them: [set.count], freed by
 * free_named(). */
static struct named *list_named(const struct eval_set *set) {
    struct named *list = need(calloc(set->count + 1, sizeof *list));
    for (size_t i = 0; i < set->count; i++) {
        size_t length = 0;
        FILE *stream = need(open_memstream(&list[i].name, &length));
        print_name(stream, set->items[i].id);
        if (fclose(stream)) need(NULL); /* it is memory */
        list[i].index = i;
    }
    qsort(list, set->count, sizeof *list, by_name);
    return list;
}

static void free_named(struct named *list, size_t count) {
    for (size_t i = 0; i < count; i++) free(list[i].name);
    free(list);
}

/* Where the sound and every word of it have ended; sclite takes no segment without length. */
static double end_of(const struct evaluation *evaluation, size_t index) {
    const double seconds = evaluation->set.items[index].seconds;
    double end = isfinite(seconds) ? fmax(seconds, 0.01) : 0.01;
    for (size_t s = 0; s < evaluation->count; s++) {
        const struct time_span *times = evaluation->heard[s].times[index];
        const size_t count = heard_count(&evaluation->heard[s].alignments[index]);
        for (size_t i = 0; times && i < count; i++) end = fmax(end, times[i].end);
    }
    return end;
}

static void print_segment(FILE *out, const struct evaluation *evaluation, size_t index) {
    const struct eval_item *item = &evaluation->set.items[index];
    for (size_t s = 0; s < evaluation->count; s++) {
        if (!eval_has(evaluation, s, index)) continue;
        const pst_alignment *alignment = &evaluation->heard[s].alignments[index];
        print_name(out, item->id);
        fputs(" 1 ", out);
        print_name(out, item->group ? item->group : "all");
        fprintf(out, " 0.00 %.2f", end_of(evaluation, index));
        for (size_t i = 0; i < alignment->edit_count; i++)
            if (alignment->edits[i].reference) fprintf(out, " %s", alignment->edits[i].reference);
        fputs("\n", out);
        return;
    }
}

void eval_print_segments(FILE *out, const struct evaluation *evaluation) {
    struct named *list = list_named(&evaluation->set);
    for (size_t i = 0; i < evaluation->set.count; i++)
        print_segment(out, evaluation, list[i].index);
    free_named(list, evaluation->set.count);
}

static void print_timed(FILE *out, const char *name, const pst_alignment *alignment,
                        const struct time_span *times) {
    double end = 0;
    size_t at = 0;
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const char *word = alignment->edits[i].hypothesis;
        if (!word) continue;
        struct time_span span = times[at++];
        if (isnan(span.start)) span = (struct time_span){end, end}; /* none may be left out */
        end = span.end;
        fprintf(out, "%s 1 %.2f %.2f %s\n", name, span.start, span.end - span.start, word);
    }
}

void eval_print_times(FILE *out, const struct evaluation *evaluation, size_t system) {
    const struct eval_heard *heard = &evaluation->heard[system];
    struct named *list = list_named(&evaluation->set);
    for (size_t i = 0; i < evaluation->set.count; i++) {
        const size_t index = list[i].index;
        if (heard->times[index])
            print_timed(out, list[i].name, &heard->alignments[index], heard->times[index]);
    }
    free_named(list, evaluation->set.count);
}
