/* find.c - what a name is the name of, wherever it is; and why nothing was found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "find/finder.h"
#include "find/folder_kind.h"
#include "find/nearby.h"

static const char *const REQUIRED[] = {
    [PST_FIND_ANY] = "config.json",          [PST_FIND_MODEL] = "config.json",
    [PST_FIND_CHECKPOINT] = "config.json",   [PST_FIND_ADAPTER] = "adapter_config.json",
    [PST_FIND_PROCESSOR] = "tokenizer.json",
};
enum { KINDS = sizeof REQUIRED / sizeof *REQUIRED };

/* --------------------------------------------------------------------------------------- misses */

/* The hub's refusal, and what helps where no token was sent. */
static pst_status fail_hub(const struct pst_finder *finder, const pst_error *why, pst_error *err) {
    int anonymous = !finder->hub.token || !*finder->hub.token;
    if (why->code == PST_ERR_ACCESS && anonymous)
        return error_set(err, why->code, "%s (`hf auth login`, or a token in HF_TOKEN)",
                         why->message);
    return error_set(err, why->code, "%s", why->message);
}

/* First what the name is most likely to be, a folder, then what the hub says. */
static pst_status fail_missing(const struct pst_finder *finder, const char *name,
                               const char *required, const pst_error *why, pst_error *err) {
    struct text_pool pool = {0};
    if (why->code == PST_ERR_MEMORY || folder_kind_exists(name) ||
        !nearby_has_parent(name, &pool)) {
        text_pool_free(&pool);
        return fail_hub(finder, why, err);
    }
    const char *near = nearby_name(name, required, finder->info.models_dir, &pool);
    size_t length = strlen(name);
    int named = strncmp(why->message, name, length) == 0 && why->message[length] == ':';
    const char *rest =
        named ? why->message + length + 1 + (why->message[length + 1] == ' ') : why->message;
    const char *message =
        text_pool_format(&pool, "%s: there is no such folder%s%s%s; %s%s", name,
                         near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
                         strncmp(rest, "no such ", 8) == 0 ? "" : "tried on the hub: ", rest);
    pst_error longer = {.code = why->code};
    snprintf(longer.message, sizeof longer.message, "%s", message);
    pst_status status = pool.failed ? error_memory(err, 0) : fail_hub(finder, &longer, err);
    text_pool_free(&pool);
    return status;
}

/* -------------------------------------------------------------------------------------- finding */

static pst_status locate(const struct pst_finder *finder, const char *name, const char *required,
                         const char *revision, char **dir, pst_error *err) {
    pst_error why;
    pst_status status = folder_kind_check(finder, name, required, err);
    if (status) return status;
    status = finder_search(finder, name, required, revision, 1, dir, &why);
    return status ? fail_missing(finder, name, required, &why, err) : PST_OK;
}

static pst_status locate_adapter(const struct pst_finder *finder, const char *name, char **dir,
                                 pst_error *err) {
    pst_error why;
    pst_status status = folder_kind_check(finder, name, REQUIRED[PST_FIND_ADAPTER], err);
    if (status) return status;
    status = pst_adapter_find(name, dir, &why);
    /* A folder that cannot be read is an adapter that cannot be used. */
    if (status == PST_ERR_IO) status = PST_ERR_MODEL;
    return status ? error_set(err, status, "%s", why.message) : PST_OK;
}

/* The hub is asked only when nothing is found here: it knows what the name is. */
static pst_status locate_any(const struct pst_finder *finder, const char *name,
                             const char *revision, char **dir, pst_error *err) {
    pst_error why, miss;
    if (folder_kind_exists(name) && !path_is_folder(name))
        return error_set(err, PST_ERR_MODEL,
                         "%s: a file, expected the folder of a model or an adapter", name);
    pst_status status = finder_search(finder, name, "adapter_config.json", revision, 0, dir, &why);
    if (!status) return status;
    miss = why;
    if (status != PST_ERR_MEMORY)
        status = finder_search(finder, name, "config.json", revision, 0, dir, &miss);
    if (status && status != PST_ERR_MEMORY && path_is_folder(name))
        status = pst_adapter_find(name, dir, &miss);
    if (!status) return status;
    /* The hub may know it, unless it is no hub id. */
    if (status != PST_ERR_MEMORY && !finder->hub.offline &&
        (status = pst_hub_pull(name, revision, NULL, &finder->hub, dir, &why)) != PST_ERR_ARGUMENT)
        miss = why;
    return status ? fail_missing(finder, name, "config.json", &miss, err) : PST_OK;
}

pst_status pst_finder_find(const pst_finder *finder, const char *name, pst_find_kind kind,
                           const char *revision, char **dir, pst_error *err) {
    if (!finder || !name || !*name || !dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_finder_find: finder, name or dir is NULL or empty");
    if ((unsigned)kind >= KINDS)
        return error_set(err, PST_ERR_ARGUMENT, "unknown kind %d", (int)kind);
    if (kind == PST_FIND_ANY) return locate_any(finder, name, revision, dir, err);
    if (kind == PST_FIND_ADAPTER && path_is_folder(name))
        return locate_adapter(finder, name, dir, err);
    if (kind == PST_FIND_MODEL && folder_kind_is_converted(name)) {
        char *copy = strdup(name);
        if (copy) *dir = copy;
        return copy ? PST_OK : error_memory(err, 0);
    }
    return locate(finder, name, REQUIRED[kind], revision, dir, err);
}

pst_status pst_finder_pull(const pst_finder *finder, const char *id, const char *revision,
                           char **dir, pst_error *err) {
    pst_error why;
    if (!finder || !id || !dir)
        return error_set(err, PST_ERR_ARGUMENT, "pst_finder_pull: finder, id or dir is NULL");
    pst_status status = pst_hub_pull(id, revision, NULL, &finder->hub, dir, &why);
    return status ? fail_hub(finder, &why, err) : PST_OK;
}
