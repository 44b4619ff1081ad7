/* json_file.c - see json_file.h. */
#include "formats/json_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"

pst_status json_file_open(struct json_file *file, const char *path, size_t limit, pst_error *err) {
    *file = (struct json_file){0};
    struct file_view view;
    pst_status status = file_view_open(&view, path, limit, err);
    if (status) return status;
    json_error_t error;
    json_t *root = json_loadb((const char *)view.data, view.size, JSON_REJECT_DUPLICATES, &error);
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
