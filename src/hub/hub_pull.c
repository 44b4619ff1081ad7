/* hub_pull.c - downloads the files of a model, an adapter or a processor, in the right order.
 *
 * The first request fixes the commit; all others are about that commit, so that the files are of
 * one state of the repository even while somebody pushes to it. The file that readers look for
 * first (config.json, adapter_config.json) is linked last, and the ref after it: a snapshot that is
 * found is complete. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "hub/hub_client.h"
#include "hub/hub_download.h"
#include "hub/hub_partial.h"
#include "hub/hub_shards.h"
#include "hub/hub_store.h"

static const uint64_t FILE_BYTES_MAX =
    50000000000u; /* above that the hub serves xet clients only */
static const uint64_t FILE_BYTES_LIMIT = (uint64_t)1 << 50; /* so that no sum overflows */
enum {
    SHARDS_MAX = 1024, /* as in the reader of checkpoints */
    ITEMS_MAX = SHARDS_MAX + 32
};

static const char MODEL_CONFIG[] = "config.json";
static const char ADAPTER_CONFIG[] = "adapter_config.json";
static const char TOKENIZER[] = "tokenizer.json";

/* A file of all weights, and the index of its shards, in the order in which readers look. */
static const char *const WEIGHTS[][2] = {
    {"model.safetensors", "model.safetensors.index.json"},
    {"pytorch_model.bin", "pytorch_model.bin.index.json"},
};

/* Each may be missing: one version of transformers writes this file, another that one. */
static const char *const MODEL_EXTRAS[] = {"generation_config.json", NULL};
static const char *const PROCESSOR_EXTRAS[] = {"tokenizer_config.json", "special_tokens_map.json",
                                               "preprocessor_config.json", "processor_config.json",
                                               NULL};

/* A file that the repository has. */
struct item {
    char *name;
    struct hub_file file;
    int here; /* in the snapshot already */
};

struct pull {
    struct hub_http http;
    struct hub_store store;
    struct hub_repo repo;
    uint64_t file_bytes_max;
    char commit[HUB_COMMIT_SIZE]; /* "" until the first answer */
    struct item *items;           /* [count] */
    size_t count;
};

void pst_hub_options_init_sized(pst_hub_options *options, size_t struct_size) {
    const pst_hub_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* ----------------------------------------------------------------------------- asking for files */

/* Every reply must name the commit of the first. */
static pst_status note_commit(struct pull *pull, const char *commit, pst_error *err) {
    if (!*commit) return PST_OK;
    if (!pull->commit[0]) memcpy(pull->commit, commit, sizeof pull->commit);
    if (strcmp(pull->commit, commit) == 0) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: %s answers with commit %s, expected %s", pull->repo.id,
                     pull->http.endpoint, commit, pull->commit);
}

/* Adds a file; `*item` is valid until the next one. */
static pst_status add_item(struct pull *pull, const char *name, struct item **item,
                           pst_error *err) {
    if (pull->count == ITEMS_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: has over %d files, expected fewer shards",
                         pull->repo.id, ITEMS_MAX);
    struct item *items = realloc(pull->items, (pull->count + 1) * sizeof *items);
    if (items) pull->items = items;
    char *copy = items ? strdup(name) : NULL;
    if (!copy) return error_memory(err, 0);
    items[pull->count] = (struct item){.name = copy};
    *item = &items[pull->count++];
    return PST_OK;
}

static pst_status check_size(const struct pull *pull, const char *name, uint64_t size,
                             pst_error *err) {
    if (size <= pull->file_bytes_max) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: %s has %.2f GB, expected at most %.2f GB",
                     pull->repo.id, name, (double)size / 1e9, (double)pull->file_bytes_max / 1e9);
}

/* Asks the hub about `name`; on `*found` there is a new item. */
static pst_status ask(struct pull *pull, const char *name, int *found, pst_error *err) {
    struct hub_file file;
    const char *revision = pull->commit[0] ? pull->commit : pull->repo.revision;
    pst_status status = hub_client_ask(&pull->http, &pull->repo, revision, name, &file, found, err);
    if (!status) status = note_commit(pull, file.commit, err);
    if (!status && *found) status = check_size(pull, name, file.size, err);
    if (!status && !*found && file.commit[0])
        status = hub_store_mark_absent(&pull->store, file.commit, name, err);
    struct item *item = NULL;
    if (!status && *found) status = add_item(pull, name, &item, err);
    if (item)
        item->file = file;
    else
        hub_file_free(&file);
    return status;
}

/* Looks in the snapshot and then on the hub. */
static pst_status look_for(struct pull *pull, const char *name, int *found, pst_error *err) {
    int here = 0, absent = 0;
    *found = 0;
    pst_status status = PST_OK;
    if (pull->commit[0])
        status = hub_store_look(&pull->store, pull->commit, name, &here, &absent, err);
    if (status || (absent && !here)) return status;
    if (!here) return ask(pull, name, found, err);
    struct item *item = NULL;
    status = add_item(pull, name, &item, err);
    if (item) item->here = *found = 1;
    return status;
}

