/* processor_place.c - see processor_place.h. */
#include "processor_place.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base_model.h"
#include "console.h"

static int has_file(const char *dir, const char *name) {
    struct stat st;
    char *path = text_format("%s/%s", dir, name);
    int found = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    free(path);
    return found;
}

/* Of <dir>/config.json; NULL: there is none, or it is no JSON. */
static json_t *read_config(const char *dir) {
    if (!has_file(dir, "config.json")) return NULL;
    char *path = text_format("%s/config.json", dir);
    json_t *config = json_load_file(path, 0, NULL);
    free(path);
    return config;
}

/* Entries of the vocabulary by config.json; 0: it does not say. */
static json_int_t vocab_of(const char *dir) {
    json_t *config = read_config(dir);
    json_int_t vocab = json_integer_value(json_object_get(config, "vocab_size"));
    json_decref(config);
    return vocab;
}

/* Takes over `dir` when a tokenizer is in it, and not that of a model with another vocabulary. */
static char *take(char *dir, json_int_t vocab) {
    json_int_t other = dir ? vocab_of(dir) : 0;
    if (dir && has_file(dir, "tokenizer.json") && (!other || !vocab || other == vocab)) return dir;
    free(dir);
    return NULL;
}

static char *find_near(const char *model_dir, json_int_t vocab) {
    static const char *const places[] = {"processor", "..", "../processor"};
    char *found = NULL;
    for (int i = 0; i < 3 && !found; i++)
        found = take(text_format("%s/%s", model_dir, places[i]), vocab);
    return found;
}

/* A folder, an imported model or a hub id in the cache; a path may be meant from the model's. */
static char *find_named(const struct environment *environment, const char *model_dir,
                        const char *name, json_int_t vocab) {
    pst_error err;
    char *dir = NULL, *found = NULL;
    pst_search search = environment_search(environment, NULL);
    search.hub = NULL;
    if (!name || !*name) return NULL;
    char *beside = text_format("%s/%s", model_dir, name);
    const char *const names[] = {name, beside};
    for (int i = 0; i < (name[0] == '/' ? 1 : 2) && !found; i++) {
        if (pst_find_model(names[i], "tokenizer.json", &search, &dir, &err)) continue;
        found = take(text_format("%s", dir), vocab);
        pst_free(dir);
    }
    free(beside);
    return found;
}

/* The model that this one was made from, by its config or its card. */
static char *find_base(const struct environment *environment, const char *model_dir,
                       json_int_t vocab) {
    json_t *config = read_config(model_dir);
    const char *name = json_string_value(json_object_get(config, "_name_or_path"));
    char *found = find_named(environment, model_dir, name, vocab);
    json_decref(config);
    if (found) return found;
    struct base_model base;
    base_model_read(&base, model_dir);
    found = find_named(environment, model_dir, base.name, vocab);
    base_model_free(&base);
    return found;
}

/* The imported model that has the vocabulary, the first by name of several: those of one family
 * have one tokenizer. */
static char *find_imported(const struct environment *environment, json_int_t vocab) {
    char *best = NULL;
    DIR *folder = environment->models_dir ? opendir(environment->models_dir) : NULL;
    if (!folder) return NULL;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        char *dir = text_format("%s/%s", environment->models_dir, entry->d_name);
        if (!vocab || vocab_of(dir) != vocab || !has_file(dir, "tokenizer.json") ||
            (best && strcmp(best, dir) <= 0)) {
            free(dir);
            continue;
        }
        free(best);
        best = dir;
    }
    closedir(folder);
    return best;
}

char *processor_place_find(const struct environment *environment, const char *model_dir) {
    if (has_file(model_dir, "tokenizer.json") || !has_file(model_dir, "config.json")) return NULL;
    json_int_t vocab = vocab_of(model_dir);
    char *found = find_near(model_dir, vocab);
    if (!found) found = find_base(environment, model_dir, vocab);
    if (!found) found = find_imported(environment, vocab);
    if (!found) found = find_named(environment, model_dir, environment->model, vocab);
    if (found)
        say("%s: has no tokenizer.json; taking that of %s (another: --processor-dir)", model_dir,
            found);
    return found;
}
