/* hub_client.c - see hub_client.h. */
#include "hub/hub_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    HOPS_MAX = 8, /* redirects of one request; the hub uses one or two */
    TRIES = 6,    /* the first and five more, as huggingface_hub */
    WAIT_FIRST_MS = 1000,
    WAIT_MAX_MS = 8000,  /* doubling stops there */
    RETRY_AFTER_MAX = 60 /* seconds that a server may make us wait */
};

void hub_file_free(struct hub_file *file) {
    free(file->url);
    *file = (struct hub_file){0};
}

/* ---------------------------------------------------------------------------------- requests */

static int is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

int hub_client_is_passing(const struct hub_reply *reply) {
    return reply->status == 408 || reply->status == 429 || reply->status >= 500;
}

/* RFC 3986: a colon before any slash ends a scheme, two slashes begin a host. */
static int is_relative(const char *location) {
    size_t length = strcspn(location, ":/?#");
    return location[length] != ':' && strncmp(location, "//", 2) != 0;
}

/* Does a redirect stay on the hub (a renamed repository, a cache of it)? One to storage has the
 * headers that describe the file, and only the download follows it. */
static int stays_on_hub(const struct hub_reply *reply, const char *from, const char *to) {
    if (!is_redirect(reply->status) || !hub_http_same_origin(from, to)) return 0;
    return is_relative(reply->location) || !reply->commit[0];
}

/* Replaces `*url` by where the reply points to. */
static pst_status move_on(char **url, const struct hub_reply *reply, pst_error *err) {
    char *next = hub_http_resolve(*url, reply->location);
    if (!next) {
        char *host = hub_http_host(*url);
        pst_status status =
            error_set(err, PST_ERR_IO, "%s: answered %d with no usable address to go on",
                      host ? host : "the hub", reply->status);
        free(host);
        return status;
    }
    free(*url);
    *url = next;
    return PST_OK;
}

static pst_status fail_hops(const char *url, pst_error *err) {
    char *host = hub_http_host(url);
    pst_status status = error_set(err, PST_ERR_IO, "%s: over %d redirects in a row",
                                  host ? host : "the hub", HOPS_MAX);
    free(host);
    return status;
}

/* Sends a HEAD request and follows it on the hub. `*url` becomes what was asked last. */
static enum hub_outcome head(struct hub_http *http, char **url, struct hub_reply *reply,
                             pst_error *err) {
    for (int hop = 0; hop <= HOPS_MAX; hop++) {
        struct hub_request request = {.url = *url};
        enum hub_outcome outcome = hub_http_send(http, &request, reply, err);
        if (outcome != HUB_ANSWERED || !is_redirect(reply->status)) return outcome;
        char *next = hub_http_resolve(*url, reply->location);
        int on_hub = next && stays_on_hub(reply, *url, next);
        free(next);
        if (next && !on_hub) return HUB_ANSWERED;
        if (move_on(url, reply, err)) return HUB_FAILED;
    }
    fail_hops(*url, err);
    return HUB_FAILED;
}

enum hub_outcome hub_client_get(struct hub_http *http, const struct hub_request *request,
                                struct hub_reply *reply, pst_error *err) {
    char *url = strdup(request->url);
    enum hub_outcome outcome = HUB_FAILED;
    int hop = 0;
    if (!url) error_memory(err, 0);
    while (url) {
        struct hub_request here = *request;
        here.url = url;
        outcome = hub_http_send(http, &here, reply, err);
        if (outcome != HUB_ANSWERED || !is_redirect(reply->status)) break;
        outcome = HUB_FAILED;
        if (hop++ == HOPS_MAX) fail_hops(url, err);
        if (hop > HOPS_MAX || move_on(&url, reply, err)) break;
    }
    free(url);
    return outcome;
}

/* How long to wait before try number `attempt` (from 1). */
static uint32_t wait_before(int attempt, const struct hub_reply *reply) {
    if (reply->retry_after >= 0 && reply->retry_after <= RETRY_AFTER_MAX)
        return (uint32_t)reply->retry_after * 1000;
    uint32_t wait = WAIT_FIRST_MS << (attempt - 1);
    return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

/* head(), repeated while the failure may be temporary. */
static enum hub_outcome head_patiently(struct hub_http *http, char **url, struct hub_reply *reply,
                                       pst_error *err) {
    enum hub_outcome outcome = HUB_FAILED;
    for (int attempt = 0; attempt < TRIES; attempt++) {
        if (attempt && hub_http_wait(http, wait_before(attempt, reply), err)) return HUB_FAILED;
        outcome = head(http, url, reply, err);
        if (outcome == HUB_FAILED) return outcome;
        if (outcome == HUB_ANSWERED && !hub_client_is_passing(reply)) return outcome;
    }
    return outcome;
}

/* ----------------------------------------------------------------------------------- meaning */

/* Percent-encodes what has a meaning in an address, and what is not ASCII. */
static void append_encoded(struct buffer *url, const char *text, const char *kept) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text) || strchr(kept, *text))
            buffer_append(url, text, 1);
        else
            buffer_format(url, "%%%02X", (unsigned char)*text);
    }
}

