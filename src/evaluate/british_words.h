/* british_words.h - words that are spelled in another way in America. */
#ifndef PST_EVALUATE_BRITISH_WORDS_H
#define PST_EVALUATE_BRITISH_WORDS_H

#include <stddef.h>

/* The American spelling of the word [length]; NULL: it is the same. */
const char *british_word_find(const char *word, size_t length);

#endif
