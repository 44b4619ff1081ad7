/* hub_cache.c - what a user calls a model, to the folder it lies in.
 *
 * Three places, in this order: a folder of that name; the folder of imported models; the cache that
 * Hugging Face's own tools fill. The cache is read as those tools read it:
 *
 *     <hub_cache>/models--org--name/refs/<revision>           text: a commit of 40 hex digits
 * <hub_cache>/models--org--name/snapshots/<commit>/<file> usually a link into blobs/
 * <hub_cache>/models--org--name/.no_exist/<commit>/<file> the hub is known not to have this file
 *
 * and no other snapshot than the one asked for is ever taken. Nothing is downloaded here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "potstill.h"

enum {
    HUB_ID_MAX = 96,     /* the hub's own limit */
    COMMIT_LENGTH = 40,  /* hex digits of a git commit */
    REVISION_MAX = 255,  /* the longest file name that file systems take */
    REF_BYTES_MAX = 1024 /* a ref is 40 bytes and perhaps a line end */
};

void pst_search_init(pst_search *search) {
    *search = (pst_search){.struct_size = sizeof *search};
}

/* ------------------------------------------------------------------------------- what is a name */

static int is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Half of a hub id: letters, digits, "._-", neither first nor last a '.' or '-'. */
static int is_id_part(const char *text, size_t length) {
    if (length == 0 || strchr(".-", text[0]) || strchr(".-", text[length - 1])) return 0;
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(text[i]) && !strchr("._-", text[i])) return 0;
    return 1;
}

/* "name" or "org/name". "--" is what the cache writes for the slash, so an id may not hold it. */
static int is_hub_id(const char *name) {
    const char *slash = strchr(name, '/');
    if (strlen(name) > HUB_ID_MAX || strstr(name, "--") || strstr(name, "..")) return 0;
    if (!slash) return is_id_part(name, strlen(name));
    return is_id_part(name, (size_t)(slash - name)) && is_id_part(slash + 1, strlen(slash + 1));
}

static int is_commit(const char *text) {
    return strlen(text) == COMMIT_LENGTH && strspn(text, "0123456789abcdef") == COMMIT_LENGTH;
}

/* A branch, tag or pull request as git allows it, so far as it is also a safe path below refs/:
 * "main", "v1.0", "refs/pr/1". */
static int is_revision(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > REVISION_MAX || text[0] == '/' || text[length - 1] == '/') return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7F || text[i] == '\\') return 0;
    return !strstr(text, "..") && !strstr(text, "//") && !strstr(text, "/.") && text[0] != '.';
}

/* -------------------------------------------------------------------------------------- folders */

/* Takes over `folder`, which exists; what matters now is whether it is of the kind wanted. */
static pst_status use_folder(char *folder, const char *required, char **dir, pst_error *err) {
    char *file = path_join(folder, required);
    pst_status status = PST_OK;
    if (!file)
        status = error_memory(err, 0);
    else if (!path_is_file(file))
        status =
            error_set(err, PST_ERR_MODEL, "%s: folder has no %s, expected %s", folder, required,
                      strcmp(required, "adapter_config.json") ? "a Hugging Face model folder"
                                                              : "a PEFT adapter folder");
    free(file);
    if (status)
        free(folder);
    else
        *dir = folder;
    return status;
}

/* ---------------------------------------------------------------------------------------- cache */

static const char NOT_CACHED[] = "does not have it";

/* One question to the cache. The answer is in `found`, or NULL with `miss` saying why not. */
struct lookup {
    const char *hub_cache;
    const char *revision;
    const char *required;
    char *found;
    const char *miss; /* completes "the hub cache ..." */
};

/* "<repo>/<folder>/<a>/<b>" in fresh memory; `b` may be NULL. */
static char *inside(const char *repo, const char *folder, const char *a, const char *b) {
    struct buffer path = {0};
    buffer_format(&path, "%s/%s/%s", repo, folder, a);
    if (b) buffer_format(&path, "/%s", b);
    if (!path.failed) return path.data;
    buffer_free(&path);
    return NULL;
}

/* Reads the commit that a ref names; `*known` is 0 when there is no such ref. What the file holds
 * becomes part of a path, so nothing but a commit will do. */
static pst_status read_ref(const char *repo, const char *revision, char commit[COMMIT_LENGTH + 1],
                           int *known, pst_error *err) {
    char *path = inside(repo, "refs", revision, NULL);
    if (!path) return error_memory(err, 0);
    struct file_view view;
    pst_status status = PST_OK;
    *known = path_is_file(path);
    if (*known) status = file_view_open(&view, path, REF_BYTES_MAX, err);
    if (*known && !status) {
        size_t start = 0, end = view.size;
        while (end > start && strchr(" \t\r\n", view.data[end - 1]) && view.data[end - 1]) end--;
        while (start < end && strchr(" \t\r\n", view.data[start]) && view.data[start]) start++;
        memset(commit, 0, COMMIT_LENGTH + 1);
        if (end - start == COMMIT_LENGTH) memcpy(commit, view.data + start, COMMIT_LENGTH);
        file_view_close(&view);
        if (!is_commit(commit))
            status = error_set(err, PST_ERR_MODEL,
                               "%s: holds no commit, expected %d hex digits (download it again)",
                               path, COMMIT_LENGTH);
    }
    free(path);
    return status;
}

