/* common_words.h - which words of two texts that overlap are the same, by the texts alone.
 *
 * The end of the one and the beginning of the other are aligned, word by word: words that are alike
 * count for it, words that differ or are missing against. Nothing counts what the one says before
 * the overlap and the other behind it. Speech that repeats itself fits in several ways: then as
 * many words are common as the overlap has room for. */
#ifndef PST_PIPELINE_COMMON_WORDS_H
#define PST_PIPELINE_COMMON_WORDS_H

#include "potstill.h"

/* Words of either text that are looked at: half a minute of fast speech has 120, an overlap 15. */
enum { COMMON_WORDS_MAX = 48 };

/* The same word without case and marks, which depend on what is around it. */
int words_are_same(const char *a, const char *b);

struct common_word {
    size_t before, after; /* its number in either text */
};

/* The common word nearest to the middle of the overlap: before [rows] are the last words of the one
 * text, after [columns] the first of the other, `expected` as many as the overlap has by its
 * length. 0: they have nothing in common. */
int common_words_find(const pst_word *before, size_t rows, const pst_word *after, size_t columns,
                      double expected, struct common_word *found);

#endif
