/* check_package.c - checks a package on disk: can it be read, is its weight file whole and used,
 * and is its program valid? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/check/check.h"
#include "coreml/package/package.h"
#include "coreml/package/package_blob.h"

struct package_check {
    struct findings *findings;
    const char *prefix;
    const char *file; /* what findings are about when they do not say */
};

/* "model.mlmodel: what" becomes a finding about that file. */
static void report(void *user, pst_severity severity, const char *message) {
    static const char *const files[] = {"model.mlmodel", "weight.bin", "weights/weight.bin",
                                        "Manifest.json"};
    const struct package_check *check = user;
    const char *file = check->file;
    char name[512];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t length = strlen(files[i]);
        if (strncmp(message, files[i], length) != 0 || strncmp(message + length, ": ", 2) != 0)
            continue;
        file = i == 2 ? files[1] : files[i];
        message += length + 2;
        break;
    }
    snprintf(name, sizeof name, "%s%s", check->prefix, file);
    findings_add(check->findings, severity, name, message);
}

/* -------------------------------------------------------------------------------- weight file */

/* The offsets that constants use, to be sorted. */
struct offsets {
    struct package_check *check;
    uint64_t *list; /* [count] */
    size_t count, capacity;
};

static int note_offset(struct offsets *offsets, const struct mil_value *value) {
    if (value->blob_offset == 0) return 1;
    if (offsets->count == offsets->capacity) {
        size_t capacity = offsets->capacity == 0 ? 256 : 2 * offsets->capacity;
        uint64_t *list = realloc(offsets->list, capacity * sizeof *list);
        if (list == NULL) return 0;
        offsets->list = list;
        offsets->capacity = capacity;
    }
    offsets->list[offsets->count++] = value->blob_offset;
    return 1;
}

static pst_status check_constant(void *user, struct mil_value *value, const char *name) {
    struct offsets *offsets = user;
    float numbers[MIL_FLOATS];
    int found = 0;
    for (size_t at = 0, some; !found && (some = mil_floats(value, at, numbers)) != 0; at += some)
        for (size_t i = 0; i < some && !found; i++) {
            char message[256];
            if (!isnan(numbers[i])) continue;
            snprintf(message, sizeof message, "model.mlmodel: %.100s has NaN at %zu", name, at + i);
            report(offsets->check, PST_PROBLEM, message);
            found = 1;
        }
    return note_offset(offsets, value) ? PST_OK : PST_ERR_MEMORY;
}

static int by_offset(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void report_weights(struct package_check *check, pst_severity severity, const char *message,
                           unsigned long long number) {
    char text[256];
    snprintf(text, sizeof text, "weight.bin: %s %llu", message, number);
    report(check, severity, text);
}

/* Follows the records from the first to the end of the file; each of them should be used. */
static void check_records(struct package_check *check, const struct file_view *file,
                          const struct offsets *used) {
    uint64_t at = BLOB_ALIGNMENT, end = BLOB_ALIGNMENT;
    struct blob_header header;
    size_t count = 0, unused = 0;
    if (!blob_header_read(file, &header)) {
        report_weights(check, PST_PROBLEM, "has no header of version 2, size", file->size);
        return;
    }
    while (at < file->size) {
        struct blob_record record;
        if (!blob_record_read(file, at, &record)) {
            report_weights(check, PST_PROBLEM, "has no whole record at", at);
            return;
        }
        if (!record.clean)
            report_weights(check, PST_WARNING, "reserved words are not 0 in the record at", at);
        if (!record.packed)
            report_weights(check, PST_PROBLEM, "unused bits are counted wrongly in the record at",
                           at);
        count++;
        unused += used->count == 0 ||
                  bsearch(&at, used->list, used->count, sizeof *used->list, by_offset) == NULL;
        end = record.start + record.bytes;
        at = (end + BLOB_ALIGNMENT - 1) / BLOB_ALIGNMENT * BLOB_ALIGNMENT;
    }
    if (count != header.count)
        report_weights(check, PST_PROBLEM,
                       "its header counts other records than there are:", header.count);
    if (end != file->size)
        report_weights(check, PST_WARNING, "goes on behind its last record, which ends at", end);
    if (unused != 0) report_weights(check, PST_WARNING, "records that no constant uses:", unused);
    check->findings->tensors += (uint32_t)count;
}

static pst_status check_weights(struct package_check *check, const struct mil_model *model,
                                pst_error *err) {
    struct offsets offsets = {.check = check};
    pst_status status = mil_each_constant(model, check_constant, &offsets);
    if (offsets.count != 0) qsort(offsets.list, offsets.count, sizeof *offsets.list, by_offset);
    if (!status && model->weights.data != NULL) check_records(check, &model->weights, &offsets);
    free(offsets.list);
    return status ? error_memory(err, 0) : PST_OK;
}

/* ------------------------------------------------------------------------------------ package */

pst_status check_package(struct findings *findings, const char *path, const char *prefix,
                         pst_error *err) {
    struct package_check check = {findings, prefix, "model.mlmodel"};
    struct mil_model *model = NULL;
    pst_error found;
    pst_status status = package_read(path, &model, &found);
    if (status == PST_ERR_MEMORY) {
        if (err != NULL) *err = found;
        return status;
    }
    if (status) { /* paths are reported from the package on */
        const char *message = found.message;
        size_t length = strlen(path);
        if (strncmp(message, path, length) == 0)
            for (message += length; *message == '/'; message++) {}
        check.file = "";
        report(&check, PST_PROBLEM, message);
        return PST_OK;
    }
    findings->files += 2 + (model->weights.data != NULL);
    if (check_model(model, report, &check))
        status = error_memory(err, 0);
    else
        status = check_weights(&check, model, err);
    mil_model_free(model);
    return status;
}
