/* model_folder.c - see model_folder.h. */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "model/model_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"

static const char *const NAMES[] = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "potstill_merge.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
};

const struct folder_files MODEL_FOLDER_FILES = {
    .what = "a model that potstill writes",
    .names = NAMES,
    .count = sizeof NAMES / sizeof *NAMES,
};

static int is_same_folder(const char *a, const char *b) {
    struct stat left, right;
    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

pst_status model_folder_check_target(const char *target_dir, const char *source_dir,
                                     pst_error *err) {
    if (is_same_folder(source_dir, target_dir))
        return error_set(err, PST_ERR_ARGUMENT, "%s: is the source too, expected another folder",
                         target_dir);
    if (!path_is_folder(target_dir) || path_has_file(target_dir, "config.json")) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: exists already and is not a model (no config.json)",
                     target_dir);
}

static int is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* Cuts the repository's folder out of that of a snapshot; 0: it is none. */
static int cut_to_repository(char *folder) {
    static const char SNAPSHOTS[] = "/snapshots";
    char *commit = strrchr(folder, '/');
    if (!commit) return 0;
    *commit = '\0';
    size_t length = strlen(folder), end = sizeof SNAPSHOTS - 1;
    if (length <= end || strcmp(folder + length - end, SNAPSHOTS) != 0) return 0;
    folder[length - end] = '\0';
    return 1;
}

pst_status model_folder_check_file(const char *dir, const char *name, pst_error *err) {
    struct stat st;
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        char *folder = realpath(dir, NULL), *target = realpath(path, NULL);
        int inside =
            folder && target &&
            (is_below(target, folder) || (cut_to_repository(folder) && is_below(target, folder)));
        if (target && !inside)
            status = error_set(err, PST_ERR_MODEL,
                               "%s: is a link to %s, outside of its folder, and not copied; put "
                               "the file itself there",
                               path, target);
        free(folder);
        free(target);
    }
    free(path);
    return status;
}

pst_status model_folder_put(const char *dir, const char *name, const char *text, size_t length,
                            pst_error *err) {
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = file_write(path, text, length, err);
    free(path);
    return status;
}

pst_status model_folder_put_buffer(const char *dir, const char *name, struct buffer *buffer,
                                   pst_error *err) {
    pst_status status = buffer->failed
                            ? error_memory(err, buffer->length)
                            : model_folder_put(dir, name, buffer->data, buffer->length, err);
    buffer_free(buffer);
    return status;
}
