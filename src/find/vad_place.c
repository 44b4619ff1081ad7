/* vad_place.c - where the weights of the detector of speech are that belongs to a model. */
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "find/finder.h"

static const char FILE_NAME[] = "silero-vad/silero_vad_16k.safetensors";

/* `folder`/silero-vad/...; NULL when it is not there. */
static const char *in_folder(struct text_pool *pool, const char *folder) {
    const char *path = text_pool_format(pool, "%s/%s", folder, FILE_NAME);
    return path_is_file(path) ? path : NULL;
}

/* Beside `dir` by its name, which may be a link to elsewhere. */
static const char *beside(struct text_pool *pool, const char *dir) {
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') length--;
    size_t name = length;
    while (name > 0 && dir[name - 1] != '/') name--;
    int dots = length - name <= 2 && strncmp(dir + name, "..", length - name) == 0;
    if (dots) return in_folder(pool, text_pool_format(pool, "%.*s/..", (int)length, dir));
    if (name > 1) name--; /* without the slash, unless that is all */
    return in_folder(pool, name ? text_pool_format(pool, "%.*s", (int)name, dir) : ".");
}

pst_status pst_finder_vad(const pst_finder *finder, const char *model_dir, char **path,
                          pst_error *err) {
    if (!finder || !path)
        return error_set(err, PST_ERR_ARGUMENT, "pst_finder_vad: finder or path is NULL");
    struct text_pool pool = {0};
    const pst_finder_info *info = &finder->info;
    const char *found = model_dir ? beside(&pool, model_dir) : NULL;
    if (!found && info->model_is_chosen) found = beside(&pool, info->model);
    if (!found) found = in_folder(&pool, info->models_dir);
    char *copy = NULL;
    pst_status status = pool.failed ? error_memory(err, 0) : PST_OK;
    if (!status && found) status = text_pool_give(&pool, found, &copy, err);
    if (!status) *path = copy;
    text_pool_free(&pool);
    return status;
}
