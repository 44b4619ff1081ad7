/* adapter_folder.c - see adapter_folder.h. */
#include "adapter/adapter_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "formats/pickle_file.h"

/* Sub-folders with an adapter that are counted, and named in a message. */
enum { FOUND_MAX = 64, FOUND_SHOWN = 4 };

struct found {
    char *names[FOUND_MAX];
    size_t count;
};

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists the folders in `dir` that have an adapter_config.json, in the order of their names. */
static pst_status look_inside(struct found *found, const char *dir, pst_error *err) {
    DIR *stream = opendir(dir);
    if (!stream)
        return errno == ENOMEM ? error_memory(err, 0) : error_system(err, "read", dir, errno);
    int failed = 0;
    for (struct dirent *entry; found->count < FOUND_MAX && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.') continue; /* itself, its parent, and what is hidden */
        char *path = path_join(dir, entry->d_name);
        if (!path) failed = 1;
        if (path && path_is_folder(path) && path_has_file(path, "adapter_config.json")) {
            found->names[found->count] = strdup(entry->d_name);
            if (found->names[found->count])
                found->count++;
            else
                failed = 1;
        }
        free(path);
    }
    closedir(stream);
    qsort(found->names, found->count, sizeof *found->names, by_name);
    return failed ? error_memory(err, 0) : PST_OK;
}

static pst_status choose(const struct found *found, const char *dir, char **path, pst_error *err) {
    if (found->count == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: holds no adapter: there is no adapter_config.json in it or in a "
                         "folder inside it",
                         dir);
    if (found->count == 1) {
        *path = path_join(dir, found->names[0]);
        return *path ? PST_OK : error_memory(err, 0);
    }
    struct buffer names = {0};
    for (size_t i = 0; i < found->count && i < FOUND_SHOWN; i++)
        buffer_format(&names, "%s%s", i ? ", " : "", found->names[i]);
    if (found->count > FOUND_SHOWN) buffer_text(&names, ", ...");
    pst_status status =
        names.failed ? error_memory(err, 0)
                     : error_set(err, PST_ERR_MODEL,
                                 "%s: holds several adapters, in the folders %s: name one of them",
                                 dir, names.data);
    buffer_free(&names);
    return status;
}

/* The only folder in `dir` that has an adapter. */
static pst_status find_inside(const char *dir, char **path, pst_error *err) {
    struct found found = {0};
    pst_status status = look_inside(&found, dir, err);
    if (!status) status = choose(&found, dir, path, err);
    for (size_t i = 0; i < found.count; i++) free(found.names[i]);
    return status;
}

pst_status adapter_folder_find(struct adapter_folder *folder, const char *dir, pst_error *err) {
    *folder = (struct adapter_folder){0};
    if (!path_is_folder(dir))
        return error_set(err, PST_ERR_MODEL, "%s: is not a folder, expected a PEFT adapter", dir);
    int by_peft = path_has_file(dir, "adapter_config.json");
    int by_trainer = !by_peft && path_has_file(dir, "adapter.safetensors");
    if (!by_peft && !by_trainer) return find_inside(dir, &folder->path, err);
    folder->path = strdup(dir);
    folder->by_trainer = by_trainer;
    return folder->path ? PST_OK : error_memory(err, 0);
}

void adapter_folder_free(struct adapter_folder *folder) {
    free(folder->path);
    *folder = (struct adapter_folder){0};
}

pst_status pst_adapter_find(const char *dir, char **found, pst_error *err) {
    struct adapter_folder folder;
    if (!dir || !found)
        return error_set(err, PST_ERR_ARGUMENT, "pst_adapter_find: dir or found is NULL");
    pst_status status = adapter_folder_find(&folder, dir, err);
    if (!status) *found = folder.path;
    return status;
}

static const char TENSORS[] = "adapter_model.safetensors", PICKLE[] = "adapter_model.bin";

const char *adapter_tensors_name(const char *dir) {
    return !path_has_file(dir, TENSORS) && path_has_file(dir, PICKLE) ? PICKLE : TENSORS;
}

pst_status adapter_tensors_open(struct safetensors *file, const char *dir, pst_error *err) {
    const char *name = adapter_tensors_name(dir);
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = (name == PICKLE ? pickle_file_open : safetensors_open)(file, path, err);
    free(path);
    return status;
}