static pst_status look_in_snapshot(struct lookup *lookup, const char *repo, const char *commit,
                                   pst_error *err) {
    char *absent = inside(repo, ".no_exist", commit, lookup->required);
    char *file = inside(repo, "snapshots", commit, lookup->required);
    char *folder = inside(repo, "snapshots", commit, NULL);
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
    struct buffer repo = {0};
    const char *slash = strchr(id, '/');
    buffer_format(&repo, "%s/models--", lookup->hub_cache);
    if (slash) buffer_format(&repo, "%.*s--", (int)(slash - id), id);
    buffer_text(&repo, slash ? slash + 1 : id);
    if (repo.failed) {
        buffer_free(&repo);
        return error_memory(err, 0);
    }
    char commit[COMMIT_LENGTH + 1];
    pst_status status = PST_OK;
    int known = is_commit(lookup->revision);
    if (known)
        memcpy(commit, lookup->revision, sizeof commit);
    else
        status = read_ref(repo.data, lookup->revision, commit, &known, err);
    if (!status && known)
        status = look_in_snapshot(lookup, repo.data, commit, err);
    else if (!status)
        lookup->miss = path_is_folder(repo.data) ? "does not have that revision of it" : NOT_CACHED;
    buffer_free(&repo);
    return status;
}

/* Moonshine's models moved from one organisation to another; the hub forwards requests, but the
 * cache keeps the name that was asked for. Writes the other name of `id`, or returns 0. */
static int rename_organisation(const char *id, char *other, size_t size) {
    static const char *const names[] = {"UsefulSensors/", "moonshine-ai/"};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(id, names[i], length)) continue;
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

/* What to do comes first: long paths may cost the message its end. */
static void advise(struct buffer *text, const char *name, const char *revision, int adapter) {
    buffer_text(text, adapter
                          ? "give its folder, or get it with `hf download "
                          : "give its folder, get it with scripts/get-model.sh or `hf download ");
    buffer_text(text, name);
    if (revision) buffer_format(text, " --revision %s", revision);
    buffer_text(text, adapter ? "`" : "`, or make one with `potstill import`");
}

static pst_status explain_miss(const char *name, const pst_search *search, const char *required,
                               const char *miss, pst_error *err) {
    int adapter = !strcmp(required, "adapter_config.json");
    struct buffer text = {0};
    buffer_format(&text, "%s: no such %s; ", name, adapter ? "adapter" : "model");
    if (is_hub_id(name)) {
        advise(&text, name, search->revision, adapter);
        buffer_text(&text, " (looked for a folder of that name");
        if (search->models_dir && !strchr(name, '/'))
            buffer_format(&text, ", then in %s", search->models_dir);
        if (miss)
            buffer_format(&text, "; the hub cache %s %s: revision %s, %s)", search->hub_cache, miss,
                          search->revision ? search->revision : "main", required);
        else
            buffer_text(&text, "; no hub cache is set)");
    } else {
        buffer_format(&text, "there is no folder of that name, and a hub id looks like %s",
                      adapter ? "you/your-adapter" : "UsefulSensors/moonshine-tiny");
    }
    pst_status status =
        text.failed ? error_memory(err, 0) : error_set(err, PST_ERR_MODEL, "%s", text.data);
    buffer_free(&text);
    return status;
}

/* -------------------------------------------------------------------------------------- public */

static pst_status find_in_cache(const char *name, const char *required, const pst_search *search,
                                char **dir, pst_error *err) {
    struct lookup lookup = {.hub_cache = search->hub_cache,
                            .revision = search->revision ? search->revision : "main",
                            .required = required};
    if (!is_revision(lookup.revision))
        return error_set(err, PST_ERR_ARGUMENT,
                         "revision %s: expected a branch, a tag or a commit of %d hex digits",
                         *lookup.revision ? lookup.revision : "\"\"", COMMIT_LENGTH);
    if (lookup.hub_cache && is_hub_id(name)) {
        pst_status status = look_up_both(&lookup, name, err);
        if (status) return status;
    }
    if (!lookup.found) return explain_miss(name, search, required, lookup.miss, err);
    *dir = lookup.found;
    return PST_OK;
}

pst_status pst_find_model(const char *name, const char *required, const pst_search *search,
                          char **dir, pst_error *err) {
    pst_search where;
    pst_search_init(&where);
    if (!name || !*name || !required || !*required || !dir || (search && !search->struct_size))
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_find_model: a name, a required file, a search set up by "
                         "pst_search_init() and a place for the folder are needed");
    if (search)
        memcpy(&where, search,
               search->struct_size < sizeof where ? search->struct_size : sizeof where);
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
    return find_in_cache(name, required, &where, dir, err);
}
