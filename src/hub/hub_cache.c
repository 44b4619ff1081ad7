/* hub_cache.c - finds the folder of a model by the name that a user gives it.
 *
 * Four places, in this order: a folder of that name; the folder of imported models; the cache that
 * Hugging Face's own tools fill; the hub itself (hub_pull.c), when there is one to ask. The cache
 * is read as those tools read it:
 *
 *     <hub_cache>/models--org--name/refs/<revision>             text: a commit
 *     <hub_cache>/models--org--name/snapshots/<commit>/<file>   usually a link into blobs/
 *     <hub_cache>/models--org--name/.no_exist/<commit>/<file>   the hub has no such file
 *
 * and only the snapshot of the revision asked for is taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "hub/hub_names.h"

enum {
    COMMIT_LENGTH = HUB_COMMIT_SIZE - 1,
    REF_BYTES_MAX = 1024 /* a ref is 40 bytes and perhaps a line end */
};

void pst_search_init_sized(pst_search *search, size_t struct_size) {
    const pst_search defaults = {.struct_size = sizeof defaults};
    option_struct_fill(search, struct_size, &defaults, sizeof defaults);
}

/* -------------------------------------------------------------------------------------- folders */

/* Owns `folder`, which exists; checks that it has the file required. */
static pst_status use_folder(char *folder, const char *required, char **dir, pst_error *err) {
    if (path_has_file(folder, required)) {
        *dir = folder;
        return PST_OK;
    }
    error_set(err, PST_ERR_MODEL, "%s: folder has no %s, expected %s", folder, required,
              strcmp(required, "adapter_config.json") ? "a Hugging Face model folder"
                                                      : "a PEFT adapter folder");
    free(folder);
    return PST_ERR_MODEL;
}

/* ---------------------------------------------------------------------------------------- cache */

static const char NOT_CACHED[] = "does not have it";

/* A lookup in the cache. The result is `found`, or NULL with the reason in `miss`. */
struct lookup {
    const char *hub_cache;
    const char *revision;
    const char *required;
    char *found;
    const char *miss; /* completes "the hub cache ..." */
};

/* Reads the commit that a ref names; `*known` is 0 when there is no such ref. The content of the
 * file becomes part of a path, so nothing but a commit is accepted. */
static pst_status read_ref(const char *repo, const char *revision, char commit[HUB_COMMIT_SIZE],
                           int *known, pst_error *err) {
    char *path = hub_path(repo, "refs", revision, NULL);
    if (!path) return error_memory(err, 0);
    struct file_view view;
    pst_status status = PST_OK;
    *known = path_is_file(path);
    if (*known) status = file_view_open(&view, path, REF_BYTES_MAX, err);
    if (*known && !status) {
        size_t start = 0, end = view.size;
        while (end > start && strchr(" \t\r\n", view.data[end - 1]) && view.data[end - 1]) end--;
        while (start < end && strchr(" \t\r\n", view.data[start]) && view.data[start]) start++;
        memset(commit, 0, HUB_COMMIT_SIZE);
        if (end - start == COMMIT_LENGTH) memcpy(commit, view.data + start, COMMIT_LENGTH);
        file_view_close(&view);
        if (!hub_is_commit(commit))
            status = error_set(err, PST_ERR_MODEL,
                               "%s: holds no commit, expected %d hex digits (download it again)",
                               path, COMMIT_LENGTH);
    }
    free(path);
    return status;
}

static pst_status look_in_snapshot(struct lookup *lookup, const char *repo, const char *commit,
                                   pst_error *err) {
    char *absent = hub_path(repo, ".no_exist", commit, lookup->required);
    char *file = hub_path(repo, "snapshots", commit, lookup->required);
    char *folder = hub_path(repo, "snapshots", commit, NULL);
    pst_status status = PST_OK;
    if (!absent || !file || !folder) {
        status = error_memory(err, 0);
    } else if (path_is_file(absent)) {
        lookup->miss = "knows it to be without that file on the hub";
    } else if (!path_is_file(file)) {
        lookup->miss = path_is_folder(folder) ? "has it without that file (download it again)"
                                              : "knows that revision, but does not hold it";
    } else {
        lookup->found = folder;
        folder = NULL;
    }
    free(absent);
    free(file);
    free(folder);
    return status;
}

static pst_status look_up(struct lookup *lookup, const char *id, pst_error *err) {
    char *repo = hub_repo_path(lookup->hub_cache, "/", id);
    if (!repo) return error_memory(err, 0);
    char commit[HUB_COMMIT_SIZE];
    pst_status status = PST_OK;
    int known = hub_is_commit(lookup->revision);
    if (known)
        memcpy(commit, lookup->revision, sizeof commit);
    else
        status = read_ref(repo, lookup->revision, commit, &known, err);
    if (!status && known)
        status = look_in_snapshot(lookup, repo, commit, err);
    else if (!status)
        lookup->miss = path_is_folder(repo) ? "does not have that revision of it" : NOT_CACHED;
    free(repo);
    return status;
}

/* Moonshine's models moved from one organisation to another; the hub forwards requests, but the
 * cache keeps the name that was asked for. Writes the other name of `id`, or returns 0. */
