/* json_writer.c - see json_writer.h. Numbers are the reason for it: jansson prints 0.9 with
 * seventeen digits, Python with the one that is needed. */
#include "formats/json_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/python_repr.h"

static void write_value(struct buffer *text, const json_t *value, int depth);

static void start_line(struct buffer *text, int depth) {
    buffer_format(text, "\n%*s", 2 * depth, "");
}

static int append(const char *bytes, size_t length, void *text) {
    buffer_append(text, bytes, length);
    return 0;
}

/* Strings, true, false, null and integers: jansson's own form is Python's. */
static void write_scalar(struct buffer *text, const json_t *value) {
    if (json_is_real(value)) {
        char number[PYTHON_REPR_SIZE];
        python_repr(json_real_value(value), number);
        buffer_text(text, number);
        return;
    }
    if (json_dump_callback(value, append, text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) != 0)
        text->failed = 1;
}

static void write_array(struct buffer *text, const json_t *array, int depth) {
    size_t count = json_array_size(array);
    buffer_text(text, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_text(text, ",");
        start_line(text, depth + 1);
        write_value(text, json_array_get(array, i), depth + 1);
    }
    if (count) start_line(text, depth);
    buffer_text(text, "]");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_key(struct buffer *text, const char *key) {
    json_t *name = json_string(key);
    if (name)
        write_scalar(text, name);
    else
        text->failed = 1;
    json_decref(name);
    buffer_text(text, ": ");
}

static void write_object(struct buffer *text, const json_t *object, int depth) {
    size_t count = 0;
    const char **keys = malloc((json_object_size(object) + 1) * sizeof *keys);
    if (!keys) {
        text->failed = 1;
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) keys[count++] = key;
    qsort(keys, count, sizeof *keys, by_text);
    buffer_text(text, "{");
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_text(text, ",");
        start_line(text, depth + 1);
        write_key(text, keys[i]);
        write_value(text, json_object_get(object, keys[i]), depth + 1);
    }
    if (count) start_line(text, depth);
    buffer_text(text, "}");
    free(keys);
}

/* As deep as the parser lets a file be. */
static void write_value(struct buffer *text, const json_t *value, int depth) {
    if (json_is_array(value))
        write_array(text, value, depth);
    else if (json_is_object(value))
        write_object(text, value, depth);
    else
        write_scalar(text, value);
}

void json_write(struct buffer *text, const json_t *value) {
    write_value(text, value, 0);
}
