/* safetensors.c - the reader; see safetensors.h for the format. Every number of the header is
 * checked before it is used. */
#include "formats/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "formats/json_file.h"

/* The reference reader's own cap on the header. */
static const uint64_t HEADER_BYTES_MAX = 100000000;
static const size_t FILE_BYTES_MAX = (size_t)1 << 40;

static uint64_t read_u64(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* Reads an unsigned integer of the header into `*value`. */
static int as_size(const json_t *number, size_t *value) {
    if (!json_is_integer(number) || json_integer_value(number) < 0) return 0;
    *value = (size_t)json_integer_value(number);
    return 1;
}

static pst_status read_shape(struct tensor *tensor, const json_t *shape, const char *path,
                             pst_error *err) {
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_DIMS_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s: shape is not a list of at most %d sizes",
                         path, tensor->name, TENSOR_DIMS_MAX);
    tensor->dims = (uint32_t)json_array_size(shape);
    tensor->count = 1;
    for (uint32_t i = 0; i < tensor->dims; i++) {
        if (!as_size(json_array_get(shape, i), &tensor->shape[i]))
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s: shape has an entry that is not a whole number", path,
                             tensor->name);
        if (!checked_mul(tensor->count, tensor->shape[i], &tensor->count))
            return error_set(err, PST_ERR_MODEL, "%s: %s: shape overflows", path, tensor->name);
    }
    if (!checked_mul(tensor->count, dtype_bytes(tensor->dtype), &tensor->bytes))
        return error_set(err, PST_ERR_MODEL, "%s: %s: shape overflows", path, tensor->name);
    return PST_OK;
}

/* Fills all of `tensor` but its name from one entry of the header. */
static pst_status read_entry(struct tensor *tensor, const json_t *entry, const unsigned char *data,
                             size_t data_bytes, const char *path, pst_error *err) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype || !dtype_parse(dtype, &tensor->dtype))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s: dtype is %s, expected one such as F32, F16, BF16", path,
                         tensor->name, dtype ? dtype : "missing or not a string");
    pst_status status = read_shape(tensor, json_object_get(entry, "shape"), path, err);
    if (status) return status;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin, end;
    if (json_array_size(offsets) != 2 || !as_size(json_array_get(offsets, 0), &begin) ||
        !as_size(json_array_get(offsets, 1), &end) || begin > end)
        return error_set(err, PST_ERR_MODEL, "%s: %s: data_offsets is not [begin, end]", path,
                         tensor->name);
    if (end > data_bytes)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s: data ends at byte %zu, the file has %zu (cut short?)", path,
                         tensor->name, end, data_bytes);
    if (end - begin != tensor->bytes)
        return error_set(err, PST_ERR_MODEL, "%s: %s: has %zu bytes, its shape and dtype need %zu",
                         path, tensor->name, end - begin, tensor->bytes);
    tensor->data = data + begin;
    return PST_OK;
}

static int by_offset(const void *a, const void *b) {
    const struct tensor *left = a, *right = b;
    if (left->data != right->data) return left->data < right->data ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes); /* empty ones first */
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* No hole, no overlap, no byte left over. Leaves the tensors sorted by name. */
static pst_status check_cover(struct safetensors *file, const unsigned char *data,
                              size_t data_bytes, const char *path, pst_error *err) {
    qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    const unsigned char *expected = data;
    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *tensor = &file->tensors[i];
        if (tensor->data != expected)
            return error_set(err, PST_ERR_MODEL, "%s: %s: begins at byte %zu, expected %zu (%s)",
                             path, tensor->name, (size_t)(tensor->data - data),
                             (size_t)(expected - data),
                             tensor->data < expected ? "it overlaps another tensor"
                                                     : "there is a hole before it");
        expected += tensor->bytes;
    }
    if (expected != data + data_bytes)
        return error_set(err, PST_ERR_MODEL, "%s: %zu bytes follow the last tensor", path,
                         (size_t)(data + data_bytes - expected));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return PST_OK;
}

static pst_status read_metadata(struct safetensors *file, const json_t *metadata, const char *path,
                                pst_error *err) {
    if (!json_is_object(metadata))
        return error_set(err, PST_ERR_MODEL, "%s: __metadata__ is %s, expected an object", path,
                         json_kind(metadata));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)metadata, key, value) {
        if (!json_is_string(value))
            return error_set(err, PST_ERR_MODEL, "%s: __metadata__: %s is not a string", path, key);
    }
    const char *format = json_string_value(json_object_get(metadata, "format"));
    free(file->format);
    file->format = strdup(format ? format : "");
    return file->format ? PST_OK : error_memory(err, 0);
}

