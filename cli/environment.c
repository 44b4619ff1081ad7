/* environment.c - see environment.h. */
#include "environment.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

/* The value of a variable; NULL when unset or empty. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *home(void) {
    const char *path = variable("HOME");
    if (path) return path;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir ? user->pw_dir : "/";
}

/* The length of the variable's name in "$NAME..." or "${NAME}..."; 0: not a variable. `*used` is
 * the whole of it. */
static size_t variable_name(const char *text, const char **name, size_t *used) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    int braced = text[1] == '{';
    *name = text + 1 + braced;
    size_t length = strspn(*name, letters);
    *used = 1 + length + (braced ? 2 : 0);
    return braced && (*name)[length] != '}' ? 0 : length;
}

/* A copy of `path` with a leading ~ and any $VARIABLE replaced; unknown ones stay, as in Python. */
static char *expand(const char *path) {
    char *text = path[0] == '~' && (!path[1] || path[1] == '/')
                     ? text_format("%s%s", home(), path + 1)
                     : text_format("%s", path);
    for (size_t at = 0; text[at];) {
        const char *name;
        size_t used, length = text[at] == '$' ? variable_name(text + at, &name, &used) : 0;
        char *key = length ? text_format("%.*s", (int)length, name) : NULL;
        const char *value = key ? getenv(key) : NULL;
        free(key);
        if (!value) {
            at++;
            continue;
        }
        char *longer = text_format("%.*s%s%s", (int)at, text, value, text + at + used);
        free(text);
        text = longer;
        at += strlen(value); /* what a value holds is not expanded again */
    }
    return text;
}

/* A folder of the XDG base directory specification, which has relative paths ignored. */
static char *base_dir(const char *name, const char *below_home) {
    const char *path = variable(name);
    if (path && path[0] == '/') return text_format("%s", path);
    return text_format("%s/%s", home(), below_home);
}

static char *find_hub_cache(const char *cache_dir) {
    const char *path = variable("HF_HUB_CACHE");
    if (!path) path = variable("HUGGINGFACE_HUB_CACHE");
    if (path) return expand(path);
    path = variable("HF_HOME");
    if (!path) return text_format("%s/huggingface/hub", cache_dir);
    char *hf_home = expand(path);
    char *cache = text_format("%s/hub", hf_home);
    free(hf_home);
    return cache;
}

/* An imported moonshine-tiny wins over one in the hub cache: it was put there for this program. A
 * full path, so that a folder of that name below the working directory is not taken for it. */
static char *find_default_model(const char *models_dir) {
    const char *model = variable("POTSTILL_MODEL");
    if (model) return expand(model);
    char *imported = text_format("%s/moonshine-tiny", models_dir);
    char *config = text_format("%s/config.json", imported);
    int there = access(config, F_OK) == 0;
    free(config);
    if (there) return imported;
    free(imported);
    return text_format("UsefulSensors/moonshine-tiny");
}

void environment_read(struct environment *environment) {
    char *data_dir = base_dir("XDG_DATA_HOME", ".local/share");
    char *cache_dir = base_dir("XDG_CACHE_HOME", ".cache");
    const char *downloads = variable("MOONSHINE_VOICE_CACHE");
    environment->models_dir = text_format("%s/potstill/models", data_dir);
    environment->hub_cache = find_hub_cache(cache_dir);
    environment->downloads =
        downloads ? text_format("%s", downloads) : text_format("%s/moonshine_voice", cache_dir);
    environment->model = find_default_model(environment->models_dir);
    free(data_dir);
    free(cache_dir);
}

void environment_free(struct environment *environment) {
    free(environment->models_dir);
    free(environment->hub_cache);
    free(environment->downloads);
    free(environment->model);
    *environment = (struct environment){0};
}

pst_search environment_search(const struct environment *environment, const char *revision) {
    pst_search search;
    pst_search_init(&search);
    search.models_dir = environment->models_dir;
    search.hub_cache = environment->hub_cache;
    search.revision = revision;
    return search;
}
