/* buffer.c - see buffer.h. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Room for `extra` bytes and a final NUL; doubling keeps appends linear overall. */
static int reserve(struct buffer *buffer, size_t extra) {
    size_t need;
    if (buffer->failed || !checked_add(buffer->length, extra, &need) ||
        !checked_add(need, 1, &need)) {
        buffer->failed = 1;
        return 0;
    }
    if (need <= buffer->capacity) return 1;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < need && capacity <= (size_t)-1 / 2) capacity *= 2;
    char *data = capacity >= need ? realloc(buffer->data, capacity) : NULL;
    if (!data) {
        buffer->failed = 1;
        return 0;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 1;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
    if (!reserve(buffer, length)) return;
    if (length) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(buffer, (size_t)length)) {
        buffer->failed = 1;
        return;
    }
    va_start(args, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}
