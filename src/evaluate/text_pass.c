/* text_pass.c - see text_pass.h. */
#include "evaluate/text_pass.h"

#include <string.h>
#include <utf8proc.h>

#include "evaluate/normalize.h"

int text_is_digit(char c) {
    return c >= '0' && c <= '9';
}

int text_is_small(char c) {
    return c >= 'a' && c <= 'z';
}

int32_t text_point_at(const char *text, size_t length, size_t at, size_t *bytes) {
    utf8proc_int32_t point = 0;
    *bytes = 0;
    if (at >= length) return 0;
    utf8proc_ssize_t read = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                             (utf8proc_ssize_t)(length - at), &point);
    *bytes = read > 0 ? (size_t)read : 1;
    return read > 0 ? point : 0;
}

int text_is_word_at(const char *text, size_t length, size_t at) {
    size_t bytes;
    return at < length && text_is_word(text_point_at(text, length, at, &bytes));
}

int text_is_word_before(const char *text, size_t length, size_t at) {
    if (at == 0) return 0;
    at--;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) at--;
    return text_is_word_at(text, length, at);
}

size_t text_space_end(const char *text, size_t length, size_t at) {
    size_t bytes;
    while (at < length && text_is_space(text_point_at(text, length, at, &bytes))) at += bytes;
    return at;
}

size_t text_symbol_at(const struct buffer *text, size_t at, const char *set) {
    size_t bytes;
    text_point_at(text->data, text->length, at, &bytes);
    for (const char *s = set; bytes && *s;) {
        size_t size = (unsigned char)*s < 0x80 ? 1 : (unsigned char)*s < 0xE0 ? 2 : 3;
        if (size == bytes && memcmp(text->data + at, s, size) == 0) return bytes;
        s += size;
    }
    return 0;
}

void text_swap(struct buffer *a, struct buffer *b) {
    struct buffer kept = *a;
    *a = *b;
    *b = kept;
    b->length = 0;
    buffer_append(b, "", 0);
}
