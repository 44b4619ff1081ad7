/* processor_place.c - where the tokenizer of a model is that has none in its folder.
 *
 * A trainer writes weights into checkpoint-500/, and people keep the processor beside or above
 * them, or leave it with the model that they began from. */
#include <dirent.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "find/base_model.h"
#include "find/finder.h"
#include "find/folder_kind.h"
#include "formats/json_file.h"

enum { CONFIG_BYTES_MAX = 4 << 20 };

static const char TOKENIZER[] = "tokenizer.json";

struct wanted {
    const struct pst_finder *finder;
    struct text_pool pool;
    const char *model_dir;
    int64_t vocab;       /* entries of the vocabulary; 0: the model does not say */
    const char *made_of; /* the model it was made from, by config.json; NULL: it does not say */
};

/* What <dir>/config.json says: entries of the vocabulary, 0: nothing; `*made_of` may be NULL. */
static int64_t read_config(struct wanted *wanted, const char *dir, const char **made_of) {
    struct json_file file;
    const char *path = text_pool_format(&wanted->pool, "%s/config.json", dir);
    pst_status status = json_file_open(&file, path, CONFIG_BYTES_MAX, NULL);
    if (status == PST_ERR_MEMORY) wanted->pool.failed = 1;
    if (status) return 0;
    int64_t vocab = json_integer_value(json_object_get(file.root, "vocab_size"));
    const char *name = json_string_value(json_object_get(file.root, "_name_or_path"));
    if (made_of && name && *name) *made_of = text_pool_format(&wanted->pool, "%s", name);
    json_file_close(&file);
    return vocab;
}

/* Is a tokenizer in `dir`, and not that of a model with another vocabulary? */
static int is_usable(struct wanted *wanted, const char *dir) {
    if (!path_has_file(dir, TOKENIZER)) return 0;
    int64_t other = read_config(wanted, dir, NULL);
    return !other || !wanted->vocab || other == wanted->vocab;
}

static const char *find_near(struct wanted *wanted) {
    static const char *const places[] = {"processor", "..", "../processor"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *dir = text_pool_format(&wanted->pool, "%s/%s", wanted->model_dir, places[i]);
        if (is_usable(wanted, dir)) return dir;
    }
    return NULL;
}

static const char *find_as(struct wanted *wanted, const char *name) {
    char *dir = NULL;
    pst_status status = finder_search(wanted->finder, name, TOKENIZER, NULL, 0, &dir, NULL);
    if (status == PST_ERR_MEMORY) wanted->pool.failed = 1;
    if (status) return NULL;
    const char *found = text_pool_keep(&wanted->pool, dir);
    return found && is_usable(wanted, found) ? found : NULL;
}

/* A folder, an imported model or a hub id in the cache; a path may be meant from the model's. */
static const char *find_named(struct wanted *wanted, const char *name) {
    if (!name || !*name || wanted->pool.failed) return NULL;
    const char *found = find_as(wanted, name);
    if (found || name[0] == '/') return found;
    const char *beside = text_pool_format(&wanted->pool, "%s/%s", wanted->model_dir, name);
    return wanted->pool.failed ? NULL : find_as(wanted, beside);
}

/* The model that this one was made from, by its config or its card. */
static const char *find_origin(struct wanted *wanted) {
    struct base_model base;
    const char *found = find_named(wanted, wanted->made_of);
    if (found) return found;
    base_model_read(&base, wanted->model_dir, &wanted->pool);
    return find_named(wanted, base.name);
}

/* The imported model that has the vocabulary, the first by name of several: those of one family
 * have one tokenizer. */
static const char *find_imported(struct wanted *wanted) {
    const char *best = NULL, *models_dir = wanted->finder->info.models_dir;
    DIR *folder = wanted->vocab ? opendir(models_dir) : NULL;
    if (!folder) return NULL;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        const char *dir = text_pool_format(&wanted->pool, "%s/%s", models_dir, entry->d_name);
        if (best && strcmp(best, dir) <= 0) continue;
        if (path_has_file(dir, TOKENIZER) && read_config(wanted, dir, NULL) == wanted->vocab)
            best = dir;
    }
    closedir(folder);
    return best;
}

static const char *find_any(struct wanted *wanted) {
    wanted->vocab = read_config(wanted, wanted->model_dir, &wanted->made_of);
    const char *found = find_near(wanted);
    if (!found) found = find_origin(wanted);
    if (!found) found = find_imported(wanted);
    return found ? found : find_named(wanted, wanted->finder->info.model);
}

pst_status pst_finder_processor(const pst_finder *finder, const char *model_dir, char **dir,
                                pst_error *err) {
    if (!finder || !model_dir || !dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_finder_processor: finder, model_dir or dir is NULL");
    struct wanted wanted = {.finder = finder, .model_dir = model_dir};
    int complete = path_has_file(model_dir, TOKENIZER) ||
                   !path_has_file(model_dir, "config.json") || folder_kind_is_converted(model_dir);
    char *copy = NULL;
    const char *found = complete ? NULL : find_any(&wanted);
    pst_status status = wanted.pool.failed ? error_memory(err, 0) : PST_OK;
    if (!status && found) status = text_pool_give(&wanted.pool, found, &copy, err);
    if (!status && found)
        finder_warn(finder, &wanted.pool,
                    "%s: has no tokenizer.json; taking that of %s (another: %s)", model_dir, found,
                    finder->processor_option);
    if (!status) *dir = copy;
    text_pool_free(&wanted.pool);
    return status;
}
