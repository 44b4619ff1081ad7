/* verify_files.c - what every folder is checked for: its files, that JSON is JSON, and
 * values that are finite. */
#include "verify/verify.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/text.h"
#include "formats/json_file.h"

static const size_t JSON_BYTES_MAX = 64 << 20; /* an index of many shards has less */

/* Files in a folder; one with more is no model. */
enum { FILES_MAX = 4096 };

/* Values widened at once: a page, small enough for the stack. */
enum { VALUES_AT_ONCE = 1024 };

int verify_has(struct findings *findings, const char *name) {
    return path_has_file(findings->dir, name);
}

/* ------------------------------------------------------------------------------------- values */

/* The first value that is not finite; tensor->count when all are, or the type holds none. */
static size_t find_bad_value(const struct tensor *tensor, float *value) {
    float values[VALUES_AT_ONCE];
    size_t size = dtype_bytes(tensor->dtype);
    for (size_t at = 0; at < tensor->count; at += VALUES_AT_ONCE) {
        size_t left = tensor->count - at, count = left < VALUES_AT_ONCE ? left : VALUES_AT_ONCE;
        if (!dtype_to_float(tensor->dtype, tensor->data + at * size, count, values)) break;
        for (size_t i = 0; i < count; i++) {
            *value = values[i];
            if (!isfinite(*value)) return at + i;
        }
    }
    return tensor->count;
}

/* "[3, 5]": where the value with the number `index` stands. */
static const char *position_text(const struct tensor *tensor, size_t index, char text[128]) {
    struct tensor at = {.dims = tensor->dims};
    for (uint32_t i = tensor->dims; i-- > 0;) {
        at.shape[i] = index % tensor->shape[i];
        index /= tensor->shape[i];
    }
    return tensor_shape_text(&at, text);
}

/* All of them in one finding: it is one mistake. */
static void check_empty(struct findings *findings, const char *file,
                        const struct safetensors *tensors) {
    const struct tensor *first = NULL;
    char text[128];
    size_t empty = 0;
    for (size_t i = tensors->count; i > 0; i--)
        if (tensors->tensors[i - 1].count == 0) first = &tensors->tensors[i - 1], empty++;
    if (first)
        findings_addf(findings, PST_PROBLEM, file,
                      "%zu of %zu tensors are empty (%s is %s): DeepSpeed ZeRO-3 saves such unless "
                      "the weights are gathered first",
                      empty, tensors->count, first->name, tensor_shape_text(first, text));
}

void verify_values(struct findings *findings, const char *file, const struct safetensors *tensors) {
    check_empty(findings, file, tensors);
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->tensors[i];
        char text[128];
        float value = 0;
        size_t bad = find_bad_value(tensor, &value);
        if (bad < tensor->count)
            findings_addf(findings, PST_PROBLEM, file, "%s has %s at %s, expected finite values",
                          tensor->name, isnan(value) ? "NaN" : "infinity",
                          position_text(tensor, bad, text));
    }
    findings->tensors += (uint32_t)tensors->count;
}

/* -------------------------------------------------------------------------------------- files */

/* Any JSON file must be JSON. tokenizer.json has its own reader, which is stricter and faster. */
static pst_status check_json(struct findings *findings, const char *name, const char *path,
                             pst_error *err) {
    struct file_view view;
    pst_error found;
    pst_status status = file_view_open(&view, path, JSON_BYTES_MAX, &found);
    if (status) return findings_check(findings, status, name, &found, err);
    json_error_t error;
    json_t *root =
        json_parse((const char *)view.data, view.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    file_view_close(&view);
    if (!root && json_error_code(&error) == json_error_out_of_memory) return error_memory(err, 0);
    if (!root)
        findings_addf(findings, PST_PROBLEM, name, "line %d column %d: %s", error.line,
                      error.column, error.text);
    json_decref(root);
    return PST_OK;
}

static pst_status check_file(struct findings *findings, const char *name, pst_error *err) {
    char *path = path_join(findings->dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (path_is_file(path)) {
        findings->files++;
        if (text_ends_with(name, strlen(name), ".json") && strcmp(name, "tokenizer.json") != 0)
            status = check_json(findings, name, path, err);
        if (strstr(name, ".tmp-"))
            findings_add(findings, PST_WARNING, name,
                         "is left over from a write that was interrupted");
    }
    free(path);
    return status;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void verify_list_free(char **names, size_t count) {
    for (size_t i = 0; names && i < count; i++) free(names[i]);
    free(names);
}

pst_status verify_list(const char *dir, char ***names, size_t *count, pst_error *err) {
    DIR *folder = opendir(dir);
    if (!folder) return error_system(err, "read", dir, errno);
    *names = calloc(FILES_MAX, sizeof **names);
    *count = 0;
    pst_status status = *names ? PST_OK : error_memory(err, FILES_MAX * sizeof **names);
    for (struct dirent *entry; !status && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        if (*count == FILES_MAX)
            status = error_set(err, PST_ERR_MODEL, "%s: has over %d files", dir, FILES_MAX);
        else if (!((*names)[*count] = strdup(entry->d_name)))
            status = error_memory(err, 0);
        else
            ++*count;
    }
    closedir(folder);
    if (*names) qsort(*names, *count, sizeof **names, by_text);
    if (status) verify_list_free(*names, *count);
    return status;
}

pst_status verify_files(struct findings *findings, pst_error *err) {
    char **names = NULL;
    size_t count = 0;
    pst_status status = verify_list(findings->dir, &names, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++) status = check_file(findings, names[i], err);
    verify_list_free(names, count);
    return status;
}
