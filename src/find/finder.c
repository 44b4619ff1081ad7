/* finder.c - see finder.h. */
#include "find/finder.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"

void pst_find_options_init_sized(pst_find_options *options, size_t struct_size) {
    const pst_find_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

void finder_warn(const struct pst_finder *finder, struct text_pool *pool, const char *format, ...) {
    char message[sizeof((pst_error *)NULL)->message * 2]; /* two paths fit */
    va_list list;
    if (!finder->warn || pool->failed) return;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    finder->warn(finder->user, message);
}

/* -------------------------------------------------------------------------------------- folders */

/* A folder of the XDG base directory specification, by which relative paths are ignored. */
static const char *base_dir(const struct variables *variables, const char *name,
                            const char *below_home, struct text_pool *texts) {
    const char *path = variable(variables, name);
    if (path && path[0] == '/') return path;
    return text_pool_format(texts, "%s/%s", variables->home, below_home);
}

static const char *find_hub_cache(const struct variables *variables, const char *hf_home,
                                  struct text_pool *texts) {
    const char *path = variable(variables, "HF_HUB_CACHE");
    if (!path) path = variable(variables, "HUGGINGFACE_HUB_CACHE");
    return path ? variables_expand(variables, path, texts)
                : text_pool_format(texts, "%s/hub", hf_home);
}

/* NULL without a home: nothing is kept in the root folder. On a Mac caches are where the system
 * cleans them up. */
static const char *find_weights_cache(const struct variables *variables, struct text_pool *texts) {
    const char *path = variable(variables, "XDG_CACHE_HOME");
    if (path && path[0] == '/') return text_pool_format(texts, "%s/potstill", path);
    if (strcmp(variables->home, "/") == 0) return NULL;
#ifdef __APPLE__
    return text_pool_format(texts, "%s/Library/Caches/potstill", variables->home);
#else
    return text_pool_format(texts, "%s/.cache/potstill", variables->home);
#endif
}

/* An imported moonshine-tiny wins over one in the hub cache: it was put there for this program. A
 * full path, so that a folder of that name below the working directory is not taken for it. */
static const char *find_default_model(const struct variables *variables, const char *models_dir,
                                      struct text_pool *texts) {
    const char *model = variable(variables, "POTSTILL_MODEL");
    if (model) return variables_expand(variables, model, texts);
    const char *imported = text_pool_format(texts, "%s/moonshine-tiny", models_dir);
    return path_has_file(imported, "config.json") ? imported : "UsefulSensors/moonshine-tiny";
}

/* -------------------------------------------------------------------------------------- the hub */

/* Digits, perhaps with a point among them, in any locale; -1: something else. */
static double parse_seconds(const char *text) {
    double value = 0, unit = 1;
    int digits = 0, point = 0;
    for (; *text; text++) {
        if (*text == '.' && !point++) continue;
        if (*text < '0' || *text > '9') return -1;
        if (point) unit /= 10;
        value = point ? value + (*text - '0') * unit : value * 10 + (*text - '0');
        digits++;
    }
    return digits ? value : -1;
}

/* Seconds to milliseconds; 0, the library's default, when unset or no such number. */
static uint32_t timeout_ms(struct pst_finder *finder, const char *name) {
    enum { SECONDS_MAX = 86400 }; /* a day: longer means never, and 32 bits hold its milliseconds */
    const char *value = variable(&finder->variables, name);
    if (!value) return 0;
    double seconds = parse_seconds(value);
    if (seconds > 0 && seconds <= SECONDS_MAX)
        return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
    finder_warn(finder, &finder->texts,
                "%s '%s': expected seconds above 0 and up to %d, taking the default", name, value,
                SECONDS_MAX);
    return 0;
}

/* Without white space at both ends and line ends within, as huggingface_hub cleans a token; NULL
 * when nothing is left. */
static const char *clean_token(struct text_pool *texts, const char *text, size_t length) {
    char *token = text_pool_keep(texts, malloc(length + 1));
    size_t kept = 0;
    if (!token) return NULL;
    for (size_t i = 0; i < length && text[i]; i++)
        if (text[i] != '\r' && text[i] != '\n' && (kept || !isspace((unsigned char)text[i])))
            token[kept++] = text[i];
    while (kept && isspace((unsigned char)token[kept - 1])) kept--;
    token[kept] = '\0';
    return kept ? token : NULL;
}

static const char *read_token_file(struct text_pool *texts, const char *path) {
    enum { BYTES_MAX = 1 << 16 }; /* a token has some 40 characters */
    struct file_view view;
    pst_status status = file_view_open(&view, path, BYTES_MAX, NULL);
    if (status == PST_ERR_MEMORY) texts->failed = 1;
    if (status) return NULL;
    const char *token = clean_token(texts, (const char *)view.data, view.size);
    file_view_close(&view);
    return token;
}

static const char *find_token(const struct variables *variables, const char *hf_home,
                              struct text_pool *texts) {
    if (variable_is_true(variables, "HF_HUB_DISABLE_IMPLICIT_TOKEN")) return NULL;
    const char *value = variable(variables, "HF_TOKEN");
    if (!value) value = variable(variables, "HUGGING_FACE_HUB_TOKEN");
    const char *token = value ? clean_token(texts, value, strlen(value)) : NULL;
    if (token) return token;
    const char *path = variable(variables, "HF_TOKEN_PATH");
    return read_token_file(texts, path ? variables_expand(variables, path, texts)
                                       : text_pool_format(texts, "%s/token", hf_home));
}

static const char *find_user_agent(const struct variables *variables, const char *given,
                                   struct text_pool *texts) {
    const char *origin = variable(variables, "HF_HUB_USER_AGENT_ORIGIN");
    return text_pool_format(texts, "%s%s%s", given ? given : "potstill/" PST_VERSION,
                            origin ? "; origin/" : "", origin ? origin : "");
}

static void read_hub(struct pst_finder *finder, const pst_find_options *options,
                     const char *hf_home) {
    const struct variables *variables = &finder->variables;
    struct text_pool *texts = &finder->texts;
    pst_hub_options *hub = &finder->hub;
    const char *endpoint = variable(variables, "HF_ENDPOINT");
    const char *certificates = variable(variables, "SSL_CERT_FILE");
    pst_hub_options_init(hub);
    hub->endpoint = endpoint;
    hub->cache_dir = finder->info.hub_cache;
    hub->token = find_token(variables, hf_home, texts);
    hub->user_agent = find_user_agent(variables, options->user_agent, texts);
    hub->ca_file = certificates       ? certificates
                   : options->ca_file ? text_pool_format(texts, "%s", options->ca_file)
                                      : NULL;
    hub->offline = options->offline || variable_is_true(variables, "HF_HUB_OFFLINE") ||
                   variable_is_true(variables, "TRANSFORMERS_OFFLINE");
    hub->no_symlinks = variable_is_true(variables, "HF_HUB_DISABLE_SYMLINKS");
    hub->etag_timeout_ms = timeout_ms(finder, "HF_HUB_ETAG_TIMEOUT");
    hub->download_timeout_ms = timeout_ms(finder, "HF_HUB_DOWNLOAD_TIMEOUT");
    hub->progress = options->progress;
    hub->user = options->user;
    finder->info.endpoint = endpoint ? endpoint : "https://huggingface.co";
    finder->info.offline = hub->offline;
}

/* ------------------------------------------------------------------------------------------ all */

static void read_places(struct pst_finder *finder, const pst_find_options *options) {
    const struct variables *variables = &finder->variables;
    struct text_pool *texts = &finder->texts;
    pst_finder_info *info = &finder->info;
    const char *data_dir = base_dir(variables, "XDG_DATA_HOME", ".local/share", texts);
    const char *cache_dir = base_dir(variables, "XDG_CACHE_HOME", ".cache", texts);
    const char *hf_home = variable(variables, "HF_HOME");
    const char *downloads = variable(variables, "MOONSHINE_VOICE_CACHE");
    hf_home = hf_home ? variables_expand(variables, hf_home, texts)
                      : text_pool_format(texts, "%s/huggingface", cache_dir);
    info->models_dir = text_pool_format(texts, "%s/potstill/models", data_dir);
    info->hub_cache = find_hub_cache(variables, hf_home, texts);
    info->moonshine_voice_cache =
        downloads ? downloads : text_pool_format(texts, "%s/moonshine_voice", cache_dir);
    info->weights_cache = find_weights_cache(variables, texts);
    info->model = find_default_model(variables, info->models_dir, texts);
    info->model_is_chosen = variable(variables, "POTSTILL_MODEL") != NULL;
    read_hub(finder, options, hf_home);
}

static const char *option_name(struct text_pool *texts, const char *given, const char *usual) {
    return given ? text_pool_format(texts, "%s", given) : usual;
}

pst_status pst_finder_new(const pst_find_options *options, pst_finder **finder, pst_error *err) {
    pst_find_options own;
    pst_find_options_init(&own);
    if (!finder) return error_set(err, PST_ERR_ARGUMENT, "pst_finder_new: finder is NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_find_options", err);
    if (status) return status;
    struct pst_finder *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    struct text_pool *texts = &made->texts;
    made->warn = own.warn;
    made->user = own.user;
    made->model_option = option_name(texts, own.model_option, "model");
    made->adapter_option = option_name(texts, own.adapter_option, "adapter");
    made->processor_option = option_name(texts, own.processor_option, "processor_dir");
    variables_copy(&made->variables, own.variables, own.home, texts);
    read_places(made, &own);
    if (texts->failed) {
        pst_finder_free(made);
        return error_memory(err, 0);
    }
    *finder = made;
    return PST_OK;
}

void pst_finder_free(pst_finder *finder) {
    if (!finder) return;
    text_pool_free(&finder->texts);
    free(finder);
}

void pst_finder_describe(const pst_finder *finder, pst_finder_info *info) {
    *info = finder->info;
}

pst_status finder_search(const struct pst_finder *finder, const char *name, const char *required,
                         const char *revision, int hub, char **dir, pst_error *err) {
    pst_search search;
    pst_search_init(&search);
    search.models_dir = finder->info.models_dir;
    search.hub_cache = finder->info.hub_cache;
    search.revision = revision;
    search.hub = hub ? &finder->hub : NULL;
    return pst_find_model(name, required, &search, dir, err);
}
