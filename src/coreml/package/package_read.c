/* package_read.c - opens a package: the manifest says which file is the program, the program which
 * weights it needs.
 *
 * The idea to hold: paths in the manifest lead to files of the package and nowhere else. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/package/package.h"
#include "coreml/package/package_message.h"
#include "formats/json_file.h"

/* It lists two items. */
static const size_t MANIFEST_BYTES_MAX = 1 << 20;
/* Programs without their weights: the largest seen have 10 MB. */
static const size_t PROGRAM_BYTES_MAX = (size_t)256 << 20;
/* More than any device loads. */
static const uint64_t WEIGHTS_BYTES_MAX = (uint64_t)64 << 30;

/* Three numbers with dots between them, not above 1.0.0. */
static int is_known_version(const char *text) {
    unsigned major, minor, patch;
    int end = 0;
    if (sscanf(text, "%2u.%2u.%2u%n", &major, &minor, &patch, &end) != 3 || text[end] != 0)
        return 0;
    return major == 0 || (major == 1 && minor == 0 && patch == 0);
}

/* "a/b/c" without steps upwards or empty ones. */
static int is_inside(const char *path) {
    if (path[0] == '/' || path[0] == 0 || strchr(path, '\\') != NULL) return 0;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        size_t length = strcspn(at, "/");
        if (length == 0 || (length <= 2 && strncmp(at, "..", length) == 0)) return 0;
    }
    return 1;
}

static pst_status read_item(const struct json_file *manifest, const char *folder, const char *id,
                            const json_t *item, char **path, pst_error *err) {
    static const char *const keys[] = {"author", "description", "name", "path"};
    const char *text = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        text = NULL;
        pst_status status = json_is_object(item)
                                ? json_get_text(item, manifest->path, keys[i], &text, err)
                                : PST_OK;
        if (status) return status;
        if (text == NULL)
            return error_set(err, PST_ERR_MODEL, "%s: the item %s has no %s", manifest->path, id,
                             keys[i]);
    }
    if (!is_inside(text))
        return error_set(err, PST_ERR_MODEL, "%s: the path %s leads out of the package",
                         manifest->path, text);
    char *data = path_join(folder, "Data");
    *path = data != NULL ? path_join(data, text) : NULL;
    free(data);
    if (*path == NULL) return error_memory(err, 0);
    if (path_is_file(*path) || path_is_folder(*path)) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: lists %s, which is not there", manifest->path, text);
}

/* The path of the root item, in fresh memory. All items are checked. */
static pst_status find_program(const struct json_file *manifest, const char *folder, char **program,
                               pst_error *err) {
    const char *version = NULL, *root = NULL, *id;
    json_t *items = json_object_get(manifest->root, "itemInfoEntries"), *item;
    pst_status status =
        json_get_text(manifest->root, manifest->path, "fileFormatVersion", &version, err);
    if (!status)
        status = json_get_text(manifest->root, manifest->path, "rootModelIdentifier", &root, err);
    if (status) return status;
    if (version == NULL || !is_known_version(version))
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: fileFormatVersion is %s, expected 1.0.0 at most", manifest->path,
                         version != NULL ? version : "missing");
    if (root == NULL || !json_is_object(json_object_get(items, root)))
        return error_set(err, PST_ERR_MODEL,
                         "%s: rootModelIdentifier is %s, expected a key of itemInfoEntries",
                         manifest->path, root != NULL ? root : "missing");
    json_object_foreach(items, id, item) {
        char *path = NULL;
        status = read_item(manifest, folder, id, item, &path, err);
        if (!status && strcmp(id, root) == 0) {
            *program = path;
            continue;
        }
        free(path);
        if (status) break;
    }
    if (status) {
        free(*program);
        *program = NULL;
    }
    return status;
}

static pst_status open_manifest(const char *folder, char **program, pst_error *err) {
    struct json_file manifest = {0};
    char *path = path_join(folder, "Manifest.json");
    if (path == NULL) return error_memory(err, 0);
    pst_status status = json_file_open(&manifest, path, MANIFEST_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = find_program(&manifest, folder, program, err);
    if (!status && *program == NULL) status = error_memory(err, 0);
    json_file_close(&manifest);
    return status;
}

/* weights/weight.bin beside the program, if there is one. */
static pst_status open_weights(const char *program, struct file_view *weights, pst_error *err) {
    char *folder = strdup(program), *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL) *slash = 0;
    char *path = slash != NULL ? path_join(folder, "weights/weight.bin") : NULL;
    free(folder);
    if (path == NULL) return error_memory(err, 0);
    size_t limit = WEIGHTS_BYTES_MAX < SIZE_MAX ? (size_t)WEIGHTS_BYTES_MAX : SIZE_MAX;
    pst_status status = path_is_file(path) ? file_view_open(weights, path, limit, err) : PST_OK;
    free(path);
    return status;
}

static pst_status read_program(const char *path, struct mil_model *model, pst_error *err) {
    struct file_view file = {0};
    pst_status status = file_view_open(&file, path, PROGRAM_BYTES_MAX, err);
    if (status) return status;
    status = open_weights(path, &model->weights, err);
    model->program_bytes = file.size;
    if (!status) status = message_read(file.data, file.size, model, err);
    file_view_close(&file);
    return status;
}

pst_status package_read(const char *path, struct mil_model **model, pst_error *err) {
    char *program = NULL;
    struct mil_model *read = mil_model_new();
    if (read == NULL) return error_memory(err, sizeof *read);
    pst_status status = open_manifest(path, &program, err);
    if (!status) status = read_program(program, read, err);
    free(program);
    if (!status) status = mil_model_check(read, err);
    if (status)
        mil_model_free(read);
    else
        *model = read;
    return status;
}