static pst_status look_for_all(struct pull *pull, const char *const *names, pst_error *err) {
    pst_status status = PST_OK;
    for (int found; !status && *names; names++) status = look_for(pull, *names, &found, err);
    return status;
}

/* --------------------------------------------------------------------------------- fetching */

static pst_status fetch(struct pull *pull, struct item *item, pst_error *err) {
    if (item->here) return PST_OK;
    pst_status status = hub_download_blob(&pull->http, &pull->store, &item->file, item->name, err);
    if (!status)
        status = hub_store_link(&pull->store, pull->commit, item->name, item->file.etag, err);
    item->here = !status;
    return status;
}

static int is_expected(const struct pull *pull, const struct item *item) {
    char *blob = hub_store_blob(&pull->store, item->file.etag);
    int there = blob && path_is_file(blob);
    free(blob);
    return !item->here && !there;
}

/* Fetches all that was found, the first item last. */
static pst_status fetch_all(struct pull *pull, pst_error *err) {
    uint64_t total = 0; /* at most ITEMS_MAX times FILE_BYTES_LIMIT */
    for (size_t i = 0; i < pull->count; i++)
        if (is_expected(pull, &pull->items[i])) total += pull->items[i].file.size;
    pst_status status = hub_store_check_room(&pull->store, total, err);
    pull->http.progress.total = pull->http.progress.received + total;
    for (size_t i = pull->count; !status && i > 0; i--)
        status = fetch(pull, &pull->items[i - 1], err);
    return status;
}

/* ----------------------------------------------------------------------------------- shards */

static int is_item(const struct pull *pull, const char *name) {
    for (size_t i = 0; i < pull->count; i++)
        if (strcmp(pull->items[i].name, name) == 0) return 1;
    return 0;
}

static pst_status look_for_shard(void *user, const char *name, pst_error *err) {
    struct pull *pull = user;
    int found;
    if (is_item(pull, name)) return PST_OK;
    pst_status status = look_for(pull, name, &found, err);
    if (status || found) return status;
    return error_set(err, PST_ERR_MODEL, "%s: has no %s, which its index of shards names",
                     pull->repo.id, name);
}

/* `index` has just been found. */
static pst_status look_for_shards(struct pull *pull, const char *index, pst_error *err) {
    pst_status status = fetch(pull, &pull->items[pull->count - 1], err);
    if (status) return status;
    char *path = hub_store_file(&pull->store, pull->commit, index);
    if (!path) return error_memory(err, 0);
    status = hub_shards_visit(path, pull->repo.id, look_for_shard, pull, err);
    free(path);
    return status;
}

/* ------------------------------------------------------------------------------------- kinds */

/* The first kind that is there is the one that readers take. */
static pst_status look_for_weights(struct pull *pull, int *found, pst_error *err) {
    for (size_t i = 0; i < sizeof WEIGHTS / sizeof *WEIGHTS; i++) {
        const char *single = WEIGHTS[i][0], *index = WEIGHTS[i][1];
        pst_status status = look_for(pull, single, found, err);
        if (status || *found) return status;
        status = look_for(pull, index, found, err);
        if (status || *found) return status ? status : look_for_shards(pull, index, err);
    }
    return PST_OK;
}

static pst_status look_for_model(struct pull *pull, int needs_weights, pst_error *err) {
    int found = 0;
    pst_status status = look_for_weights(pull, &found, err);
    if (!status && !found && needs_weights)
        return error_set(err, PST_ERR_MODEL,
                         "%s: has no model.safetensors, no pytorch_model.bin and no index of "
                         "shards (.index.json) of either at %s",
                         pull->repo.id, pull->http.endpoint);
    if (!status) status = look_for_all(pull, MODEL_EXTRAS, err);
    if (!status) status = look_for(pull, TOKENIZER, &found, err);
    return status ? status : look_for_all(pull, PROCESSOR_EXTRAS, err);
}

static pst_status look_for_adapter(struct pull *pull, pst_error *err) {
    int found = 0;
    pst_status status = look_for(pull, "adapter_model.safetensors", &found, err);
    if (!status && !found) status = look_for(pull, "adapter_model.bin", &found, err);
    if (status || found) return status;
    return error_set(err, PST_ERR_MODEL,
                     "%s: has neither adapter_model.safetensors nor adapter_model.bin at %s",
                     pull->repo.id, pull->http.endpoint);
}

static pst_status fail_absent(const struct pull *pull, const char *what, pst_error *err) {
    return error_set(err, PST_ERR_MODEL, "%s: has no %s at %s (revision %s)", pull->repo.id, what,
                     pull->http.endpoint, pull->repo.revision);
}

