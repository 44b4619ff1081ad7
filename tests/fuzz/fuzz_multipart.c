/* fuzz_multipart.c - a form of HTTP: its parts are the same whatever pieces it comes in. The first
 * line is the content type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "serve/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came out, as one text. */
static int begin(void *user, const struct multipart_part *part) {
    buffer_append(user, part->name, strlen(part->name) + 1);
    buffer_append(user, part->filename, strlen(part->filename) + 1);
    return 0;
}

static int data_of(void *user, const char *bytes, size_t count) {
    buffer_append(user, bytes, count);
    return 0;
}

static int end(void *user) {
    buffer_append(user, "|", 2);
    return 0;
}

static const struct multipart_calls calls = {begin, data_of, end};

/* The result, with the outcome at its end. */
static void parse(const char *type, const char *body, size_t size, size_t piece,
                  struct buffer *out) {
    struct multipart multipart;
    int status = multipart_begin(&multipart, type, &calls, out);
    for (size_t at = 0; !status && at < size; at += piece)
        status = multipart_feed(&multipart, body + at, size - at < piece ? size - at : piece);
    if (!status) status = multipart_end(&multipart);
    if (status && !multipart.problem) abort();
    buffer_append(out, status ? "-" : "+", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    char type[256];
    size_t length = line ? (size_t)(line - text) : 0;
    if (!line || length >= sizeof type || memchr(text, '\0', length)) return 0;
    memcpy(type, text, length);
    type[length] = '\0';
    const char *body = line + 1;
    size_t left = size - length - 1;
    struct buffer whole = {0};
    parse(type, body, left, left + 1, &whole);
    for (size_t piece = 1; piece <= 5; piece += 2) {
        struct buffer split = {0};
        parse(type, body, left, piece, &split);
        if (split.length != whole.length || memcmp(split.data, whole.data, whole.length)) abort();
        buffer_free(&split);
    }
    buffer_free(&whole);
    return 0;
}
