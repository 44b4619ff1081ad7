/* fetch.c - see fetch.h. */
#include "fetch.h"

#include <string.h>

#include "console.h"
#include "output.h"
#include "progress.h"

struct download {
    const char *name;
    const char *endpoint;
    int said;
};

static int watch(void *user, const pst_hub_progress *progress) {
    struct download *download = user;
    if (progress->total > 0 && !download->said) {
        download->said = 1;
        say("%s: downloading %.1f MB from %s", download->name, (double)progress->total / 1e6,
            download->endpoint ? download->endpoint : "https://huggingface.co");
    }
    if (progress->total > 0) progress_transfer(progress->file, progress->received, progress->total);
    return signals_pending();
}

/* Options that show the progress; valid as long as `download`. */
static pst_hub_options watched(const struct environment *environment, struct download *download) {
    pst_hub_options options = environment->hub;
    options.progress = watch;
    options.user = download;
    return options;
}

pst_status fetch_find(const struct environment *environment, const char *name, const char *required,
                      const char *revision, char **dir, pst_error *err) {
    struct download download = {name, environment->endpoint, 0};
    pst_hub_options options = watched(environment, &download);
    pst_search search = environment_search(environment, revision);
    search.hub = &options;
    signals_hold();
    pst_status status = pst_find_model(name, required, &search, dir, err);
    progress_clear();
    signals_release();
    return status;
}

pst_status fetch_pull(const struct environment *environment, const char *id, const char *revision,
                      char **dir, pst_error *err) {
    struct download download = {id, environment->endpoint, 0};
    pst_hub_options options = watched(environment, &download);
    signals_hold();
    pst_status status = pst_hub_pull(id, revision, NULL, &options, dir, err);
    progress_clear();
    signals_release();
    return status;
}

int fetch_fail(const struct environment *environment, const char *name, const char *required,
               const char *revision, const pst_error *err) {
    const pst_hub_options *hub = &environment->hub;
    int code = exit_code_of(err);
    if (err->code == PST_ERR_NOT_FOUND)
        return fail(code, "%s; give its folder, or get it%s with `potstill pull %s%s%s`%s",
                    err->message, hub->offline ? ", when not offline," : "", name,
                    revision ? " --revision " : "", revision ? revision : "",
                    strcmp(required, "adapter_config.json") == 0
                        ? ""
                        : ", or make one with `potstill import`");
    if (err->code == PST_ERR_ACCESS && !(hub->token && *hub->token))
        return fail(code, "%s (`hf auth login`, or a token in HF_TOKEN)", err->message);
    return fail(code, "%s", err->message);
}
