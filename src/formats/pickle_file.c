/* pickle_file.c - see pickle_file.h for the format. Every tensor is checked to lie in its storage,
 * and the storage in the file. */
#include "formats/pickle_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"
#include "formats/pickle.h"
#include "formats/zip_file.h"

static const size_t FILE_BYTES_MAX = (size_t)1 << 40;
enum { NAME_SHOWN = 80, PREFIX_MAX = 256 /* a file name and a slash */ };

/* One run of pickle_file_parse(). */
struct archive_reader {
    struct safetensors *file;
    struct zip_file zip;
    struct pickle pickle;
    const char *prefix; /* [prefix_bytes] what every entry's name begins with: "archive/" */
    size_t prefix_bytes;
    size_t copied_bytes;
};

/* -------------------------------------------------------------------------------------- archive */

/* The entry of that name, given in two parts, below the prefix. */
static const struct zip_entry *find_entry(const struct archive_reader *run, const char *folder,
                                          const char *name, size_t name_bytes) {
    struct buffer path = {0};
    const struct zip_entry *entry = NULL;
    buffer_append(&path, run->prefix, run->prefix_bytes);
    buffer_text(&path, folder);
    buffer_append(&path, name, name_bytes);
    if (!path.failed) entry = zip_find(&run->zip, path.data, path.length);
    buffer_free(&path);
    return entry;
}

/* The prefix of data.pkl is that of all others. */
static const struct zip_entry *find_pickle(struct archive_reader *run) {
    static const char name[] = "data.pkl";
    const size_t length = sizeof name - 1;
    for (size_t i = 0; i < run->zip.count; i++) {
        const struct zip_entry *entry = &run->zip.entries[i];
        if (entry->name_bytes <= length || entry->name_bytes - length > PREFIX_MAX ||
            memcmp(entry->name + entry->name_bytes - length, name, length) != 0 ||
            memchr(entry->name, '/', entry->name_bytes) !=
                entry->name + entry->name_bytes - length - 1)
            continue;
        run->prefix = entry->name;
        run->prefix_bytes = entry->name_bytes - length;
        return entry;
    }
    return NULL;
}

static pst_status check_byte_order(const struct archive_reader *run, pst_error *err) {
    static const char little[] = "little";
    const struct zip_entry *entry = find_entry(run, "byteorder", "", 0);
    if (!entry ||
        (entry->bytes == sizeof little - 1 && memcmp(entry->data, little, entry->bytes) == 0))
        return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: byteorder is %.*s, expected little: save it on a little-endian machine",
                     run->file->path, utf8_cut((const char *)entry->data, entry->bytes, 8),
                     (const char *)entry->data);
}

/* Files of torch before 1.6 are pickles one after the other; the first is a magic number. */
static pst_status check_kind(const struct safetensors *file, const unsigned char *bytes,
                             size_t size, pst_error *err) {
    if (zip_looks_like(bytes, size)) return PST_OK;
    if (size > 1 && bytes[0] == 0x80)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: is in the format of torch before 1.6: not supported; in Python, "
                         "torch.save(torch.load(file), file) brings it up to date",
                         file->path);
    return error_set(err, PST_ERR_MODEL,
                     "%s: was not written by torch.save(), which writes zip archives", file->path);
}

/* -------------------------------------------------------------------------------------- tensors */

/* Counts the elements, and with *last the place of the last one; 0 when a number overflows. */
static int measure(const struct pickle_tensor *source, struct tensor *tensor, size_t *last) {
    *last = source->offset;
    tensor->count = 1;
    for (uint32_t i = 0; i < source->dims; i++) {
        size_t step;
        tensor->shape[i] = source->shape[i];
        if (!checked_mul(tensor->count, source->shape[i], &tensor->count)) return 0;
        if (source->shape[i] == 0) continue;
        if (!checked_mul(source->shape[i] - 1, source->strides[i], &step) ||
            !checked_add(*last, step, last))
            return 0;
    }
    return checked_mul(tensor->count, dtype_bytes(tensor->dtype), &tensor->bytes);
}

static int is_contiguous(const struct pickle_tensor *source) {
    size_t step = 1;
    for (uint32_t i = source->dims; i > 0; i--) {
        if (source->shape[i - 1] != 1 && source->strides[i - 1] != step) return 0;
        step *= source->shape[i - 1];
    }
    return 1;
}

/* Finds the storage and checks that the tensor lies in it. */
static pst_status locate(struct archive_reader *run, const struct pickle_tensor *source,
                         struct tensor *tensor, pst_error *err) {
    const char *path = run->file->path;
    const struct zip_entry *entry =
        find_entry(run, "data/", source->storage, source->storage_bytes);
    size_t bytes, last;
    if (!entry)
        return error_set(err, PST_ERR_MODEL, "%s: %s: its storage data/%.*s is missing", path,
                         tensor->name, utf8_cut(source->storage, source->storage_bytes, NAME_SHOWN),
                         source->storage);
    if (!checked_mul(source->storage_count, dtype_bytes(tensor->dtype), &bytes) ||
        bytes != entry->bytes)
        return error_set(
            err, PST_ERR_MODEL, "%s: %s: its storage has %zu bytes, expected %zu values of %s",
            path, tensor->name, entry->bytes, source->storage_count, dtype_name(tensor->dtype));
    if (!measure(source, tensor, &last))
        return error_set(err, PST_ERR_MODEL, "%s: %s: shape overflows", path, tensor->name);
    if (tensor->count > 0 && last >= source->storage_count)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s: its last value is number %zu of a storage of %zu", path,
                         tensor->name, last, source->storage_count);
    if (tensor->count > source->storage_count)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %s: repeats the %zu values of its storage: not supported", path,
                         tensor->name, source->storage_count);
    tensor->data =
        tensor->count > 0 ? entry->data + source->offset * dtype_bytes(tensor->dtype) : entry->data;
    if (is_contiguous(source) || tensor->count == 0) return PST_OK;
    return checked_add(run->copied_bytes, tensor->bytes, &run->copied_bytes)
               ? PST_OK
               : error_set(err, PST_ERR_MODEL, "%s: shapes overflow", path);
}

