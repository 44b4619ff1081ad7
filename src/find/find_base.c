/* find_base.c - the base of an adapter: found, or compared with the model that is used. */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "find/base_model.h"
#include "find/finder.h"
#include "find/folder_kind.h"
#include "potstill_tools.h"

/* --------------------------------------------------------------------------------------- names */

/* The last part of a path or an id, and its length. */
static const char *last_part(const char *name, size_t *length) {
    size_t end = strlen(name);
    while (end > 1 && name[end - 1] == '/') end--;
    size_t at = end;
    while (at && name[at - 1] != '/') at--;
    *length = end - at;
    return name + at;
}

static int same_last_part(const char *a, const char *b) {
    size_t length_a, length_b;
    const char *part_a = last_part(a, &length_a), *part_b = last_part(b, &length_b);
    /* "." and ".." are no names */
    return length_a == length_b && part_a[0] != '.' && memcmp(part_a, part_b, length_a) == 0;
}

/* Moonshine's publisher has had two names on the hub. */
static int is_published(const char *name) {
    return strncmp(name, "UsefulSensors/", 14) == 0 || strncmp(name, "moonshine-ai/", 13) == 0;
}

/* Looks like "org/name"; a folder of somebody's disk may, too. */
static int may_be_id(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' &&
           name[0] != '~';
}

/* By their names: equal; or with the same last part, unless both are ids of different owners. */
static int same_name(const char *a, const char *b) {
    if (strcmp(a, b) == 0) return 1;
    if (!same_last_part(a, b)) return 0;
    int ids = may_be_id(a) && may_be_id(b) && !folder_kind_exists(a);
    return !ids || (is_published(a) && is_published(b));
}

/* ------------------------------------------------------------------------------------- finding */

/* What is asked, and what is made on the way. */
struct asked {
    const struct pst_finder *finder;
    struct text_pool pool;
    const char *revision;
};

static int find_as(struct asked *asked, const char *name, char **dir) {
    if (asked->pool.failed) return 0;
    pst_status status =
        finder_search(asked->finder, name, "config.json", asked->revision, 0, dir, NULL);
    if (status == PST_ERR_MEMORY) asked->pool.failed = 1;
    return status == PST_OK;
}

/* Finds the base without the hub. */
static int find_here(struct asked *asked, const struct base_model *base, char **dir) {
    size_t length;
    const struct pst_finder *finder = asked->finder;
    const char *name = base->name;
    if (find_as(asked, name, dir)) return 1;
    const char *path = variables_expand(&finder->variables, name, &asked->pool);
    if (strcmp(path, name) != 0 && find_as(asked, path, dir)) return 1;
    path = text_pool_format(&asked->pool, "%s/%s", base->adapter_dir, name);
    if (name[0] != '/' && find_as(asked, path, dir)) return 1;
    /* An imported model stands for the one that it was imported from. */
    const char *part = last_part(name, &length);
    path = text_pool_format(&asked->pool, "%s/%.*s", finder->info.models_dir, (int)length, part);
    return is_published(name) && find_as(asked, path, dir);
}

static void warn(struct asked *asked, const struct base_model *base, const char *name) {
    finder_warn(asked->finder, &asked->pool,
                "%s: made for %s (%s), but used with %s: where that is another model, the text is "
                "wrong",
                base->adapter_dir, base->name, base->file, name);
}

/* There is no base: the default model if the user has chosen one, or if it has the name. `why` is
 * what the hub said, if it was asked. */
static pst_status use_default(struct asked *asked, const struct base_model *base,
                              const pst_error *why, char **dir, pst_error *err) {
    const struct pst_finder *finder = asked->finder;
    const char *model = finder->info.model;
    if (finder->info.model_is_chosen || same_last_part(model, base->name))
        return pst_finder_find(finder, model, PST_FIND_MODEL, asked->revision, dir, err);
    return error_set(err, PST_ERR_MODEL,
                     "%s: made for %s (%s), which is not here%s%s; name the model to use it with, "
                     "by %s",
                     base->adapter_dir, base->name, base->file, why ? ": " : "",
                     why ? why->message : "", finder->model_option);
}

static pst_status find_base(struct asked *asked, const struct base_model *base,
                            const char *revision, const char **name, char **dir, pst_error *err) {
    const pst_finder_info *info = &asked->finder->info;
    pst_error why;
    asked->revision = revision ? revision : base->revision;
    *name = base->name;
    if (find_here(asked, base, dir)) return PST_OK;
    if (asked->pool.failed) return error_memory(err, 0);
    int on_hub =
        may_be_id(base->name) && !(info->model_is_chosen && same_name(info->model, base->name));
    pst_status status = on_hub ? finder_search(asked->finder, base->name, "config.json",
                                               asked->revision, 1, dir, &why)
                               : PST_ERR_NOT_FOUND;
    if (!status) return PST_OK;
    if (status == PST_ERR_MEMORY || status == PST_ERR_CANCELLED)
        return error_set(err, status, "%s", why.message);
    *name = info->model;
    asked->revision = revision;
    return use_default(asked, base, on_hub ? &why : NULL, dir, err);
}

