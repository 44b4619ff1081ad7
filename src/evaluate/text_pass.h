/* text_pass.h - what the passes of a normaliser need: one text after the other, character by
 * character. */
#ifndef PST_EVALUATE_TEXT_PASS_H
#define PST_EVALUATE_TEXT_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "potstill.h"

/* ASCII alone. */
int text_is_digit(char c);
int text_is_small(char c);
/* The code point at `at` of `text` [length], and how long it is; 0 at the end. */
int32_t text_point_at(const char *text, size_t length, size_t at, size_t *bytes);
/* Is there a character of a word (Python's \w) at `at`, or before it? */
int text_is_word_at(const char *text, size_t length, size_t at);
int text_is_word_before(const char *text, size_t length, size_t at);
/* Where the white space that begins at `at` ends. */
size_t text_space_end(const char *text, size_t length, size_t at);
/* The length of one of the characters of `set`, none of which is a letter, at `at`; 0: none is. */
size_t text_symbol_at(const struct buffer *text, size_t at, const char *set);
/* A mark, a symbol or punctuation, by Unicode's categories? */
int text_is_symbol(int32_t code_point);
/* The code points of the text in a compatibility form, NFKC or NFKD: `*points` [*count],
 * malloc'ed. */
pst_status text_compatible(const struct buffer *text, int composed, int32_t **points, size_t *count,
                           pst_error *err);
/* Appends the text with each run of white space as one space. */
void text_collapse(struct buffer *out, const struct buffer *text);
/* What a pass has written becomes the text, and there is room for the next one. */
void text_swap(struct buffer *text, struct buffer *written);

#endif
