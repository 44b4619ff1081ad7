/* nearby.c - see nearby.h. */
#include "nearby.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "options.h"

struct names {
    char **items;
    size_t count;
};

static int holds(const char *dir, const char *name, const char *file) {
    char *path = text_format("%s/%s/%s", dir, name, file);
    int there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* The folders in `dir` that hold `required`. */
static struct names list_folders(const char *dir, const char *required) {
    enum { ENTRIES_MAX = 10000 }; /* more are no folder of models, and take long to ask */
    struct names names = {0};
    DIR *stream = opendir(dir);
    if (!stream) return names;
    struct dirent *entry;
    for (int i = 0; i < ENTRIES_MAX && (entry = readdir(stream)); i++) {
        const char *name = entry->d_name;
        if (name[0] == '.' || !holds(dir, name, required)) continue;
        names.items = need(realloc(names.items, (names.count + 1) * sizeof *names.items));
        names.items[names.count++] = text_format("%s", name);
    }
    closedir(stream);
    return names;
}

/* The one most like `typed`, behind `prefix`, in fresh memory. */
static char *closest_folder(const char *dir, const char *prefix, const char *typed,
                            const char *required) {
    struct names names = list_folders(dir, required);
    const char *found =
        names.count ? closest_name(typed, (const char *const *)names.items, names.count) : NULL;
    char *result = found ? text_format("%s%s", prefix, found) : NULL;
    for (size_t i = 0; i < names.count; i++) free(names.items[i]);
    free(names.items);
    return result;
}

/* Cuts "a/b/" into "a/" and "b"; "b" has the prefix "". */
static void split(const char *name, char **prefix, char **last) {
    size_t end = strlen(name), at;
    while (end > 1 && name[end - 1] == '/') end--;
    for (at = end; at && name[at - 1] != '/';) at--;
    *prefix = text_format("%.*s", (int)at, name);
    *last = text_format("%.*s", (int)(end - at), name + at);
}

int nearby_has_parent(const char *name) {
    struct stat st;
    char *prefix, *last;
    split(name, &prefix, &last);
    int has = stat(*prefix ? prefix : ".", &st) == 0 && S_ISDIR(st.st_mode);
    free(prefix);
    free(last);
    return has;
}

char *nearby_name(const struct environment *environment, const char *name, const char *required) {
    char *prefix, *last;
    split(name, &prefix, &last);
    char *found = closest_folder(*prefix ? prefix : ".", prefix, last, required);
    if (!found) found = closest_folder(environment->models_dir, "", last, required);
    free(prefix);
    free(last);
    return found;
}