pst_status pst_finder_base(const pst_finder *finder, const char *const *adapter_dirs, size_t count,
                           const char *revision, char **name, char **dir, pst_error *err) {
    if (!finder || (count && !adapter_dirs) || !name || !dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_finder_base: finder, adapter_dirs, name or dir is NULL");
    struct asked asked = {.finder = finder};
    struct base_model base = {0};
    for (size_t i = 0; i < count && !base.name; i++)
        base_model_read(&base, adapter_dirs[i], &asked.pool);
    const char *chosen = finder->info.model;
    char *folder = NULL;
    pst_status status =
        asked.pool.failed ? error_memory(err, 0)
        : base.name       ? find_base(&asked, &base, revision, &chosen, &folder, err)
                          : pst_finder_find(finder, chosen, PST_FIND_MODEL, revision, &folder, err);
    if (!status) status = text_pool_give(&asked.pool, chosen, name, err);
    if (!status)
        *dir = folder;
    else
        pst_free(folder);
    text_pool_free(&asked.pool);
    return status;
}

/* ----------------------------------------------------------------------------------- comparing */

static int same_folder(const char *a, const char *b) {
    struct stat at_a, at_b;
    return stat(a, &at_a) == 0 && stat(b, &at_b) == 0 && at_a.st_dev == at_b.st_dev &&
           at_a.st_ino == at_b.st_ino;
}

/* Returns 0 for a folder that does not open: whoever opens it next says why. */
static int read_fingerprint(struct asked *asked, const char *dir, pst_fingerprint *fingerprint) {
    pst_model *model = NULL;
    pst_model_options options;
    pst_model_options_init(&options);
    options.device = PST_DEVICE_CPU;
    pst_status status = pst_model_open(dir, &options, &model, NULL);
    if (!status) status = pst_model_fingerprint(model, fingerprint, NULL);
    pst_model_free(model);
    if (status == PST_ERR_MEMORY) asked->pool.failed = 1;
    return status == PST_OK;
}

static int same_weights(struct asked *asked, const char *a, const char *b) {
    pst_fingerprint of_a, of_b;
    return same_folder(a, b) ||
           (read_fingerprint(asked, a, &of_a) && read_fingerprint(asked, b, &of_b) &&
            strcmp(of_a.sha256, of_b.sha256) == 0);
}

static pst_status compare_fingerprint(struct asked *asked, const struct base_model *base,
                                      const char *name, const char *dir, int chosen,
                                      pst_error *err) {
    enum { DIGITS_MIN = 8, SHOWN = 16 }; /* fewer may be chance; more nobody compares by eye */
    const char *told = base->fingerprint;
    pst_fingerprint found;
    if (strlen(told) < DIGITS_MIN) {
        finder_warn(asked->finder, &asked->pool,
                    "%s/README.md: base_model_fingerprint '%s': expected %d hex digits or more",
                    base->adapter_dir, told, DIGITS_MIN);
        return PST_OK;
    }
    if (!read_fingerprint(asked, dir, &found) || strncasecmp(told, found.sha256, strlen(told)) == 0)
        return PST_OK;
    const char *message = text_pool_format(
        &asked->pool,
        "%s: made for weights with the fingerprint %.*s (README.md), but %s has %.*s: other "
        "weights of the same shape",
        base->adapter_dir, SHOWN, told, name, SHOWN, found.sha256);
    if (!chosen) return error_set(err, PST_ERR_MODEL, "%s", message);
    finder_warn(asked->finder, &asked->pool, "%s", message);
    return PST_OK;
}

static void compare_name(struct asked *asked, const struct base_model *base, const char *name,
                         const char *dir) {
    char *found = NULL;
    if (!base->name || same_name(name, base->name)) return;
    asked->revision = base->revision;
    if (!find_here(asked, base, &found) || !same_weights(asked, found, dir))
        warn(asked, base, name);
    pst_free(found);
}

pst_status pst_finder_check_base(const pst_finder *finder, const char *adapter_dir,
                                 const char *name, const char *dir, int chosen, pst_error *err) {
    if (!finder || !adapter_dir || !name || !dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_finder_check_base: finder, adapter_dir, name or dir is NULL");
    struct asked asked = {.finder = finder};
    struct base_model base;
    pst_status status = PST_OK;
    base_model_read(&base, adapter_dir, &asked.pool);
    if (base.fingerprint)
        status = compare_fingerprint(&asked, &base, name, dir, chosen, err);
    else
        compare_name(&asked, &base, name, dir);
    if (asked.pool.failed) status = error_memory(err, 0);
    text_pool_free(&asked.pool);
    return status;
}
