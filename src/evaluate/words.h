/* words.h - a text as the words jiwer compares.
 *
 * Runs of two or more white-space characters and single spaces divide words; white space at the
 * ends belongs to no word. A single tab or line break between words does not divide them: jiwer
 * splits at spaces only, and so "a\tb" is one word. */
#ifndef PST_EVALUATE_WORDS_H
#define PST_EVALUATE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

/* Words a text may have: a day of speech. Two such texts are aligned in a few seconds. */
enum { WORDS_LIMIT = 100000 };

struct word {
    const char *text; /* inside the text that was split */
    size_t length;
};

struct word_list {
    struct word *words; /* [count] */
    size_t count, capacity;
};

/* Splits `text` [length]. PST_ERR_INPUT when it is not UTF-8 or has too many words. */
pst_status words_split(struct word_list *list, const char *text, size_t length, pst_error *err);
void words_free(struct word_list *list);
/* The edits from one to the other: `*path` [*path_count] of enum pst_edit_kind, malloc'ed. */
pst_status words_align(const struct word_list *reference, const struct word_list *hypothesis,
                       uint8_t **path, size_t *path_count, pst_error *err);

#endif
