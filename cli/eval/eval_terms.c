/* eval_terms.c - see eval_terms.h. */
#include "eval/eval_terms.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "whole_file.h"

enum { TERMS_BYTES_MAX = 16 << 20 };

/* The words of `line`, as an alignment with nothing has them: all left out. */
static int add_line(struct eval_terms *terms, const char *line, const pst_normalizer *normalizer,
                    const char *path, size_t number) {
    pst_alignment words;
    pst_error err;
    line += strspn(line, " \t\r");
    if (!line[0] || line[0] == '#') return 0;
    if (pst_eval_align(normalizer, line, "", &words, &err))
        return fail(exit_code_of(&err), "%s:%zu: %s", path, number, err.message);
    if (words.edit_count) {
        terms->terms = need(realloc(terms->terms, (terms->count + 1) * sizeof *terms->terms));
        struct eval_term *term = &terms->terms[terms->count++];
        *term = (struct eval_term){.text = need(strdup(line)), .word_count = words.edit_count};
        term->words = need(calloc(words.edit_count, sizeof *term->words));
        for (size_t i = 0; i < words.edit_count; i++)
            term->words[i] = need(strdup(words.edits[i].reference));
        size_t length = strlen(term->text);
        while (length && strchr(" \t\r", term->text[length - 1])) term->text[--length] = '\0';
    }
    pst_alignment_free(&words);
    return 0;
}

int eval_terms_read(struct eval_terms *terms, const char *path, const pst_normalizer *normalizer) {
    char *text = NULL;
    size_t size;
    *terms = (struct eval_terms){0};
    char *why = whole_file_read(path, TERMS_BYTES_MAX, &text, &size);
    int code = why ? fail(EXIT_INPUTS, "%s", why) : 0;
    size_t number = 1;
    for (char *line = text; line && !code; number++) {
        char *end = strchr(line, '\n');
        if (end) *end++ = '\0';
        code = add_line(terms, line, normalizer, path, number);
        line = end;
    }
    if (!code && !terms->count)
        code = fail(EXIT_INPUTS, "%s: holds no term, expected a name or phrase a line", path);
    free(why);
    free(text);
    return code;
}

/* Do the words of the term stand at `edit` [left], of the reference or of what was heard? All of
 * them are right when `*right`. Words of the other side between them are passed over, but not
 * right. */
static int stands(const struct eval_term *term, const pst_edit *edit, size_t left, int heard,
                  int *right) {
    size_t found = 0;
    *right = 1;
    for (; left > 0 && found < term->word_count; edit++, left--) {
        const char *word = heard ? edit->hypothesis : edit->reference;
        *right &= edit->kind == PST_EDIT_EQUAL;
        if (!word) continue;
        if (strcmp(word, term->words[found]) != 0) return 0;
        found++;
    }
    return found == term->word_count;
}

static void count_in(const struct eval_term *term, const pst_alignment *alignment,
                     struct eval_term_score *score) {
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const pst_edit *edit = &alignment->edits[i];
        int right;
        if (edit->reference && stands(term, edit, alignment->edit_count - i, 0, &right)) {
            score->said++;
            score->found += right != 0;
        }
        if (edit->hypothesis && stands(term, edit, alignment->edit_count - i, 1, &right))
            score->heard++;
    }
}

void eval_terms_count(struct eval_terms *terms, const struct evaluation *evaluation) {
    for (size_t t = 0; t < terms->count; t++) {
        struct eval_term *term = &terms->terms[t];
        term->scores = need(calloc(evaluation->count + 1, sizeof *term->scores));
        for (size_t i = 0; i < evaluation->set.count; i++) {
            int counted = 0;
            for (size_t s = 0; s < evaluation->count; s++) {
                size_t before = term->scores[s].said;
                if (!eval_has(evaluation, s, i)) continue;
                count_in(term, &evaluation->heard[s].alignments[i], &term->scores[s]);
                if (!counted) term->said += term->scores[s].said - before;
                counted = 1;
            }
        }
    }
}

void eval_terms_free(struct eval_terms *terms) {
    for (size_t t = 0; t < terms->count; t++) {
        for (size_t i = 0; i < terms->terms[t].word_count; i++) free(terms->terms[t].words[i]);
        free(terms->terms[t].words);
        free(terms->terms[t].text);
        free(terms->terms[t].scores);
    }
    free(terms->terms);
    *terms = (struct eval_terms){0};
}
