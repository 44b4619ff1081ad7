/* eval_screen.c - see eval_screen.h. */
#include "eval/eval_screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "console.h"
#include "eval/comparison.h"
#include "eval/speed.h"

/* How wide a text is on the screen. */
static unsigned columns_of(const char *text) {
    unsigned columns = 0;
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                  (utf8proc_ssize_t)(length - at), &point);
        if (taken <= 0) return columns + (unsigned)(length - at);
        columns += (unsigned)utf8proc_charwidth(point);
        at += (size_t)taken;
    }
    return columns;
}

/* Texts of sets and models may hold anything; what moves the cursor is left out. */
static void print_text(FILE *out, const char *text) {
    for (; *text; text++) fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void print_padded(FILE *out, const char *text, unsigned width) {
    print_text(out, text);
    for (unsigned at = columns_of(text); at < width; at++) fputc(' ', out);
}

/* -------------------------------------------------------------------------------------- summary */

static char *interval_text(const pst_eval_interval *interval) {
    if (isnan(interval->value)) return text_format("-");
    return text_format("%.2f %% (%.2f to %.2f)", 100 * interval->value, 100 * interval->low,
                       100 * interval->high);
}

static void print_cell(FILE *out, char *text, unsigned width) {
    fputs("  ", out);
    print_padded(out, text, width);
    free(text);
}

/* Wide enough for "100.00 % (100.00 to 100.00)". */
enum { INTERVAL_COLUMNS = 27, COUNTS_COLUMNS = 17 };

static void print_system(FILE *out, const struct evaluation *evaluation, size_t system,
                         unsigned name_columns, int no_timing) {
    const struct eval_score *score = &evaluation->scores[system];
    struct eval_speed speed = speed_of(evaluation, system);
    print_padded(out, evaluation->systems[system].name, name_columns);
    print_cell(out, interval_text(&score->wer), INTERVAL_COLUMNS);
    print_cell(out, interval_text(&score->cer), INTERVAL_COLUMNS);
    print_cell(out, interval_text(&score->sentences), INTERVAL_COLUMNS);
    print_cell(out,
               text_format("%llu/%llu/%llu", (unsigned long long)score->counts.substitutions,
                           (unsigned long long)score->counts.deletions,
                           (unsigned long long)score->counts.insertions),
               COUNTS_COLUMNS);
    fprintf(out, "  %6zu", eval_words(&score->counts));
    if (!no_timing && isfinite(speed.real_time_factor))
        fprintf(out, "  %.4f", speed.real_time_factor);
    fputc('\n', out);
}

static void print_head(FILE *out, unsigned name_columns, int timed) {
    print_padded(out, "system", name_columns);
    print_cell(out, text_format("word errors"), INTERVAL_COLUMNS);
    print_cell(out, text_format("character errors"), INTERVAL_COLUMNS);
    print_cell(out, text_format("sentences with errors"), INTERVAL_COLUMNS);
    print_cell(out, text_format("sub/del/ins"), COUNTS_COLUMNS);
    fprintf(out, "   words%s\n", timed ? "  time for a second of sound" : "");
}

/* Rates of fewer utterances than the set has are rates of another set. */
static void print_missing(FILE *out, const struct evaluation *evaluation) {
    const size_t usable = evaluation->set.usable;
    for (size_t s = 0; s < evaluation->count; s++) {
        const size_t has = evaluation->scores[s].utterances;
        if (has == usable) continue;
        print_text(out, evaluation->systems[s].name);
        fprintf(out, " has no text of %zu of %zu utterances\n", usable - has, usable);
    }
}

void eval_print_summary(FILE *out, const struct evaluation *evaluation, int no_timing) {
    unsigned name_columns = columns_of("system");
    int timed = 0;
    for (size_t s = 0; s < evaluation->count; s++) {
        unsigned columns = columns_of(evaluation->systems[s].name);
        if (columns > name_columns) name_columns = columns;
        timed |= !no_timing && isfinite(speed_of(evaluation, s).real_time_factor);
    }
    print_head(out, name_columns, timed);
    for (size_t s = 0; s < evaluation->count; s++)
        print_system(out, evaluation, s, name_columns, no_timing);
    print_missing(out, evaluation);
    if (evaluation->comparison_count) fputc('\n', out);
    for (size_t i = 0; i < evaluation->comparison_count; i++) {
        const struct eval_comparison *comparison = &evaluation->comparisons[i];
        char *text = comparison_text(comparison, evaluation->systems);
        print_text(out, text);
        fprintf(out, " (%zu utterances better, %zu worse; %zu words fixed, %zu broken)\n",
                comparison->wins, comparison->losses, comparison->fixed, comparison->broken);
        free(text);
    }
}

/* --------------------------------------------------------------------------------------- errors */

struct screen {
    FILE *out;
    unsigned width;
    int colours;
};

/* ECMA-48: red for what is wrong, blue for what is missing, yellow for what is too much. */
static const char *const COLOURS[] = {"", "\033[31m", "\033[34m", "\033[33m"};
static const char MARKS[] = " SDI";
enum { LABEL_COLUMNS = 6 }; /* "  ref " */

static unsigned edit_columns(const pst_edit *edit) {
    unsigned one = edit->reference ? columns_of(edit->reference) : 0;
    unsigned other = edit->hypothesis ? columns_of(edit->hypothesis) : 0;
    return one > other ? one : other;
}

static void print_side(const struct screen *screen, const pst_edit *edits, size_t count,
                       int heard) {
    fputs(heard ? "  hyp " : "  ref ", screen->out);
    for (size_t i = 0; i < count; i++) {
        const char *word = heard ? edits[i].hypothesis : edits[i].reference;
        int coloured = screen->colours && edits[i].kind != PST_EDIT_EQUAL;
        unsigned columns = edit_columns(&edits[i]), at = word ? columns_of(word) : 0;
        if (coloured) fputs(COLOURS[edits[i].kind], screen->out);
        if (word) print_text(screen->out, word);
        for (; !word && at < columns; at++) fputc('*', screen->out);
        if (coloured) fputs("\033[0m", screen->out);
        for (; i + 1 < count && at < columns + 1; at++) fputc(' ', screen->out);
    }
    fputc('\n', screen->out);
}

/* The letter of each error below its first column; nothing at all when there is none. */
static void print_marks(const struct screen *screen, const pst_edit *edits, size_t count) {
    size_t last = count;
    while (last > 0 && edits[last - 1].kind == PST_EDIT_EQUAL) last--;
    if (!last) return;
    fputs("      ", screen->out);
    for (size_t i = 0; i < last; i++) {
        fputc(MARKS[edits[i].kind], screen->out);
        for (unsigned at = 1; i + 1 < last && at < edit_columns(&edits[i]) + 1; at++)
            fputc(' ', screen->out);
    }
    fputc('\n', screen->out);
}

static void print_alignment(const struct screen *screen, const pst_alignment *alignment) {
    for (size_t start = 0; start < alignment->edit_count;) {
        size_t count = 0;
        unsigned used = LABEL_COLUMNS;
        while (start + count < alignment->edit_count) {
            unsigned more = edit_columns(&alignment->edits[start + count]) + 1;
            if (count && used + more > screen->width) break;
            used += more;
            count++;
        }
        print_side(screen, alignment->edits + start, count, 0);
        print_side(screen, alignment->edits + start, count, 1);
        print_marks(screen, alignment->edits + start, count);
        start += count;
    }
}

void eval_print_errors(FILE *out, const struct evaluation *evaluation, unsigned width,
                       int colours) {
    const struct screen screen = {out, width > 20 ? width : 20, colours};
    for (size_t i = 0; i < evaluation->set.count; i++)
        for (size_t s = 0; s < evaluation->count; s++) {
            const pst_alignment *alignment = &evaluation->heard[s].alignments[i];
            if (!eval_has(evaluation, s, i) || !eval_errors(&alignment->counts)) continue;
            print_text(out, evaluation->set.items[i].id);
            fputs(": ", out);
            print_text(out, evaluation->systems[s].name);
            fprintf(out, ", %zu of %zu words wrong\n", eval_errors(&alignment->counts),
                    eval_words(&alignment->counts));
            print_alignment(&screen, alignment);
            fputc('\n', out);
        }
}