/* Copies the elements in C order, the last index running fastest. */
static void copy_in_order(const struct pickle_tensor *source, const struct tensor *tensor,
                          unsigned char *to) {
    size_t index[TENSOR_DIMS_MAX] = {0}, at = 0, width = dtype_bytes(tensor->dtype);
    for (size_t n = 0; n < tensor->count; n++) {
        memcpy(to + n * width, tensor->data + at * width, width);
        for (uint32_t i = source->dims; i > 0; i--) {
            at += source->strides[i - 1];
            if (++index[i - 1] < source->shape[i - 1]) break;
            at -= source->strides[i - 1] * source->shape[i - 1];
            index[i - 1] = 0;
        }
    }
}

/* Many tensors could copy one storage until memory runs out; real ones copy less than the file. */
static pst_status copy_all(struct archive_reader *run, size_t file_bytes, pst_error *err) {
    struct safetensors *file = run->file;
    if (run->copied_bytes == 0) return PST_OK;
    if (run->copied_bytes > file_bytes)
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: tensors that share their storages come to %zu bytes in all, more than "
            "the file: not supported",
            file->path, run->copied_bytes);
    file->copies = malloc(run->copied_bytes);
    if (!file->copies) return error_memory(err, run->copied_bytes);
    unsigned char *to = file->copies;
    for (size_t i = 0; i < file->count; i++) {
        struct tensor *tensor = &file->tensors[i];
        if (tensor->count == 0 || is_contiguous(&run->pickle.tensors[i])) continue;
        copy_in_order(&run->pickle.tensors[i], tensor, to);
        tensor->data = to;
        to += tensor->bytes;
    }
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- file */

static pst_status allocate(struct archive_reader *run, pst_error *err) {
    const struct pickle *pickle = &run->pickle;
    size_t total = 1;
    for (size_t i = 0; i < pickle->count; i++) total += pickle->tensors[i].name_bytes + 1;
    run->file->names = malloc(total);
    run->file->tensors = calloc(pickle->count + 1, sizeof *run->file->tensors);
    run->file->format = strdup("pt");
    return run->file->names && run->file->tensors && run->file->format ? PST_OK
                                                                       : error_memory(err, total);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static pst_status sort(struct safetensors *file, pst_error *err) {
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (by_name(&file->tensors[i - 1], &file->tensors[i]) == 0)
            return error_set(err, PST_ERR_MODEL, "%s: %s is there twice", file->path,
                             file->tensors[i].name);
    return PST_OK;
}

static pst_status read_tensors(struct archive_reader *run, size_t file_bytes, pst_error *err) {
    struct safetensors *file = run->file;
    pst_status status = allocate(run, err);
    if (status) return status;
    char *name = file->names;
    for (size_t i = 0; i < run->pickle.count; i++) {
        const struct pickle_tensor *source = &run->pickle.tensors[i];
        struct tensor *tensor = &file->tensors[file->count++];
        memcpy(name, source->name, source->name_bytes);
        name[source->name_bytes] = '\0';
        *tensor = (struct tensor){.name = name, .dtype = source->dtype, .dims = source->dims};
        name += source->name_bytes + 1;
        status = locate(run, source, tensor, err);
        if (status) return status;
    }
    status = copy_all(run, file_bytes, err);
    return status ? status : sort(file, err);
}

static pst_status read_archive(struct archive_reader *run, const unsigned char *bytes, size_t size,
                               pst_error *err) {
    const char *path = run->file->path;
    pst_status status = check_kind(run->file, bytes, size, err);
    if (!status) status = zip_open(&run->zip, bytes, size, path, err);
    if (status) return status;
    const struct zip_entry *pickle = find_pickle(run);
    if (!pickle)
        return error_set(err, PST_ERR_MODEL,
                         "%s: has no data.pkl in it: was not written by torch.save()", path);
    status = check_byte_order(run, err);
    if (!status) status = pickle_read(&run->pickle, pickle->data, pickle->bytes, path, err);
    return status ? status : read_tensors(run, size, err);
}

pst_status pickle_file_parse(struct safetensors *file, const unsigned char *bytes, size_t size,
                             const char *name, pst_error *err) {
    *file = (struct safetensors){0};
    struct archive_reader run = {.file = file};
    file->path = strdup(name);
    pst_status status = file->path ? read_archive(&run, bytes, size, err) : error_memory(err, 0);
    zip_close(&run.zip);
    pickle_free(&run.pickle);
    if (status) safetensors_close(file);
    return status;
}

pst_status pickle_file_open(struct safetensors *file, const char *path, pst_error *err) {
    struct file_view view;
    pst_status status = file_view_open(&view, path, FILE_BYTES_MAX, err);
    if (status) return status;
    status = pickle_file_parse(file, view.data, view.size, path, err);
    if (status) {
        file_view_close(&view);
        return status;
    }
    file->view = view;
    return PST_OK;
}
