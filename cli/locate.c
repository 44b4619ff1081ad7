/* locate.c - see locate.h. */
#include "locate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "fetch.h"
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

/* A model that is not found is EXIT_MODEL; a network or a disk that fails, EXIT_ENVIRONMENT. */
int locate(const struct environment *environment, const char *name, const char *required,
           const char *revision, char **dir) {
    pst_error err;
    if (!fetch_find(environment, name, required, revision, dir, &err)) return 0;
    return fetch_fail(environment, name, required, revision, &err);
}

int locate_is_converted(const char *name) {
    static const char *const files[] = {"potstill.json", "Manifest.json"};
    int found = 0;
    for (int i = 0; i < 2 && !found; i++) {
        char *path = text_format("%s/%s", name, files[i]);
        found = exists(path);
        free(path);
    }
    return found;
}

int locate_model(const struct environment *environment, const char *name, const char *revision,
                 char **dir) {
    if (!locate_is_converted(name)) return locate(environment, name, "config.json", revision, dir);
    *dir = text_format("%s", name);
    return 0;
}

int locate_adapter(const struct environment *environment, const char *name, char **dir) {
    pst_error err;
    if (!is_folder(name)) return locate(environment, name, "adapter_config.json", NULL, dir);
    return pst_adapter_find(name, dir, &err) ? fail_model(&err) : 0;
}

/* The hub is asked only when nothing is found here: it knows what the name is. */
int locate_any(const struct environment *environment, const char *name, const char *revision,
               char **dir) {
    pst_error err, miss;
    pst_search search = environment_search(environment, revision);
    if (pst_find_model(name, "adapter_config.json", &search, dir, &err) == PST_OK ||
        pst_find_model(name, "config.json", &search, dir, &miss) == PST_OK ||
        (is_folder(name) && pst_adapter_find(name, dir, &miss) == PST_OK))
        return 0;
    pst_status status = environment->hub.offline
                            ? PST_ERR_ARGUMENT
                            : fetch_pull(environment, name, revision, dir, &err);
    if (status == PST_ERR_ARGUMENT) err = miss; /* it is not a hub id, or must not be one */
    return status ? fetch_fail(environment, name, "config.json", revision, &err) : 0;
}

char *locate_split_weight(const char *text, double *weight) {
    const char *colon = strrchr(text, ':');
    if (colon && colon != text && !exists(text) && parse_number(colon + 1, weight))
        return text_format("%.*s", (int)(colon - text), text);
    *weight = 1;
    return text_format("%s", text);
}