/* The first item is linked last. */
static pst_status look_for_kind(struct pull *pull, const char *required, pst_error *err) {
    int found = 0;
    pst_status status = look_for(pull, required, &found, err);
    if (status) return status;
    if (!found) return fail_absent(pull, required, err);
    if (strcmp(required, ADAPTER_CONFIG) == 0) return look_for_adapter(pull, err);
    if (strcmp(required, MODEL_CONFIG) == 0) return look_for_model(pull, 1, err);
    return look_for_all(pull, PROCESSOR_EXTRAS, err);
}

/* A repository of adapters may also hold the config of its base model, without weights. */
static pst_status look_for_whichever(struct pull *pull, pst_error *err) {
    int adapter = 0, model = 0;
    pst_status status = look_for(pull, ADAPTER_CONFIG, &adapter, err);
    if (!status) status = look_for(pull, MODEL_CONFIG, &model, err);
    if (!status && !adapter && !model)
        status = fail_absent(pull, "config.json and no adapter_config.json", err);
    if (!status && adapter) status = look_for_adapter(pull, err);
    if (!status && model) status = look_for_model(pull, !adapter, err);
    return status;
}

/* ------------------------------------------------------------------------------------ public */

static void close_pull(struct pull *pull) {
    for (size_t i = 0; i < pull->count; i++) {
        free(pull->items[i].name);
        hub_file_free(&pull->items[i].file);
    }
    free(pull->items);
    hub_store_close(&pull->store);
    hub_http_close(&pull->http);
}

static pst_status run(struct pull *pull, const char *required, char **dir, pst_error *err) {
    pst_status status =
        required ? look_for_kind(pull, required, err) : look_for_whichever(pull, err);
    if (!status) status = fetch_all(pull, err);
    if (!status) hub_partial_clean(&pull->store);
    if (!status) status = hub_store_refer(&pull->store, pull->repo.revision, pull->commit, err);
    if (status) return status;
    char *folder = hub_path(pull->store.repo, "snapshots", pull->commit, NULL);
    if (!folder) return error_memory(err, 0);
    *dir = folder;
    return PST_OK;
}

static pst_status pull_with(const pst_hub_options *options, struct hub_repo repo,
                            const char *required, char **dir, pst_error *err) {
    struct pull pull = {.repo = repo, .file_bytes_max = FILE_BYTES_MAX};
    if (options->file_bytes_max) pull.file_bytes_max = options->file_bytes_max;
    if (pull.file_bytes_max > FILE_BYTES_LIMIT) pull.file_bytes_max = FILE_BYTES_LIMIT;
    if (hub_is_commit(repo.revision)) memcpy(pull.commit, repo.revision, sizeof pull.commit);
    pst_status status = hub_http_open(&pull.http, options, err);
    pull.http.progress.id = repo.id;
    if (!status) status = hub_store_open(&pull.store, options, repo.id, err);
    if (!status) status = run(&pull, required, dir, err);
    close_pull(&pull);
    return status;
}

static pst_status check_call(const char *id, const char *revision, const pst_hub_options *options,
                             pst_error *err) {
    if (!hub_is_id(id))
        return error_set(err, PST_ERR_ARGUMENT,
                         "%s: not a hub id, expected one like UsefulSensors/moonshine-tiny", id);
    if (options->offline)
        return error_set(err, PST_ERR_IO, "%s: cannot be downloaded while offline", id);
    return hub_check_revision(revision, err);
}

pst_status pst_hub_pull(const char *id, const char *revision, const char *required,
                        const pst_hub_options *options, char **dir, pst_error *err) {
    pst_hub_options own;
    pst_hub_options_init(&own);
    if (!id || !options || !dir)
        return error_set(err, PST_ERR_ARGUMENT, "pst_hub_pull: id, options or dir is NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_hub_options", err);
    if (status) return status;
    if (!own.cache_dir || !*own.cache_dir)
        return error_set(err, PST_ERR_ARGUMENT, "pst_hub_pull: cache_dir is needed");
    if (required && strcmp(required, MODEL_CONFIG) != 0 && strcmp(required, ADAPTER_CONFIG) != 0 &&
        strcmp(required, TOKENIZER) != 0)
        return error_set(err, PST_ERR_ARGUMENT, "%s: expected %s, %s or %s", required, MODEL_CONFIG,
                         ADAPTER_CONFIG, TOKENIZER);
    if (!revision) revision = "main";
    status = check_call(id, revision, &own, err);
    if (status) return status;
    pst_error why;
    status = pull_with(&own, (struct hub_repo){id, revision}, required, dir, &why);
    if (!status) return PST_OK;
    /* The messages below are about hosts and files; the user asked for a model. */
    size_t length = strlen(id);
    int named = strncmp(why.message, id, length) == 0 && why.message[length] == ':';
    if (named || status == PST_ERR_MEMORY) return error_set(err, status, "%s", why.message);
    return error_set(err, status, "%s: cannot be downloaded: %s", id, why.message);
}