static int rename_organisation(const char *id, char *other, size_t size) {
    static const char *const names[] = {"UsefulSensors/", "moonshine-ai/"};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(id, names[i], length) != 0) continue;
        int written = snprintf(other, size, "%s%s", names[1 - i], id + length);
        return written > 0 && (size_t)written < size;
    }
    return 0;
}

/* Tries the name asked for, then the other. A miss is explained by the name asked for, unless only
 * the other one is in the cache at all. */
static pst_status look_up_both(struct lookup *lookup, const char *id, pst_error *err) {
    char other[HUB_ID_MAX + sizeof "moonshine-ai/"];
    pst_status status = look_up(lookup, id, err);
    if (status || lookup->found || !rename_organisation(id, other, sizeof other)) return status;
    const char *miss = lookup->miss;
    status = look_up(lookup, other, err);
    if (miss != NOT_CACHED) lookup->miss = miss;
    return status;
}

/* --------------------------------------------------------------------------------------- misses */

static pst_status explain_miss(const char *name, const pst_search *search, const char *required,
                               const char *miss, pst_error *err) {
    int adapter = !strcmp(required, "adapter_config.json"), is_id = hub_is_id(name);
    struct buffer text = {0};
    buffer_format(&text, "%s: no such %s", name, adapter ? "adapter" : "model");
    if (is_id) {
        buffer_text(&text, " (looked for a folder of that name");
        if (search->models_dir && !strchr(name, '/'))
            buffer_format(&text, ", then in %s", search->models_dir);
        if (miss)
            buffer_format(&text, "; the hub cache %s %s: revision %s, %s)", search->hub_cache, miss,
                          search->revision ? search->revision : "main", required);
        else
            buffer_text(&text, "; no hub cache is set)");
    } else {
        buffer_format(&text, "; it is neither a folder nor a hub id, which looks like %s",
                      adapter ? "you/your-adapter" : "UsefulSensors/moonshine-tiny");
    }
    pst_status status =
        text.failed ? error_memory(err, 0)
                    : error_set(err, is_id ? PST_ERR_NOT_FOUND : PST_ERR_MODEL, "%s", text.data);
    buffer_free(&text);
    return status;
}

/* -------------------------------------------------------------------------------------- public */

/* A snapshot may have the required file and still lack the weights: Python fetches single files,
 * and may have been stopped. */
static int has_weights(const char *folder, const char *required) {
    static const char *const names[][4] = {
        {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
         "pytorch_model.bin.index.json"},
        {"adapter_model.safetensors", "adapter_model.bin"},
    };
    int adapter = !strcmp(required, "adapter_config.json");
    if (!adapter && strcmp(required, "config.json") != 0) return 1;
    for (size_t i = 0; i < 4 && names[adapter][i]; i++)
        if (path_has_file(folder, names[adapter][i])) return 1;
    return 0;
}

static pst_status pull(const char *name, const char *required, const pst_search *search, char **dir,
                       pst_error *err) {
    pst_hub_options options = *search->hub;
    options.cache_dir = search->hub_cache;
    return pst_hub_pull(name, search->revision, required, &options, dir, err);
}

static pst_status find_on_hub(const char *name, const char *required, const pst_search *search,
                              char **dir, pst_error *err) {
    struct lookup lookup = {.hub_cache = search->hub_cache,
                            .revision = search->revision ? search->revision : "main",
                            .required = required};
    pst_status status = hub_check_revision(lookup.revision, err);
    if (status) return status;
    int in_cache = lookup.hub_cache && hub_is_id(name);
    int online = in_cache && search->hub && !search->hub->offline;
    if (in_cache) status = look_up_both(&lookup, name, err);
    if (status) return status;
    if (online && (!lookup.found || !has_weights(lookup.found, required))) {
        free(lookup.found);
        return pull(name, required, search, dir, err);
    }
    if (!lookup.found) return explain_miss(name, search, required, lookup.miss, err);
    *dir = lookup.found;
    return PST_OK;
}

pst_status pst_find_model(const char *name, const char *required, const pst_search *search,
                          char **dir, pst_error *err) {
    pst_search where;
    pst_hub_options hub;
    pst_search_init(&where);
    pst_hub_options_init(&hub);
    if (!name || !*name || !required || !*required || !dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_find_model: name, required or dir is NULL or empty");
    pst_status status = option_struct_copy(&where, sizeof where, search, "pst_search", err);
    if (!status) status = option_struct_copy(&hub, sizeof hub, where.hub, "pst_hub_options", err);
    if (status) return status;
    if (where.hub) where.hub = &hub;
    if (path_is_folder(name)) {
        char *folder = strdup(name);
        return folder ? use_folder(folder, required, dir, err) : error_memory(err, 0);
    }
    if (where.models_dir && !strchr(name, '/')) {
        char *folder = path_join(where.models_dir, name);
        if (!folder) return error_memory(err, 0);
        if (path_is_folder(folder)) return use_folder(folder, required, dir, err);
        free(folder);
    }
    return find_on_hub(name, required, &where, dir, err);
}
