/* locate.c - see locate.h. */
#include "locate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "download.h"
#include "options.h"

int fail_model(const pst_error *err) {
    int code = exit_code_of(err);
    if (err->code == PST_ERR_IO || err->code == PST_ERR_INPUT) code = EXIT_MODEL;
    return fail(code, "%s", err->message);
}

/* Says why nothing was found, and what the user can do about it. */
static int fail_find(const struct environment *environment, const char *name, pst_find_kind kind,
                     const char *revision, const pst_error *err) {
    int code = exit_code_of(err);
    if (err->code != PST_ERR_NOT_FOUND) return fail(code, "%s", err->message);
    return fail(code, "%s; give its folder, or get it%s with `potstill pull %s%s%s`%s",
                err->message, environment->places.offline ? ", when not offline," : "", name,
                revision ? " --revision " : "", revision ? revision : "",
                kind == PST_FIND_ADAPTER ? "" : ", or make one with `potstill import`");
}

/* A model that is not found is EXIT_MODEL; a network or a disk that fails, EXIT_ENVIRONMENT. */
int locate(const struct environment *environment, const char *name, pst_find_kind kind,
           const char *revision, char **dir) {
    pst_error err;
    download_begin(environment->places.endpoint);
    pst_status status = pst_finder_find(environment->finder, name, kind, revision, dir, &err);
    download_end();
    return status ? fail_find(environment, name, kind, revision, &err) : 0;
}

int locate_latest(const struct environment *environment, const char *id, const char *revision,
                  char **dir) {
    pst_error err;
    download_begin(environment->places.endpoint);
    pst_status status = pst_finder_pull(environment->finder, id, revision, dir, &err);
    download_end();
    return status ? fail_find(environment, id, PST_FIND_ANY, revision, &err) : 0;
}

int locate_base(const struct environment *environment, const char *const *adapter_dirs,
                size_t count, const char *revision, char **name, char **dir) {
    pst_error err;
    download_begin(environment->places.endpoint);
    pst_status status =
        pst_finder_base(environment->finder, adapter_dirs, count, revision, name, dir, &err);
    download_end();
    if (!status) return 0;
    return fail_find(environment, environment->places.model, PST_FIND_MODEL, revision, &err);
}

int locate_is_converted(const char *name) {
    static const char *const files[] = {"potstill.json", "Manifest.json"};
    int found = 0;
    for (int i = 0; i < 2 && !found; i++) {
        char *path = text_format("%s/%s", name, files[i]);
        found = access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

char *locate_split_weight(const char *text, double *weight) {
    const char *colon = strrchr(text, ':');
    if (colon && colon != text && access(text, F_OK) != 0 && parse_number(colon + 1, weight))
        return text_format("%.*s", (int)(colon - text), text);
    *weight = 1;
    return text_format("%s", text);
}
