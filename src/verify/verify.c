/* verify.c - a whole model or adapter folder, every finding.
 *
 * The readers that open models and adapters stop at the first thing wrong, as they must; here they are
 * called one by one, and what each says becomes a finding. Added are the checks that opening has no
 * need of: values, files nobody asked for, keys nobody knows. What belongs to one kind of folder is in
 * verify_model.c and verify_adapter.c. */
#include "verify/verify.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"

static const size_t JSON_BYTES_MAX = 64 << 20; /* an index of many shards, with room */

/* Files in a folder; one with more is no model. */
enum { FILES_MAX = 4096 };

/* Findings reported; a hostile file can have as many as it has bytes, and nobody reads on. */
enum { FINDINGS_MAX = 1000 };

/* Values widened at once: a page, small enough for the stack. */
enum { VALUES_AT_ONCE = 1024 };

/* ---------------------------------------------------------------------------------- reporting */

/* Was this said before? Remembers it if not. */
static int is_told(struct verifying *run, const char *file, const char *message) {
    struct buffer line = {0};
    buffer_format(&line, "%s: %s", file, message);
    int told = 0;
    for (size_t at = 0; line.data && at < run->told.length && !told;
         at += strlen(run->told.data + at) + 1)
        told = strcmp(run->told.data + at, line.data) == 0;
    if (line.failed) run->told.failed = 1;
    if (!told && line.data) buffer_append(&run->told, line.data, line.length + 1);
    buffer_free(&line);
    return told;
}

void verify_tell(struct verifying *run, pst_severity severity, const char *file,
                 const char *message) {
    char name[256];
    size_t dir = strlen(run->dir);
    if (strncmp(message, run->dir, dir) == 0) {
        const char *rest = message + dir;
        while (*rest == '/') rest++;
        const char *colon = strstr(rest, ": ");
        if (colon && (size_t)(colon - rest) < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(colon - rest), rest);
            file = name;
            message = colon + 2;
        }
    }
    uint32_t before = run->summary->problems + run->summary->warnings;
    if (before < FINDINGS_MAX && is_told(run, file, message)) return;
    if (severity == PST_PROBLEM)
        run->summary->problems++;
    else
        run->summary->warnings++;
    if (before >= FINDINGS_MAX) return;
    pst_finding finding = {severity, file, message};
    if (run->options->finding) run->options->finding(run->options->user, &finding);
}

void verify_tellf(struct verifying *run, pst_severity severity, const char *file,
                  const char *format, ...) {
    pst_error note; /* for its safe text */
    char text[sizeof note.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&note, PST_OK, "%s", text);
    verify_tell(run, severity, file, note.message);
}

pst_status verify_judge(struct verifying *run, pst_status status, const char *file,
                        const pst_error *found, pst_error *err) {
    if (status == PST_OK) return PST_OK;
    if (status == PST_ERR_MEMORY) {
        if (err) *err = *found;
        return status;
    }
    verify_tell(run, PST_PROBLEM, file, found->message);
    return PST_OK;
}

int verify_has(struct verifying *run, const char *name) {
    char *path = path_join(run->dir, name);
    if (!path) run->told.failed = 1;
    int has = path && path_is_file(path);
    free(path);
    return has;
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
static const char *place(const struct tensor *tensor, size_t index, char text[128]) {
    struct tensor at = {.dims = tensor->dims};
    for (uint32_t i = tensor->dims; i-- > 0;) {
        at.shape[i] = index % tensor->shape[i];
        index /= tensor->shape[i];
    }
    return tensor_shape_text(&at, text);
}

void verify_values(struct verifying *run, const char *file, const struct safetensors *tensors) {
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->tensors[i];
        char text[128];
        float value = 0;
        size_t bad = find_bad_value(tensor, &value);
        if (bad < tensor->count)
            verify_tellf(run, PST_PROBLEM, file, "%s has %s at %s, expected finite values",
                         tensor->name, isnan(value) ? "NaN" : "infinity", place(tensor, bad, text));
    }
    run->summary->tensors += (uint32_t)tensors->count;
}

/* -------------------------------------------------------------------------------------- files */

static int ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), size = strlen(ending);
    return length >= size && strcmp(name + length - size, ending) == 0;
}

/* Any JSON file must be JSON. tokenizer.json has its own reader, which is stricter and faster. */
static pst_status check_json(struct verifying *run, const char *name, const char *path,
                             pst_error *err) {
    struct file_view view;
    pst_error found;
    pst_status status = file_view_open(&view, path, JSON_BYTES_MAX, &found);
    if (status) return verify_judge(run, status, name, &found, err);
    json_error_t error;
    json_t *root = json_loadb((const char *)view.data, view.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    file_view_close(&view);
    if (!root && json_error_code(&error) == json_error_out_of_memory) return error_memory(err, 0);
    if (!root)
        verify_tellf(run, PST_PROBLEM, name, "line %d column %d: %s", error.line, error.column,
                     error.text);
    json_decref(root);
    return PST_OK;
}

static pst_status check_file(struct verifying *run, const char *name, pst_error *err) {
    char *path = path_join(run->dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (path_is_file(path)) {
        run->summary->files++;
        if (ends_with(name, ".json") && strcmp(name, "tokenizer.json") != 0)
            status = check_json(run, name, path, err);
        if (strstr(name, ".tmp-"))
            verify_tell(run, PST_WARNING, name, "is left over from a write that was interrupted");
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

pst_status verify_files(struct verifying *run, pst_error *err) {
    char **names = NULL;
    size_t count = 0;
    pst_status status = verify_list(run->dir, &names, &count, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++) status = check_file(run, names[i], err);
    verify_list_free(names, count);
    return status;
}

pst_status verify_folder(struct verifying *run, pst_error *err) {
    int is_adapter = verify_has(run, "adapter_config.json");
    int is_model = verify_has(run, "config.json");
    if (run->told.failed) return error_memory(err, 0);
    if (!is_adapter && !is_model)
        return error_set(err, PST_ERR_MODEL,
                         "%s: is neither a model (config.json) nor an adapter "
                         "(adapter_config.json) nor a Core ML package (Manifest.json)",
                         run->dir);
    run->summary->kind = is_adapter ? "adapter" : "model";
    pst_status status = verify_files(run, err);
    if (!status) status = is_adapter ? verify_adapter(run, err) : verify_model(run, err);
    return status;
}
