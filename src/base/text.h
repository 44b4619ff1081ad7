/* text.h - comparing texts, and reading their characters. */
#ifndef PST_BASE_TEXT_H
#define PST_BASE_TEXT_H

#include <stddef.h>
#include <string.h>

/* Do the first `length` bytes of `text` end with `ending`? */
static inline int text_ends_with(const char *text, size_t length, const char *ending) {
    size_t size = strlen(ending);
    return length >= size && memcmp(text + length - size, ending, size) == 0;
}

/* Is `text` equal to `lower`, which is in lower case, when the case of ASCII letters is ignored?
 * Unlike strcasecmp() it does not depend on the locale. */
static inline int text_equals_any_case(const char *text, const char *lower) {
    for (; *text && *lower; text++, lower++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c != *lower) return 0;
    }
    return *text == *lower;
}

/* -1: it is none. */
static inline int text_hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

#endif
