/* eval_words.c - see eval_words.h. Words are gathered one by one, sorted, and counted as runs. */
#include "eval/eval_words.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"

/* Rows of a list: more are read by nobody, and the results stay small. */
enum { ROWS_MAX = 200 };

static void add(struct eval_word_list *list, const char *word, const char *heard, size_t count) {
    /* Doubles at every power of two. */
    if ((list->count & (list->count - 1)) == 0)
        list->rows = need(realloc(list->rows, (2 * list->count + 1) * sizeof *list->rows));
    list->rows[list->count++] = (struct eval_word_count){word, heard, count};
}

static int by_word(const void *left, const void *right) {
    const struct eval_word_count *a = left, *b = right;
    int order = strcmp(a->word, b->word);
    return order || !a->heard ? order : strcmp(a->heard, b->heard);
}

static int by_count(const void *left, const void *right) {
    const struct eval_word_count *a = left, *b = right;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return by_word(left, right);
}

static void sort(struct eval_word_list *list, int (*compare)(const void *left, const void *right)) {
    if (list->count) qsort(list->rows, list->count, sizeof *list->rows, compare);
}

/* Puts equal rows together, their counts added, in the order of the words. */
static void unite(struct eval_word_list *list) {
    size_t kept = 0;
    sort(list, by_word);
    for (size_t i = 0; i < list->count; i++) {
        if (kept && by_word(&list->rows[kept - 1], &list->rows[i]) == 0)
            list->rows[kept - 1].count += list->rows[i].count;
        else
            list->rows[kept++] = list->rows[i];
    }
    list->count = kept;
}

static void finish(struct eval_word_list *list) {
    unite(list);
    sort(list, by_count);
    if (list->count > ROWS_MAX) list->count = ROWS_MAX;
}

/* Every word of the reference, with a count of 1 where it is right and 0 where not. */
static void gather_right(struct eval_word_list *list, const pst_alignment *alignment) {
    for (size_t i = 0; i < alignment->edit_count; i++)
        if (alignment->edits[i].reference)
            add(list, alignment->edits[i].reference, NULL,
                alignment->edits[i].kind == PST_EDIT_EQUAL);
}

/* The words of `one` with a count that have none in `other`, and are there. */
static void pick(struct eval_word_list *picked, const struct eval_word_list *one,
                 const struct eval_word_list *other) {
    size_t j = 0;
    for (size_t i = 0; i < one->count; i++) {
        while (j < other->count && strcmp(other->rows[j].word, one->rows[i].word) < 0) j++;
        int there = j < other->count && strcmp(other->rows[j].word, one->rows[i].word) == 0;
        if (there && one->rows[i].count && !other->rows[j].count)
            add(picked, one->rows[i].word, NULL, one->rows[i].count);
    }
}

/* Over what both systems have heard. */
static void compare_with_first(struct eval_word_lists *lists, const struct evaluation *evaluation,
                               size_t system) {
    struct eval_word_list first = {0}, here = {0};
    for (size_t i = 0; i < evaluation->set.count && system > 0; i++) {
        if (!eval_has(evaluation, 0, i) || !eval_has(evaluation, system, i)) continue;
        gather_right(&first, &evaluation->heard[0].alignments[i]);
        gather_right(&here, &evaluation->heard[system].alignments[i]);
    }
    unite(&first);
    unite(&here);
    pick(&lists->newly_right, &here, &first);
    pick(&lists->newly_wrong, &first, &here);
    free(first.rows);
    free(here.rows);
}

static void gather_errors(struct eval_word_lists *lists, const pst_alignment *alignment) {
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const pst_edit *edit = &alignment->edits[i];
        switch (edit->kind) {
        case PST_EDIT_SUBSTITUTION:
            add(&lists->confusions, edit->reference, edit->hypothesis, 1);
            break;
        case PST_EDIT_DELETION: add(&lists->deleted, edit->reference, NULL, 1); break;
        case PST_EDIT_INSERTION: add(&lists->inserted, edit->hypothesis, NULL, 1); break;
        default: break;
        }
    }
}

void eval_words_list(struct eval_word_lists *lists, const struct evaluation *evaluation,
                     size_t system) {
    *lists = (struct eval_word_lists){0};
    for (size_t i = 0; i < evaluation->set.count; i++)
        if (eval_has(evaluation, system, i))
            gather_errors(lists, &evaluation->heard[system].alignments[i]);
    compare_with_first(lists, evaluation, system);
    finish(&lists->confusions);
    finish(&lists->inserted);
    finish(&lists->deleted);
    finish(&lists->newly_right);
    finish(&lists->newly_wrong);
}

void eval_words_free(struct eval_word_lists *lists) {
    free(lists->confusions.rows);
    free(lists->inserted.rows);
    free(lists->deleted.rows);
    free(lists->newly_right.rows);
    free(lists->newly_wrong.rows);
    *lists = (struct eval_word_lists){0};
}
