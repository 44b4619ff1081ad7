/* number_value.h - a number while it is spoken: digits as a text, or a whole number of any size.
 *
 * The two behave differently, as in Whisper's normaliser: what comes next is written behind a text,
 * and added to a whole number whose last digits are zeros. */
#ifndef PST_EVALUATE_NUMBER_VALUE_H
#define PST_EVALUATE_NUMBER_VALUE_H

#include "base/buffer.h"

enum number_kind {
    NUMBER_NONE,
    NUMBER_TEXT,
    NUMBER_WHOLE /* its digits are ASCII, without zeros in front */
};

struct number_value {
    enum number_kind kind;
    struct buffer digits;
};

void number_clear(struct number_value *value);
void number_free(struct number_value *value);
/* Becomes the whole number, or that power of ten. */
void number_set(struct number_value *value, unsigned number);
void number_set_power(struct number_value *value, unsigned zeros);
/* Becomes the number of the word [length]: digits, and behind a point more of them. A whole one,
 * if those behind the point are zeros, else the text. 0: the word is something else. */
int number_read(struct number_value *value, const char *word, size_t length);
/* Is the word such a number? */
int number_is_read(const char *word, size_t length);
/* Whole, and a multiple of 10^zeros? */
int number_ends_in_zeros(const struct number_value *value, unsigned zeros);
/* A whole one that ends in zeros: `number`, which has no more digits, in place of them. */
void number_add(struct number_value *value, unsigned number);
/* Becomes a text with that at its end; of none and of 0 nothing is kept when `drop_zero`. */
void number_write(struct number_value *value, const char *text, int drop_zero);
/* The last digit goes: a zero that the next word fills. */
void number_drop_last(struct number_value *value);
/* A text, or 0, times 10^zeros, whole then. 0: it is not whole, or no number, and stays. */
int number_scale(struct number_value *value, unsigned zeros);
/* A whole one: its last three digits times 10^zeros, added to the rest. */
void number_scale_end(struct number_value *value, unsigned zeros);

#endif