/* Copies the names of all tensors out of the JSON, which is freed after parsing. */
static pst_status copy_names(struct safetensors *file, const json_t *header, pst_error *err) {
    size_t total = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)header, key, value) total += strlen(key) + 1;
    file->names = malloc(total ? total : 1);
    file->tensors = calloc(json_object_size(header) + 1, sizeof *file->tensors);
    if (!file->names || !file->tensors) return error_memory(err, total);
    return PST_OK;
}

static pst_status read_header(struct safetensors *file, const json_t *header,
                              const unsigned char *data, size_t data_bytes, const char *path,
                              pst_error *err) {
    pst_status status = copy_names(file, header, err);
    if (status) return status;
    char *name = file->names;
    const char *key;
    json_t *entry;
    json_object_foreach((json_t *)header, key, entry) {
        if (strcmp(key, "__metadata__") == 0) {
            status = read_metadata(file, entry, path, err);
        } else {
            struct tensor *tensor = &file->tensors[file->count++];
            tensor->name = strcpy(name, key);
            name += strlen(key) + 1;
            status = read_entry(tensor, entry, data, data_bytes, path, err);
        }
        if (status) return status;
    }
    if (!file->format && !(file->format = strdup(""))) return error_memory(err, 0);
    return check_cover(file, data, data_bytes, path, err);
}

pst_status safetensors_parse(struct safetensors *file, const unsigned char *bytes, size_t size,
                             const char *name, pst_error *err) {
    *file = (struct safetensors){0};
    if (size < 8)
        return error_set(err, PST_ERR_MODEL, "%s: is %zu bytes, too short for a safetensors header",
                         name, size);
    uint64_t header_bytes = read_u64(bytes);
    if (header_bytes > HEADER_BYTES_MAX)
        return error_set(
            err, PST_ERR_MODEL,
            "%s: header length is %llu, expected at most %llu (not a safetensors file?)", name,
            (unsigned long long)header_bytes, (unsigned long long)HEADER_BYTES_MAX);
    if (header_bytes > size - 8)
        return error_set(err, PST_ERR_MODEL, "%s: header of %llu bytes passes the end of the file",
                         name, (unsigned long long)header_bytes);
    const unsigned char *data = bytes + 8 + header_bytes;
    json_error_t error;
    json_t *header =
        json_loadb((const char *)bytes + 8, (size_t)header_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!header && json_error_code(&error) == json_error_out_of_memory) return error_memory(err, 0);
    if (!json_is_object(header)) {
        json_decref(header);
        return error_set(err, PST_ERR_MODEL, "%s: header is not a JSON object: %s", name,
                         header ? "another JSON value" : error.text);
    }
    pst_status status = PST_OK;
    file->path = strdup(name);
    if (!file->path) status = error_memory(err, 0);
    if (!status)
        status = read_header(file, header, data, size - 8 - (size_t)header_bytes, name, err);
    json_decref(header);
    if (status) safetensors_close(file);
    return status;
}

pst_status safetensors_open(struct safetensors *file, const char *path, pst_error *err) {
    struct file_view view;
    pst_status status = file_view_open(&view, path, FILE_BYTES_MAX, err);
    if (status) return status;
    status = safetensors_parse(file, view.data, view.size, path, err);
    if (status) {
        file_view_close(&view);
        return status;
    }
    file->view = view;
    return PST_OK;
}

void safetensors_close(struct safetensors *file) {
    file_view_close(&file->view);
    free(file->path);
    free(file->tensors);
    free(file->names);
    free(file->format);
    free(file->copies);
    *file = (struct safetensors){0};
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name) {
    struct tensor key = {.name = name};
    if (file->count == 0) return NULL;
    return bsearch(&key, file->tensors, file->count, sizeof *file->tensors, by_name);
}

int tensor_has_shape(const struct tensor *tensor, uint32_t dims, const size_t *shape) {
    return tensor->dims == dims && memcmp(tensor->shape, shape, dims * sizeof *shape) == 0;
}

const char *shape_text(uint32_t dims, const size_t *shape, char text[128]) {
    size_t used = 0;
    text[used++] = '[';
    for (uint32_t i = 0; i < dims && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, i ? ", %zu" : "%zu", shape[i]);
    snprintf(text + used, 128 - used, "]");
    return text;
}

int tensor_to_float(const struct tensor *tensor, float *out) {
    return dtype_to_float(tensor->dtype, tensor->data, tensor->count, out);
}

const float *tensor_floats_in_place(const struct tensor *tensor) {
    if (tensor->dtype != DTYPE_F32 || (uintptr_t)tensor->data % _Alignof(float)) return NULL;
    return (const float *)(const void *)tensor->data;
}
