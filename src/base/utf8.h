/* utf8.h - is it UTF-8? Strictly: no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef PST_BASE_UTF8_H
#define PST_BASE_UTF8_H

#include <stddef.h>

/* Bytes before the first that breaks UTF-8; `length` when all is well. */
size_t utf8_valid_length(const char *text, size_t length);

/* How many bytes of text [length], at most `limit`, end with a whole character: for "%.*s" in
 * messages, which must stay UTF-8. */
int utf8_cut(const char *text, size_t length, int limit);

#endif
