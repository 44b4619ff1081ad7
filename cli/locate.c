/* locate.c - see locate.h. */
#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "fetch.h"
#include "nearby.h"
#include "options.h"

int fail_model(const pst_error *err) {
    int code = exit_code_of(err);
    if (err->code == PST_ERR_IO || err->code == PST_ERR_INPUT) code = EXIT_MODEL;
    return fail(code, "%s", err->message);
}

static int exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static int is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int holds(const char *dir, const char *file) {
    char *path = text_format("%s/%s", dir, file);
    int there = exists(path);
    free(path);
    return there;
}

/* ----------------------------------------------------------------------------- what a folder is */

static int holds_adapter(const char *dir) {
    pst_error err;
    char *found = NULL;
    int there = pst_adapter_find(dir, &found, &err) == PST_OK;
    pst_free(found);
    return there;
}

/* What is there under the name of something else; NULL: not known. */
static const char *kind_of(const char *path) {
    if (!is_folder(path)) return exists(path) ? "a file" : NULL;
    if (holds(path, "config.json")) return "a model";
    if (holds(path, "potstill.json")) return "a converted model";
    if (holds(path, "Manifest.json")) return "a Core ML package";
    return holds_adapter(path) ? "an adapter" : NULL;
}

/* Says by what it is that `name` is not what is expected. 0: it may be that. */
static int refuse_other_kind(const char *name, const char *required) {
    int adapter = strcmp(required, "adapter_config.json") == 0;
    int model = strcmp(required, "config.json") == 0;
    const char *kind = kind_of(name);
    if (!kind || holds(name, required) || (adapter && holds_adapter(name))) return 0;
    if (strcmp(kind, "a file") == 0)
        return fail(EXIT_MODEL, "%s: a file, expected the folder of %s", name,
                    model     ? "a model"
                    : adapter ? "an adapter"
                              : required);
    if (model)
        return fail(EXIT_MODEL, "%s: %s, expected a model%s", name, kind,
                    strcmp(kind, "an adapter") == 0
                        ? ": it goes on one, by --adapter"
                        : " that can be read: the one it was made from");
    if (adapter)
        return fail(EXIT_MODEL, "%s: %s, expected an adapter%s", name, kind,
                    strcmp(kind, "a model") == 0 ? ": it is used by --model" : "");
    return 0;
}

/* First what the name is most likely to be, a folder, then what the hub says. Returns the exit
 * code. */
static int fail_missing(const struct environment *environment, const char *name,
                        const char *required, const char *revision, const pst_error *err) {
    if (exists(name) || !nearby_has_parent(name))
        return fetch_fail(environment, name, required, revision, err);
    char *near = nearby_name(environment, name, required);
    size_t length = strlen(name);
    int named = strncmp(err->message, name, length) == 0 && err->message[length] == ':';
    const char *rest =
        named ? err->message + length + 1 + (err->message[length + 1] == ' ') : err->message;
    char *message =
        text_format("%s: there is no such folder%s%s%s; %s%s", name, near ? " (did you mean " : "",
                    near ? near : "", near ? "?)" : "",
                    strncmp(rest, "no such ", 8) == 0 ? "" : "tried on the hub: ", rest);
    pst_error longer = {.code = err->code};
    snprintf(longer.message, sizeof longer.message, "%s", message);
    free(message);
    free(near);
    return fetch_fail(environment, name, required, revision, &longer);
}

/* ------------------------------------------------------------------------------------- locating */

/* A model that is not found is EXIT_MODEL; a network or a disk that fails, EXIT_ENVIRONMENT. */
int locate(const struct environment *environment, const char *name, const char *required,
           const char *revision, char **dir) {
    pst_error err;
    int code = refuse_other_kind(name, required);
    if (code) return code;
    if (!fetch_find(environment, name, required, revision, dir, &err)) return 0;
    return fail_missing(environment, name, required, revision, &err);
}

int locate_is_converted(const char *name) {
    return holds(name, "potstill.json") || holds(name, "Manifest.json");
}

int locate_model(const struct environment *environment, const char *name, const char *revision,
                 char **dir) {
    if (!locate_is_converted(name)) return locate(environment, name, "config.json", revision, dir);
    *dir = text_format("%s", name);
    return 0;
}

int locate_adapter(const struct environment *environment, const char *name, char **dir) {
    pst_error err;
    static const char required[] = "adapter_config.json";
    if (!is_folder(name)) return locate(environment, name, required, NULL, dir);
    int code = refuse_other_kind(name, required);
    if (code) return code;
    return pst_adapter_find(name, dir, &err) ? fail_model(&err) : 0;
}

/* The hub is asked only when nothing is found here: it knows what the name is. */
int locate_any(const struct environment *environment, const char *name, const char *revision,
               char **dir) {
    pst_error err, miss;
    if (exists(name) && !is_folder(name))
        return fail(EXIT_MODEL, "%s: a file, expected the folder of a model or an adapter", name);
    pst_search search = environment_search(environment, revision);
    if (pst_find_model(name, "adapter_config.json", &search, dir, &err) == PST_OK ||
        pst_find_model(name, "config.json", &search, dir, &miss) == PST_OK ||
        (is_folder(name) && pst_adapter_find(name, dir, &miss) == PST_OK))
        return 0;
    pst_status status = environment->hub.offline
                            ? PST_ERR_ARGUMENT
                            : fetch_pull(environment, name, revision, dir, &err);
    if (status == PST_ERR_ARGUMENT) err = miss; /* it is not a hub id, or must not be one */
    return status ? fail_missing(environment, name, "config.json", revision, &err) : 0;
}

char *locate_split_weight(const char *text, double *weight) {
    const char *colon = strrchr(text, ':');
    if (colon && colon != text && !exists(text) && parse_number(colon + 1, weight))
        return text_format("%.*s", (int)(colon - text), text);
    *weight = 1;
    return text_format("%s", text);
}
