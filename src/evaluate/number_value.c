/* number_value.c - see number_value.h. */
#include "evaluate/number_value.h"

#include <string.h>
#include <utf8proc.h>

/* ------------------------------------------------------------------------------------- changing */

void number_clear(struct number_value *value) {
    value->kind = NUMBER_NONE;
    value->digits.length = 0;
    buffer_append(&value->digits, "", 0);
}

void number_free(struct number_value *value) {
    buffer_free(&value->digits);
}

void number_set(struct number_value *value, unsigned number) {
    number_clear(value);
    value->kind = NUMBER_WHOLE;
    buffer_format(&value->digits, "%u", number);
}

static void add_zeros(struct buffer *digits, size_t count) {
    for (size_t i = 0; i < count; i++) buffer_append(digits, "0", 1);
}

void number_set_power(struct number_value *value, unsigned zeros) {
    number_set(value, 1);
    add_zeros(&value->digits, zeros);
}

static int is_zero(const struct number_value *value) {
    return value->kind == NUMBER_WHOLE && strcmp(value->digits.data, "0") == 0;
}

void number_write(struct number_value *value, const char *text, int drop_zero) {
    if (value->kind == NUMBER_NONE || (drop_zero && is_zero(value))) number_clear(value);
    value->kind = NUMBER_TEXT;
    buffer_text(&value->digits, text);
}

void number_drop_last(struct number_value *value) {
    if (value->digits.length) value->digits.data[--value->digits.length] = '\0';
}

int number_ends_in_zeros(const struct number_value *value, unsigned zeros) {
    size_t length = value->digits.length, end = 0;
    if (value->kind != NUMBER_WHOLE || value->digits.failed) return 0;
    while (end < length && value->digits.data[length - 1 - end] == '0') end++;
    return end >= zeros || end == length;
}

void number_add(struct number_value *value, unsigned number) {
    struct buffer added = {0};
    buffer_format(&added, "%u", number);
    if (value->digits.length <= added.length) {
        number_set(value, number);
    } else if (!added.failed) {
        size_t kept = value->digits.length - added.length;
        memcpy(value->digits.data + kept, added.data, added.length);
    }
    buffer_free(&added);
}

/* -------------------------------------------------------------------------------------- reading */

/* The value of a decimal digit of any script, whose digits lie together from 0 to 9; -1: none. */
static int digit_of(int32_t point) {
    int value = 0;
    if (utf8proc_category(point) != UTF8PROC_CATEGORY_ND) return -1;
    while (utf8proc_category(point - 1 - value) == UTF8PROC_CATEGORY_ND) value++;
    return value % 10;
}

/* Appends the digits from `*at` on as ASCII. */
static void read_digits(const char *word, size_t length, size_t *at, struct buffer *digits) {
    while (*at < length) {
        utf8proc_int32_t point;
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)word + *at,
                                                  (utf8proc_ssize_t)(length - *at), &point);
        int digit = bytes > 0 ? digit_of(point) : -1;
        if (digit < 0) return;
        char ascii = (char)('0' + digit);
        if (digits) buffer_append(digits, &ascii, 1);
        *at += (size_t)bytes;
    }
}

int number_is_read(const char *word, size_t length) {
    size_t at = 0;
    read_digits(word, length, &at, NULL);
    if (at == 0 || at == length) return at > 0;
    size_t point = at;
    if (word[at++] != '.') return 0;
    read_digits(word, length, &at, NULL);
    return at == length && at > point + 1;
}

/* Digits without zeros in front; of nothing but zeros one stays. */
static void become_whole(struct number_value *value, const struct buffer *digits) {
    size_t zeros = 0;
    while (zeros + 1 < digits->length && digits->data[zeros] == '0') zeros++;
    number_clear(value);
    value->kind = NUMBER_WHOLE;
    if (digits->length)
        buffer_append(&value->digits, digits->data + zeros, digits->length - zeros);
    else
        buffer_append(&value->digits, "0", 1);
}

/* A text [length] of digits with a point at most: `whole` [digits before it and after it], `*after`
 * of them behind it, without zeros at its end. 0: it is something else. */
static int split(const char *text, size_t length, struct buffer *whole, size_t *after) {
    size_t at = 0, before;
    buffer_append(whole, "", 0);
    read_digits(text, length, &at, whole);
    before = whole->length;
    if (at < length && text[at] == '.') {
        at++;
        read_digits(text, length, &at, whole);
    }
    if (at != length || whole->length == 0) return 0;
    while (whole->length > before && whole->data[whole->length - 1] == '0') whole->length--;
    *after = whole->length - before;
    return 1;
}

int number_read(struct number_value *value, const char *word, size_t length) {
    struct buffer digits = {0};
    size_t after = 0;
    if (!number_is_read(word, length)) return 0;
    int read = split(word, length, &digits, &after);
    if (read && after == 0) {
        become_whole(value, &digits);
    } else {
        number_clear(value);
        value->kind = NUMBER_TEXT;
        buffer_append(&value->digits, word, length);
    }
    buffer_free(&digits);
    return read;
}

/* -------------------------------------------------------------------------------------- scaling */

int number_scale(struct number_value *value, unsigned zeros) {
    struct buffer digits = {0};
    size_t after = 0;
    int whole = split(value->digits.data, value->digits.length, &digits, &after) && after <= zeros;
    if (whole) {
        add_zeros(&digits, zeros - after);
        become_whole(value, &digits);
    }
    value->digits.failed |= digits.failed;
    buffer_free(&digits);
    return whole;
}

/* The digit of a whole number that has `zeros` behind it; 0 before its first. */
static int digit_at(const char *digits, size_t length, size_t zeros) {
    return zeros < length ? digits[length - 1 - zeros] - '0' : 0;
}

void number_scale_end(struct number_value *value, unsigned zeros) {
    struct buffer sum = {0}, end = {0};
    size_t length = value->digits.length, tail = length < 3 ? length : 3;
    if (value->digits.failed) return;
    buffer_append(&end, value->digits.data + length - tail, tail);
    add_zeros(&end, zeros);
    memset(value->digits.data + length - tail, '0', tail);
    size_t most = (length > end.length ? length : end.length) + 1;
    add_zeros(&sum, most);
    int carry = 0;
    for (size_t i = 0; i < most && !sum.failed && !end.failed; i++) {
        carry += digit_at(value->digits.data, length, i) + digit_at(end.data, end.length, i);
        sum.data[most - 1 - i] = (char)('0' + carry % 10);
        carry /= 10;
    }
    become_whole(value, &sum);
    value->digits.failed |= sum.failed | end.failed;
    buffer_free(&sum);
    buffer_free(&end);
}
