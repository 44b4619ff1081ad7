/* json_file.c - see json_file.h. */
#include "formats/json_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"

/* Where a number ends that begins at `at`; *integer: it has digits only. */
static size_t number_end(const char *text, size_t size, size_t at, int *integer) {
    *integer = 1;
    if (text[at] == '-') at++;
    for (; at < size && text[at] && strchr("0123456789.eE+-", text[at]); at++)
        if (text[at] < '0' || text[at] > '9') *integer = 0;
    return at;
}

/* Python's integers have no largest one, and transformers writes 10^30 for "no limit". Those that
 * may not fit 64 bits become real numbers: what reads them wants to know that they are large. */
static void widen_integers(struct buffer *wide, const char *text, size_t size) {
    enum { DIGITS_SURE = 18, DIGITS_REAL = 300 };
    int quoted = 0;
    for (size_t at = 0; at < size;) {
        int integer;
        size_t end = at + 1;
        if (text[at] == '"') quoted = !quoted;
        if (quoted && text[at] == '\\' && end < size) end++;
        if (!quoted && (text[at] == '-' || (text[at] >= '0' && text[at] <= '9'))) {
            end = number_end(text, size, at, &integer);
            size_t digits = end - at - (text[at] == '-');
            if (integer && digits > DIGITS_REAL)
                buffer_text(wide, text[at] == '-' ? "-1e300" : "1e300");
            else
                buffer_append(wide, text + at, end - at);
            if (integer && digits > DIGITS_SURE && digits <= DIGITS_REAL) buffer_text(wide, ".0");
        } else {
            buffer_append(wide, text + at, end - at);
        }
        at = end;
    }
}

json_t *json_parse(const char *text, size_t size, size_t flags, json_error_t *error) {
    flags |= JSON_REJECT_DUPLICATES;
    json_t *root = json_loadb(text, size, flags, error);
    if (root || json_error_code(error) != json_error_numeric_overflow) return root;
    struct buffer wide = {0};
    widen_integers(&wide, text, size);
    if (!wide.failed) root = json_loadb(wide.data, wide.length, flags, error);
    buffer_free(&wide);
    return root;
}

pst_status json_file_open(struct json_file *file, const char *path, size_t limit, pst_error *err) {
    *file = (struct json_file){0};
    struct file_view view;
    pst_status status = file_view_open(&view, path, limit, err);
    if (status) return status;
    json_error_t error;
    json_t *root = json_parse((const char *)view.data, view.size, 0, &error);
    file_view_close(&view);
    if (!root && json_error_code(&error) == json_error_out_of_memory) return error_memory(err, 0);
    if (!root)
        return error_set(err, PST_ERR_MODEL, "%s: line %d column %d: %s", path, error.line,
                         error.column, error.text);
    if (!json_is_object(root)) {
        status = error_set(err, PST_ERR_MODEL, "%s: holds %s, expected an object", path,
                           json_kind(root));
        json_decref(root);
        return status;
    }
    file->root = root;
    file->path = strdup(path);
    if (!file->path) {
        json_file_close(file);
        return error_memory(err, 0);
    }
    return PST_OK;
}

void json_file_close(struct json_file *file) {
    json_decref(file->root);
    free(file->path);
    *file = (struct json_file){0};
}

const char *json_kind(const json_t *value) {
    if (!value) return "missing";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    }
    return "unknown";
}

/* The value of `key`, NULL when missing or null: transformers treats both as "not given". */
static const json_t *given(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

pst_status json_get_int(const json_t *object, const char *path, const char *key, int64_t low,
                        int64_t high, int64_t *value, pst_error *err) {
    const json_t *found = given(object, key);
    if (!found) return PST_OK;
    if (!json_is_integer(found))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected an integer", path, key,
                         json_kind(found));
    int64_t number = json_integer_value(found);
    if (number < low || number > high)
        return error_set(err, PST_ERR_MODEL, "%s: %s is %lld, expected %lld to %lld", path, key,
                         (long long)number, (long long)low, (long long)high);
    *value = number;
    return PST_OK;
}

pst_status json_get_double(const json_t *object, const char *path, const char *key, double low,
                           double high, double *value, pst_error *err) {
    const json_t *found = given(object, key);
    if (!found) return PST_OK;
    if (!json_is_number(found))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a number", path, key,
                         json_kind(found));
    double number = json_number_value(found);
    if (!(number >= low && number <= high))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %g, expected %g to %g", path, key, number,
                         low, high);
    *value = number;
    return PST_OK;
}

pst_status json_get_bool(const json_t *object, const char *path, const char *key, int *value,
                         pst_error *err) {
    const json_t *found = given(object, key);
    if (!found) return PST_OK;
    if (!json_is_boolean(found))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected true or false", path, key,
                         json_kind(found));
    *value = json_is_true(found);
    return PST_OK;
}

pst_status json_get_text(const json_t *object, const char *path, const char *key,
                         const char **value, pst_error *err) {
    const json_t *found = given(object, key);
    if (!found) return PST_OK;
    if (!json_is_string(found))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a string", path, key,
                         json_kind(found));
    *value = json_string_value(found);
    return PST_OK;
}
