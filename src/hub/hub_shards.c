/* hub_shards.c - see hub_shards.h. The index comes from anybody, and its names become names of
 * files here. */
#include "hub/hub_shards.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "hub/hub_names.h"

static const size_t INDEX_BYTES_MAX = 64 << 20; /* as in the reader of checkpoints */
enum { MAPPED_MAX = 1 << 16 };

static pst_status check_name(const char *id, const char *index, const char *name, pst_error *err) {
    if (name && hub_is_file(name)) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: %s names the shard \"%s\", expected a plain file name", id, index,
                     name ? name : "(not a string)");
}

pst_status hub_shards_visit(const char *path, const char *id,
                            pst_status (*visit)(void *user, const char *name, pst_error *err),
                            void *user, pst_error *err) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    struct file_view view;
    pst_status status = file_view_open(&view, path, INDEX_BYTES_MAX, err);
    if (status) return status;
    /* No number is read here, and one of twenty digits is no reason to refuse the file. */
    json_t *index = json_loadb((const char *)view.data, view.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    file_view_close(&view);
    json_t *map = json_object_get(index, "weight_map"), *file;
    if (!json_is_object(map))
        status =
            error_set(err, PST_ERR_MODEL, "%s: %s has no weight_map, expected an object", id, base);
    else if (json_object_size(map) > MAPPED_MAX)
        status = error_set(err, PST_ERR_MODEL, "%s: %s names %zu tensors, expected at most %d", id,
                           base, json_object_size(map), MAPPED_MAX);
    const char *tensor;
    json_object_foreach(map, tensor, file) {
        const char *name = json_string_value(file);
        if (!status) status = check_name(id, base, name, err);
        if (!status) status = visit(user, name, err);
        if (status) break;
    }
    json_decref(index);
    return status;
}
