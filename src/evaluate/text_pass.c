/* text_pass.c - see text_pass.h. */
#include "evaluate/text_pass.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "evaluate/lower.h"
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

int text_is_symbol(int32_t code_point) {
    utf8proc_category_t category = utf8proc_category(code_point);
    return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_SO &&
           !(category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

pst_status text_compatible(const struct buffer *text, int composed, int32_t **points, size_t *count,
                           pst_error *err) {
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_option_t form = composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    utf8proc_ssize_t length =
        utf8proc_map((const utf8proc_uint8_t *)text->data, (utf8proc_ssize_t)text->length, &mapped,
                     (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPAT | form));
    if (length < 0) return error_memory(err, text->length);
    pst_status status = text_points((const char *)mapped, (size_t)length, points, count, err);
    free(mapped);
    return status;
}

void text_collapse(struct buffer *out, const struct buffer *text) {
    for (size_t at = 0, bytes; at < text->length; at += bytes) {
        size_t end = text_space_end(text->data, text->length, at);
        if (end > at) buffer_append(out, " ", 1);
        at = end;
        text_point_at(text->data, text->length, at, &bytes);
        buffer_append(out, text->data + at, bytes);
    }
}

void text_swap(struct buffer *a, struct buffer *b) {
    struct buffer kept = *a;
    *a = *b;
    *b = kept;
    b->length = 0;
    buffer_append(b, "", 0);
}
