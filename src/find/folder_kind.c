/* folder_kind.c - see folder_kind.h. */
#include "find/folder_kind.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file_view.h"

int folder_kind_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

int folder_kind_is_converted(const char *path) {
    return path_has_file(path, "potstill.json") || path_has_file(path, "Manifest.json");
}

static pst_status find_adapter(const char *dir, int *there, pst_error *err) {
    char *found = NULL;
    pst_status status = pst_adapter_find(dir, &found, err);
    *there = status == PST_OK;
    pst_free(found);
    return status == PST_ERR_MEMORY ? status : PST_OK;
}

/* What is there under the name of something else; NULL: not known. */
static pst_status kind_of(const char *path, const char **kind, pst_error *err) {
    int adapter = 0;
    pst_status status = PST_OK;
    *kind = NULL;
    if (!path_is_folder(path))
        *kind = folder_kind_exists(path) ? "a file" : NULL;
    else if (path_has_file(path, "config.json"))
        *kind = "a model";
    else if (path_has_file(path, "potstill.json"))
        *kind = "a converted model";
    else if (path_has_file(path, "Manifest.json"))
        *kind = "a Core ML package";
    else
        status = find_adapter(path, &adapter, err);
    if (adapter) *kind = "an adapter";
    return status;
}

pst_status folder_kind_check(const struct pst_finder *finder, const char *name,
                             const char *required, pst_error *err) {
    int adapter = strcmp(required, "adapter_config.json") == 0, has_adapter = 0;
    int model = strcmp(required, "config.json") == 0;
    const char *kind;
    pst_status status = kind_of(name, &kind, err);
    if (status || !kind || path_has_file(name, required)) return status;
    if (strcmp(kind, "a file") == 0)
        return error_set(err, PST_ERR_MODEL, "%s: a file, expected the folder of %s", name,
                         model     ? "a model"
                         : adapter ? "an adapter"
                                   : required);
    if (model && strcmp(kind, "an adapter") == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: an adapter, expected a model: it goes on one, by %s", name,
                         finder->adapter_option);
    if (model)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s, expected a model that can be read: the one it was made from",
                         name, kind);
    if (adapter) status = find_adapter(name, &has_adapter, err);
    if (status || !adapter || has_adapter) return status;
    if (strcmp(kind, "a model") == 0)
        return error_set(err, PST_ERR_MODEL, "%s: a model, expected an adapter: it is used by %s",
                         name, finder->model_option);
    return error_set(err, PST_ERR_MODEL, "%s: %s, expected an adapter", name, kind);
}