static char *url_of(const struct hub_http *http, const char *id, const char *revision,
                    const char *name) {
    struct buffer url = {0};
    buffer_format(&url, "%s/", http->endpoint);
    append_encoded(&url, id, "/");
    buffer_text(&url, "/resolve/");
    append_encoded(&url, revision, "");
    buffer_text(&url, "/");
    append_encoded(&url, name, "/");
    if (!url.failed) return url.data;
    buffer_free(&url);
    return NULL;
}

/* Without a token the hub answers 401 when there is no such repository, so as not to reveal which
 * private ones exist. */
static pst_status explain(const struct hub_http *http, const struct hub_repo *repo,
                          const char *name, const struct hub_reply *reply, pst_error *err) {
    int has_token = http->options->token && *http->options->token;
    if (reply->refusal == HUB_REFUSAL_GATED)
        return error_set(err, PST_ERR_ACCESS,
                         "%s: is gated; ask for access at %s/%s, and use a token of that account",
                         repo->id, http->endpoint, repo->id);
    if (reply->refusal == HUB_REFUSAL_REVISION)
        return error_set(err, PST_ERR_MODEL,
                         "%s: has no revision %s at %s, expected a branch, a tag or a commit",
                         repo->id, repo->revision, http->endpoint);
    if (reply->refusal == HUB_REFUSAL_REPO || reply->status == 401 || reply->status == 404)
        return error_set(err, PST_ERR_ACCESS,
                         "%s: is neither a folder here nor a model at %s, or it is private and %s",
                         repo->id, http->endpoint,
                         has_token ? "the token given has no access" : "needs a token");
    if (reply->status == 403)
        return error_set(err, PST_ERR_ACCESS, "%s: %s refuses access (403)", repo->id,
                         http->endpoint);
    return error_set(err, PST_ERR_IO, "%s: %s answered %d for %s", repo->id, http->endpoint,
                     reply->status, name);
}

/* Owns `url`. Fills `file` from the reply, which must have all that is needed. */
static pst_status describe(const struct hub_http *http, const struct hub_repo *repo,
                           const char *name, const struct hub_reply *reply, struct hub_file *file,
                           pst_error *err) {
    const char *etag = reply->linked_etag[0] ? reply->linked_etag : reply->etag;
    int64_t size = reply->linked_size;
    if (size < 0 && !is_redirect(reply->status) && !reply->encoded) size = reply->length;
    const char *missing = !reply->commit[0] ? "commit (X-Repo-Commit)"
                          : !etag[0]        ? "SHA-1 or SHA-256 (ETag)"
                          : size < 0        ? "size (Content-Length)"
                                            : NULL;
    if (missing)
        return error_set(err, PST_ERR_IO,
                         "%s: the answer of %s for %s has no %s, so it does not come from a "
                         "Hugging Face hub (is the endpoint right? is there a proxy?)",
                         repo->id, http->endpoint, name, missing);
    memcpy(file->commit, reply->commit, sizeof file->commit);
    memcpy(file->etag, etag, strlen(etag) + 1);
    file->size = (uint64_t)size;
    return PST_OK;
}

/* EntryNotFound, or a plain 404 of a mirror about a repository that has been seen. */
static int is_absent(const struct hub_reply *reply, const char *revision) {
    if (reply->refusal == HUB_REFUSAL_ENTRY) return 1;
    return reply->status == 404 && reply->refusal == HUB_REFUSAL_NONE &&
           (reply->commit[0] || hub_is_commit(revision));
}

pst_status hub_client_ask(struct hub_http *http, const struct hub_repo *repo, const char *revision,
                          const char *name, struct hub_file *file, int *found, pst_error *err) {
    struct hub_reply reply;
    *file = (struct hub_file){0};
    *found = 0;
    char *url = url_of(http, repo->id, revision, name);
    if (!url) return error_memory(err, 0);
    pst_error trouble = {0};
    pst_status status = PST_OK;
    if (head_patiently(http, &url, &reply, &trouble) != HUB_ANSWERED) {
        status = error_set(err, trouble.code, "%s", trouble.message);
    } else if (is_absent(&reply, revision)) {
        memcpy(file->commit, reply.commit, sizeof file->commit);
    } else if (reply.status != 200 && !is_redirect(reply.status)) {
        status = explain(http, repo, name, &reply, err);
    } else {
        status = describe(http, repo, name, &reply, file, err);
        if (!status && is_redirect(reply.status)) status = move_on(&url, &reply, err);
        if (!status) {
            file->url = url;
            url = NULL;
            *found = 1;
        }
    }
    free(url);
    return status;
}
