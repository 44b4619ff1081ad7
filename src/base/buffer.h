/* buffer.h - bytes that grow: for texts and files built in memory. */
#ifndef PST_BASE_BUFFER_H
#define PST_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /* [capacity]; NUL-terminated after every append; NULL before the first */
    size_t length;
    size_t capacity;
    int failed; /* memory ran out: further appends do nothing, check once at the end */
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_free(struct buffer *buffer);

#endif
