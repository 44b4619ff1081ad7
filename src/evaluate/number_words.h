/* number_words.h - English numbers that are spelled out, as figures.
 *
 * "twenty one dollars" becomes "$21", "nineteen sixties" "1960s", "one oh one" "101". Which words
 * make which figures is what EnglishNumberNormalizer of whisper-normalizer does, its slips with it:
 * "nineth" is a number there, and "ninth" is none. */
#ifndef PST_EVALUATE_NUMBER_WORDS_H
#define PST_EVALUATE_NUMBER_WORDS_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the words of `text`, which is UTF-8 with single spaces and lower case, with a space
 * between them. The caller checks `out`. */
void number_words(struct buffer *out, const char *text);
/* Is the word [length] a number, but no ordinal or plural? */
int number_words_has(const char *word, size_t length);

#endif
