/* environment.c - see environment.h. */
#include "environment.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "options.h"

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

char *environment_home_path(const char *path) {
    int is_home = path[0] == '~' && (!path[1] || path[1] == '/');
    return is_home ? text_format("%s%s", home(), path + 1) : text_format("%s", path);
}

char *environment_expand(const char *path) {
    char *text = environment_home_path(path);
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
        at += strlen(value); /* the value itself is not expanded again */
    }
    return text;
}

char *environment_program(const char *name) {
    const char *at = variable("PATH");
    while (at) {
        struct stat st;
        size_t length = strcspn(at, ":");
        char *path = text_format("%.*s/%s", (int)length, at, name);
        if (*at == '/' && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return path;
        free(path);
        at = at[length] ? at + length + 1 : NULL;
    }
    return NULL;
}

/* A folder of the XDG base directory specification, by which relative paths are ignored. */
static char *base_dir(const char *name, const char *below_home) {
    const char *path = variable(name);
    if (path && path[0] == '/') return text_format("%s", path);
    return text_format("%s/%s", home(), below_home);
}

static char *find_hf_home(const char *cache_dir) {
    const char *path = variable("HF_HOME");
    return path ? environment_expand(path) : text_format("%s/huggingface", cache_dir);
}

static char *find_hub_cache(const char *hf_home) {
    const char *path = variable("HF_HUB_CACHE");
    if (!path) path = variable("HUGGINGFACE_HUB_CACHE");
    return path ? environment_expand(path) : text_format("%s/hub", hf_home);
}

/* NULL without a home: nothing is kept in the root folder. On a Mac caches are where the system
 * cleans them up. */
static char *find_weights_cache(void) {
    const char *path = variable("XDG_CACHE_HOME");
    if (path && path[0] == '/') return text_format("%s/potstill", path);
    if (strcmp(home(), "/") == 0) return NULL;
#ifdef __APPLE__
    return text_format("%s/Library/Caches/potstill", home());
#else
    return text_format("%s/.cache/potstill", home());
#endif
}

/* An imported moonshine-tiny wins over one in the hub cache: it was put there for this program. A
 * full path, so that a folder of that name below the working directory is not taken for it. */
static char *find_default_model(const char *models_dir) {
    const char *model = variable("POTSTILL_MODEL");
    if (model) return environment_expand(model);
    char *imported = text_format("%s/moonshine-tiny", models_dir);
    char *config = text_format("%s/config.json", imported);
    int there = access(config, F_OK) == 0;
    free(config);
    if (there) return imported;
    free(imported);
    return text_format("UsefulSensors/moonshine-tiny");
}

/* ------------------------------------------------------------------------------------ the hub */

/* What huggingface_hub takes for true. */
static int is_true(const char *name) {
    static const char *const words[] = {"1", "ON", "YES", "TRUE"};
    const char *value = variable(name);
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(value, words[i]) == 0) return 1;
    return 0;
}

/* Seconds to milliseconds; 0, the library's default, when unset or no such number. */
static uint32_t timeout_ms(const char *name) {
    enum { SECONDS_MAX = 86400 }; /* a day: longer means never, and 32 bits hold its milliseconds */
    double seconds;
    const char *value = variable(name);
    if (!value) return 0;
    if (parse_number(value, &seconds) && seconds > 0 && seconds <= SECONDS_MAX)
        return seconds < 0.001 ? 1 : (uint32_t)(seconds * 1000);
    say("%s '%s': expected seconds above 0 and up to %d, taking the default", name, value,
        SECONDS_MAX);
    return 0;
}

/* Without white space at both ends and line ends within, as huggingface_hub cleans a token; NULL
 * when nothing is left. Owns `token`. */
static char *clean_token(char *token) {
    size_t kept = 0;
    for (const char *at = token; *at; at++)
        if (*at != '\r' && *at != '\n' && (kept || !isspace((unsigned char)*at)))
            token[kept++] = *at;
    while (kept && isspace((unsigned char)token[kept - 1])) kept--;
    token[kept] = '\0';
    if (kept) return token;
    free(token);
    return NULL;
}

static char *read_token_file(const char *path) {
    char text[1024]; /* a token has some 40 characters */
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return clean_token(text_format("%s", text));
}

static char *find_token(const char *hf_home) {
    if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return NULL;
    const char *value = variable("HF_TOKEN");
    if (!value) value = variable("HUGGING_FACE_HUB_TOKEN");
    char *token = value ? clean_token(text_format("%s", value)) : NULL;
    if (token) return token;
    const char *path = variable("HF_TOKEN_PATH");
    char *file = path ? environment_expand(path) : text_format("%s/token", hf_home);
    token = read_token_file(file);
    free(file);
    return token;
}

static char *find_user_agent(void) {
    const char *origin = variable("HF_HUB_USER_AGENT_ORIGIN");
    return text_format("potstill/%s%s%s", pst_version(), origin ? "; origin/" : "",
                       origin ? origin : "");
}

static void read_hub(struct environment *environment, const char *hf_home, int offline) {
    const char *endpoint = variable("HF_ENDPOINT");
    pst_hub_options *hub = &environment->hub;
    environment->endpoint = endpoint ? text_format("%s", endpoint) : NULL;
    environment->token = find_token(hf_home);
    environment->user_agent = find_user_agent();
    pst_hub_options_init(hub);
    hub->endpoint = environment->endpoint;
    hub->cache_dir = environment->hub_cache;
    hub->token = environment->token;
    hub->user_agent = environment->user_agent;
    hub->ca_file = variable("SSL_CERT_FILE");
    hub->offline = offline || is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
    hub->no_symlinks = is_true("HF_HUB_DISABLE_SYMLINKS");
    hub->etag_timeout_ms = timeout_ms("HF_HUB_ETAG_TIMEOUT");
    hub->download_timeout_ms = timeout_ms("HF_HUB_DOWNLOAD_TIMEOUT");
}

/* --------------------------------------------------------------------------------------- all */

void environment_read(struct environment *environment, int offline) {
    char *data_dir = base_dir("XDG_DATA_HOME", ".local/share");
    char *cache_dir = base_dir("XDG_CACHE_HOME", ".cache");
    char *hf_home = find_hf_home(cache_dir);
    const char *downloads = variable("MOONSHINE_VOICE_CACHE");
    environment->models_dir = text_format("%s/potstill/models", data_dir);
    environment->hub_cache = find_hub_cache(hf_home);
    environment->moonshine_voice_cache =
        downloads ? text_format("%s", downloads) : text_format("%s/moonshine_voice", cache_dir);
    environment->weights_cache = find_weights_cache();
    environment->model = find_default_model(environment->models_dir);
    environment->model_is_chosen = variable("POTSTILL_MODEL") != NULL;
    read_hub(environment, hf_home, offline);
    free(data_dir);
    free(cache_dir);
    free(hf_home);
}

void environment_free(struct environment *environment) {
    free(environment->models_dir);
    free(environment->hub_cache);
    free(environment->moonshine_voice_cache);
    free(environment->weights_cache);
    free(environment->model);
    free(environment->endpoint);
    free(environment->token);
    free(environment->user_agent);
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
