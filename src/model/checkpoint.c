/* checkpoint.c - see checkpoint.h. */
#include "model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/text.h"
#include "formats/json_file.h"
#include "formats/pickle_file.h"

static const size_t INDEX_BYTES_MAX = 64 << 20;
enum { SHARDS_MAX = 1024, MAPPED_MAX = 1 << 16 /* tensors; real models have some hundred */ };

static pst_status add_file(struct checkpoint *checkpoint, const char *dir, const char *name,
                           pst_error *err) {
    struct safetensors *files =
        realloc(checkpoint->files, (checkpoint->count + 1) * sizeof *checkpoint->files);
    if (!files) return error_memory(err, 0);
    checkpoint->files = files;
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    int is_pickle = text_ends_with(name, strlen(name), ".bin");
    pst_status status =
        (is_pickle ? pickle_file_open : safetensors_open)(&files[checkpoint->count], path, err);
    free(path);
    if (!status) checkpoint->count++;
    return status;
}

/* The shard `name` below `dir`, opened once; a name that could leave the folder is refused. */
static pst_status find_shard(struct checkpoint *checkpoint, const char *dir, const char *name,
                             const struct safetensors **shard, pst_error *err) {
    if (!name || !*name || strchr(name, '/') || strcmp(name, "..") == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: weight_map names the shard \"%s\", expected a plain "
                         "file name",
                         checkpoint->path, name ? name : "(not a string)");
    for (uint32_t i = 0; i < checkpoint->count; i++) {
        const char *path = checkpoint->files[i].path;
        if (strcmp(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, name) == 0) {
            *shard = &checkpoint->files[i];
            return PST_OK;
        }
    }
    if (checkpoint->count == SHARDS_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: has over %d shards", checkpoint->path,
                         SHARDS_MAX);
    pst_status status = add_file(checkpoint, dir, name, err);
    if (!status) *shard = &checkpoint->files[checkpoint->count - 1];
    return status;
}

static pst_status open_shards(struct checkpoint *checkpoint, const char *dir, const json_t *root,
                              pst_error *err) {
    const json_t *map = json_object_get(root, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: weight_map is %s, expected an object that maps "
                         "tensors to files",
                         checkpoint->path, json_is_object(map) ? "empty" : json_kind(map));
    if (json_object_size(map) > MAPPED_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: weight_map has %zu tensors, expected at most %d",
                         checkpoint->path, json_object_size(map), MAPPED_MAX);
    const char *tensor;
    json_t *name;
    json_object_foreach((json_t *)map, tensor, name) {
        const struct safetensors *shard = NULL;
        pst_status status = find_shard(checkpoint, dir, json_string_value(name), &shard, err);
        if (status) return status;
        if (!safetensors_find(shard, tensor))
            return error_set(err, PST_ERR_MODEL, "%s: %s is not in its shard %s", checkpoint->path,
                             tensor, json_string_value(name));
    }
    return PST_OK;
}

static pst_status open_index(struct checkpoint *checkpoint, const char *dir, const char *index,
                             pst_error *err) {
    struct json_file file;
    pst_status status = json_file_open(&file, index, INDEX_BYTES_MAX, err);
    if (status) return status;
    checkpoint->path = strdup(index);
    status = checkpoint->path ? open_shards(checkpoint, dir, file.root, err) : error_memory(err, 0);
    json_file_close(&file);
    return status;
}

static pst_status open_single(struct checkpoint *checkpoint, const char *dir, const char *single,
                              pst_error *err) {
    checkpoint->path = strdup(single);
    if (!checkpoint->path) return error_memory(err, 0);
    return add_file(checkpoint, dir, strrchr(single, '/') + 1, err);
}

/* In the order in which transformers looks for them: the first is taken, whatever else is there. */
static const struct {
    const char *name;
    pst_status (*open)(struct checkpoint *checkpoint, const char *dir, const char *path,
                       pst_error *err);
} KINDS[] = {
    {"model.safetensors", open_single},
    {"model.safetensors.index.json", open_index},
    {"pytorch_model.bin", open_single},
    {"pytorch_model.bin.index.json", open_index},
};

const char *checkpoint_name(const char *dir) {
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (path_has_file(dir, KINDS[i].name)) return KINDS[i].name;
    return NULL;
}

static pst_status open_kind(struct checkpoint *checkpoint, const char *dir, pst_error *err) {
    const char *name = checkpoint_name(dir);
    if (!name)
        return error_set(err, PST_ERR_MODEL,
                         "%s: has no model.safetensors, no pytorch_model.bin and no index of "
                         "shards (.index.json) of either",
                         dir);
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    size_t kind = 0;
    while (strcmp(KINDS[kind].name, name) != 0) kind++;
    pst_status status = KINDS[kind].open(checkpoint, dir, path, err);
    free(path);
    return status;
}

static void count_values(struct checkpoint *checkpoint) {
    uint64_t by_dtype[DTYPE_COUNT] = {0};
    for (uint32_t f = 0; f < checkpoint->count; f++) {
        const struct safetensors *file = &checkpoint->files[f];
        checkpoint->bytes += file->view.size;
        checkpoint->tensors += (uint32_t)file->count;
        for (size_t i = 0; i < file->count; i++) {
            checkpoint->parameters += file->tensors[i].count;
            by_dtype[file->tensors[i].dtype] += file->tensors[i].count;
        }
    }
    for (int d = 0; d < DTYPE_COUNT; d++)
        if (by_dtype[d] > by_dtype[checkpoint->dtype]) checkpoint->dtype = (enum dtype)d;
}

pst_status checkpoint_open(struct checkpoint *checkpoint, const char *dir, pst_error *err) {
    *checkpoint = (struct checkpoint){0};
    pst_status status = open_kind(checkpoint, dir, err);
    if (status)
        checkpoint_close(checkpoint);
    else
        count_values(checkpoint);
    return status;
}

void checkpoint_close(struct checkpoint *checkpoint) {
    for (uint32_t i = 0; i < checkpoint->count; i++) safetensors_close(&checkpoint->files[i]);
    free(checkpoint->files);
    free(checkpoint->path);
    *checkpoint = (struct checkpoint){0};
}

pst_status checkpoint_detach(struct checkpoint *checkpoint, const void *first, size_t length,
                             pst_error *err) {
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < checkpoint->count && !status; i++) {
        struct safetensors *file = &checkpoint->files[i];
        status = file_view_detach(&file->view, file->path, first, length, err);
    }
    return status;
}

void checkpoint_release(const struct checkpoint *checkpoint, const void *first, size_t length) {
    for (uint32_t i = 0; i < checkpoint->count; i++)
        file_view_release(&checkpoint->files[i].view, first, length);
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name) {
    static const char prefix[] = "model.";
    for (int bare = 0; bare < 2; bare++) {
        if (bare && strncmp(name, prefix, sizeof prefix - 1) != 0) break;
        for (uint32_t i = 0; i < checkpoint->count; i++) {
            const struct tensor *tensor =
                safetensors_find(&checkpoint->files[i], bare ? name + sizeof prefix - 1 : name);
            if (tensor) return tensor;
        }
    }
    return NULL;
}

int checkpoint_has_part(const struct checkpoint *checkpoint, const char *part) {
    size_t length = strlen(part);
    for (uint32_t f = 0; f < checkpoint->count; f++)
        for (size_t i = 0; i < checkpoint->files[f].count; i++) {
            const char *name = checkpoint->files[f].tensors[i].name;
            if (strncmp(name, "model.", 6) == 0) name += 6;
            if (strncmp(name, part, length) == 0 && name[length] == '.') return 1;
        }
    return 0;
}
