/* nearby.c - see nearby.h. */
#include "find/nearby.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_view.h"
#include "potstill_tools.h"

struct names {
    const char **items;
    size_t count;
};

/* The folders in `dir` that hold `required`. */
static struct names list_folders(const char *dir, const char *required, struct text_pool *pool) {
    enum { ENTRIES_MAX = 10000 }; /* more are no folder of models, and take long to ask */
    struct names names = {0};
    DIR *stream = opendir(dir);
    if (!stream) return names;
    struct dirent *entry;
    for (int i = 0; i < ENTRIES_MAX && !pool->failed && (entry = readdir(stream)); i++) {
        const char *name = entry->d_name;
        if (name[0] == '.' || !path_has_file(text_pool_format(pool, "%s/%s", dir, name), required))
            continue;
        const char **items = realloc(names.items, (names.count + 1) * sizeof *items);
        if (!items) pool->failed = 1;
        if (!items) break;
        names.items = items;
        items[names.count++] = text_pool_format(pool, "%s", name);
    }
    closedir(stream);
    return names;
}

/* The one most like `typed`, behind `prefix`. */
static const char *nearest_folder(const char *dir, const char *prefix, const char *typed,
                                  const char *required, struct text_pool *pool) {
    struct names names = list_folders(dir, required, pool);
    const char *found = names.count ? pst_nearest_name(typed, names.items, names.count) : NULL;
    free(names.items);
    return found ? text_pool_format(pool, "%s%s", prefix, found) : NULL;
}

/* Cuts "a/b/" into "a/" and "b"; "b" has the prefix "". */
static void split(const char *name, const char **prefix, const char **last,
                  struct text_pool *pool) {
    size_t end = strlen(name), at;
    while (end > 1 && name[end - 1] == '/') end--;
    for (at = end; at && name[at - 1] != '/';) at--;
    *prefix = text_pool_format(pool, "%.*s", (int)at, name);
    *last = text_pool_format(pool, "%.*s", (int)(end - at), name + at);
}

int nearby_has_parent(const char *name, struct text_pool *pool) {
    const char *prefix, *last;
    split(name, &prefix, &last, pool);
    return path_is_folder(*prefix ? prefix : ".");
}

const char *nearby_name(const char *name, const char *required, const char *models_dir,
                        struct text_pool *pool) {
    const char *prefix, *last;
    split(name, &prefix, &last, pool);
    const char *found = nearest_folder(*prefix ? prefix : ".", prefix, last, required, pool);
    return found ? found : nearest_folder(models_dir, "", last, required, pool);
}
