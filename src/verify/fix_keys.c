/* fix_keys.c - a copy of an adapter whose tensors have the names that PEFT looks for. */
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_folder.h"
#include "adapter/adapter_keys.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/folder_writer.h"
#include "formats/safetensors.h"
#include "model/model_folder.h"
#include "potstill_tools.h"

enum { COPY_BYTES_MAX = 16 << 20 }; /* a README with pictures in it */

static const char *const COPIED[] = {"adapter_config.json", "README.md", "LICENSE"};

struct fix {
    struct safetensors file;
    struct tensor_source *tensors; /* [file.count] */
    char **names;                  /* [file.count]: mended ones; NULL: as it was */
    uint32_t fixed;
};

/* Two tensors of one name cannot be written. */
static pst_status check_names(const struct fix *fix, pst_error *err) {
    for (size_t i = 0; i < fix->file.count; i++) {
        if (!fix->names[i]) continue;
        const struct tensor *there = safetensors_find(&fix->file, fix->names[i]);
        size_t other = there ? (size_t)(there - fix->file.tensors) : fix->file.count;
        if (there && !fix->names[other])
            return error_set(err, PST_ERR_MODEL, "%s: has both %s and %s, which would be one",
                             fix->file.path, fix->file.tensors[i].name, fix->names[i]);
    }
    return PST_OK;
}

static pst_status mend(struct fix *fix, pst_error *err) {
    size_t count = fix->file.count;
    fix->tensors = calloc(count + 1, sizeof *fix->tensors);
    fix->names = calloc(count + 1, sizeof *fix->names);
    if (!fix->tensors || !fix->names) return error_memory(err, 0);
    for (size_t i = 0; i < count; i++) {
        const struct tensor *tensor = &fix->file.tensors[i];
        struct buffer mended = {0};
        if (adapter_key_mend(tensor->name, &mended)) {
            fix->names[i] = strdup(mended.data);
            fix->fixed++;
        }
        int failed = mended.failed || (fix->fixed && mended.data && !fix->names[i] &&
                                       strcmp(mended.data, tensor->name) != 0);
        buffer_free(&mended);
        if (failed) return error_memory(err, 0);
        fix->tensors[i] =
            (struct tensor_source){.name = fix->names[i] ? fix->names[i] : tensor->name,
                                   .dtype = tensor->dtype,
                                   .dims = tensor->dims,
                                   .data = tensor->data};
        memcpy(fix->tensors[i].shape, tensor->shape, sizeof fix->tensors[i].shape);
    }
    return check_names(fix, err);
}

static pst_status copy_files(const char *from, const char *to, pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED && !status; i++) {
        struct file_view view;
        char *path = path_join(from, COPIED[i]);
        if (!path) return error_memory(err, 0);
        if (path_is_file(path)) {
            status = file_view_open(&view, path, COPY_BYTES_MAX, err);
            if (!status) {
                status = model_folder_put(to, COPIED[i], (const char *)view.data, view.size, err);
                file_view_close(&view);
            }
        }
        free(path);
    }
    return status;
}

static pst_status write_copy(const struct fix *fix, const char *from, const char *target,
                             pst_error *err) {
    struct folder_writer writer;
    pst_status status = folder_writer_open(&writer, target, NULL, err);
    if (status) return status;
    char *path = path_join(writer.temporary.path, "adapter_model.safetensors");
    status = path ? copy_files(from, writer.temporary.path, err) : error_memory(err, 0);
    if (!status) status = safetensors_write(path, fix->tensors, fix->file.count, err);
    free(path);
    if (!status) return folder_writer_commit(&writer, err);
    folder_writer_abort(&writer);
    return status;
}

static pst_status fix_folder(const char *from, const char *target, uint32_t *fixed,
                             pst_error *err) {
    struct fix fix = {0};
    pst_status status = adapter_tensors_open(&fix.file, from, err);
    if (status) return status;
    status = mend(&fix, err);
    if (!status && fix.fixed > 0) status = write_copy(&fix, from, target, err);
    for (size_t i = 0; fix.names && i < fix.file.count; i++) free(fix.names[i]);
    *fixed = fix.fixed;
    free(fix.names);
    free(fix.tensors);
    safetensors_close(&fix.file);
    return status;
}

pst_status pst_adapter_fix_keys(const char *dir, const char *target_dir, uint32_t *fixed,
                                pst_error *err) {
    struct adapter_folder folder;
    if (!dir || !target_dir || !fixed)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_adapter_fix_keys: dir, target_dir or fixed is NULL");
    *fixed = 0;
    pst_status status = adapter_folder_find(&folder, dir, err);
    if (status) return status;
    if (folder.by_trainer)
        status = error_set(err, PST_ERR_UNSUPPORTED,
                           "%s: is of Moonshine's own trainer, not of PEFT: its names are another "
                           "format",
                           dir);
    else
        status = fix_folder(folder.path, target_dir, fixed, err);
    adapter_folder_free(&folder);
    return status;
}
