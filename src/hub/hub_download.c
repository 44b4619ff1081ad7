/* hub_download.c - see hub_download.h.
 *
 * A connection that ends early is continued where it ended (Range), and so is a download that was
 * stopped, by the next call (hub_partial.h). The digest is computed on the way; the file gets its
 * name only when it is the digest that the hub named, and is removed when it is not. */
#include "hub/hub_download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "hub/hub_partial.h"

enum {
    TRIES = 6, /* without progress: the first and five more */
    WAIT_MS = 1000,
    PROGRESS_BYTES = 64 << 10 /* less is none: a server could give a byte a try, for years */
};

struct transfer {
    struct hub_http *http;
    const struct hub_file *file;
    const char *name;
    struct digest digest;
    uint64_t have;   /* bytes written */
    uint64_t before; /* progress.received when the file began */
    int fd;
    int begun, begun_well; /* the body of the present reply has, and is what was asked for */
    int useless;           /* what was written is of no use to another call */
    int unfit;             /* nor to this one: the server does not go on from it */
};

/* A git blob's digest begins with its kind and size; a SHA-256 is of the content alone. */
static pst_status begin_digest(struct transfer *transfer, pst_error *err) {
    int sha256 = strlen(transfer->file->etag) == HUB_ETAG_SIZE - 1;
    char head[32];
    int length = snprintf(head, sizeof head, "blob %llu", (unsigned long long)transfer->file->size);
    pst_status status = digest_begin(&transfer->digest, sha256 ? DIGEST_SHA256 : DIGEST_SHA1, err);
    if (status || sha256) return status;
    return digest_add(&transfer->digest, head, (size_t)length + 1, err);
}

static pst_status start_over(struct transfer *transfer, pst_error *err) {
    if (ftruncate(transfer->fd, 0) != 0 || lseek(transfer->fd, 0, SEEK_SET) != 0)
        return error_system(err, "write", transfer->name, errno);
    transfer->have = 0;
    transfer->http->progress.received = transfer->before;
    return begin_digest(transfer, err);
}

/* The first bytes of a reply: are they those asked for? */
static pst_status begin_body(struct transfer *transfer, const struct hub_reply *reply,
                             pst_error *err) {
    transfer->begun = 1;
    uint64_t size = transfer->file->size;
    if (reply->encoded)
        return error_set(err, PST_ERR_IO, "%s: comes compressed, which was not asked for",
                         transfer->name);
    if (reply->status == 200) {
        if (reply->length >= 0 && (uint64_t)reply->length != size)
            return error_set(err, PST_ERR_IO, "%s: comes with %lld bytes, expected %llu",
                             transfer->name, (long long)reply->length, (unsigned long long)size);
        return transfer->have ? start_over(transfer, err) : PST_OK;
    }
    if (reply->range_start >= 0 && (uint64_t)reply->range_start == transfer->have &&
        (uint64_t)reply->range_total == size)
        return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: comes with another range than bytes %llu to %llu",
                     transfer->name, (unsigned long long)transfer->have, (unsigned long long)size);
}

static pst_status take_bytes(struct transfer *transfer, const struct hub_reply *reply,
                             const void *bytes, size_t length, pst_error *err) {
    pst_status status = transfer->begun ? PST_OK : begin_body(transfer, reply, err);
    if (status) return status;
    transfer->begun_well = 1;
    if (length > transfer->file->size - transfer->have)
        return error_set(err, PST_ERR_IO, "%s: comes with more than the %llu bytes expected",
                         transfer->name, (unsigned long long)transfer->file->size);
    status = file_put(transfer->fd, bytes, length, transfer->name, err);
    if (!status) status = digest_add(&transfer->digest, bytes, length, err);
    if (status) return status;
    transfer->have += length;
    transfer->http->progress.received = transfer->before + transfer->have;
    return PST_OK;
}

static pst_status take(void *user, const struct hub_reply *reply, const void *bytes, size_t length,
                       pst_error *err) {
    struct transfer *transfer = user;
    uint64_t had = transfer->have;
    pst_status status = take_bytes(transfer, reply, bytes, length, err);
    if (!status) return PST_OK;
    transfer->useless = 1; /* where the disk is full, it makes room again */
    transfer->unfit = !transfer->begun_well && had > 0;
    return status;
}

/* One request for the missing bytes. `*again`: another try may help. */
static pst_status fetch_rest(struct transfer *transfer, int *again, pst_error *err) {
    struct hub_reply reply;
    struct hub_request request = {
        .url = transfer->file->url, .offset = transfer->have, .sink = take, .user = transfer};
    transfer->begun = transfer->begun_well = 0;
    enum hub_outcome outcome = hub_client_get(transfer->http, &request, &reply, err);
    *again = outcome == HUB_CUT;
    if (outcome != HUB_ANSWERED) return err->code;
    if (reply.status == 200 || reply.status == 206) {
        if (transfer->have == transfer->file->size) return PST_OK;
        return error_set(err, PST_ERR_IO, "%s: ends after %llu bytes, expected %llu",
                         transfer->name, (unsigned long long)transfer->have,
                         (unsigned long long)transfer->file->size);
    }
    *again = hub_client_is_passing(&reply);
    if (reply.status == 416) transfer->unfit = 1; /* it has no such bytes */
    char *host = hub_http_host(transfer->file->url);
    error_set(err, PST_ERR_IO, "%s: %s answered %d", transfer->name, host ? host : "the hub",
              reply.status);
    free(host);
    return PST_ERR_IO;
}

/* `err` is not NULL here and below: what to do depends on what it holds. */
static pst_status fetch(struct transfer *transfer, pst_error *err) {
    pst_status status = PST_OK;
    for (int attempt = 0; !status && transfer->have < transfer->file->size;) {
        int again = 0;
        uint64_t had = transfer->have;
        status = fetch_rest(transfer, &again, err);
        int forward = transfer->have >= had + PROGRESS_BYTES;
        attempt = forward ? 1 : attempt + 1;
        if (status && again && attempt < TRIES)
            status = hub_http_wait(transfer->http, WAIT_MS, err);
    }
    return status;
}

static pst_status check_digest(struct transfer *transfer, pst_error *err) {
    char hex[DIGEST_HEX_SIZE];
    pst_status status = digest_end(&transfer->digest, hex, err);
    if (status || strcmp(hex, transfer->file->etag) == 0) return status;
    transfer->unfit = 1;
    return error_set(err, PST_ERR_IO, "%s: was damaged on the way: its %s is %s, expected %s",
                     transfer->name, strlen(hex) == HUB_ETAG_SIZE - 1 ? "SHA-256" : "git SHA-1",
                     hex, transfer->file->etag);
}

/* Gives the complete and checked file at `path` its name. */
static pst_status keep(struct transfer *transfer, const char *path, const char *blob,
                       pst_error *err) {
    int failed = fsync(transfer->fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    if (failed || rename(path, blob) != 0) return error_system(err, "write", blob, errno);
    return PST_OK;
}

/* Adds what an earlier call has written to the digest. */
static pst_status take_over(struct transfer *transfer, pst_error *err) {
    char piece[1 << 16];
    pst_status status = begin_digest(transfer, err);
    while (!status) {
        ssize_t size = read(transfer->fd, piece, sizeof piece);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return error_system(err, "read", transfer->name, errno);
        if (size == 0) break;
        status = digest_add(&transfer->digest, piece, (size_t)size, err);
        transfer->have += (uint64_t)size;
        if (!status) status = hub_http_report(transfer->http, err);
        if (!status && transfer->have > transfer->file->size) return start_over(transfer, err);
    }
    transfer->http->progress.received = transfer->before + transfer->have;
    return status;
}

/* Fetches what is missing. What was there before is worth one try: if the whole is damaged, the
 * file is fetched anew. */
static pst_status fill(struct transfer *transfer, pst_error *err) {
    pst_status status = take_over(transfer, err);
    int again = transfer->have > 0;
    if (!status) status = fetch(transfer, err);
    if (!status) status = check_digest(transfer, err);
    if (!status || !again || !transfer->unfit) return status;
    transfer->useless = transfer->unfit = 0;
    status = start_over(transfer, err);
    if (!status) status = fetch(transfer, err);
    return status ? status : check_digest(transfer, err);
}

static pst_status make_blob(struct hub_http *http, const struct hub_store *store,
                            const struct hub_file *file, const char *name, const char *blob,
                            int locked, pst_error *err) {
    char *path = NULL;
    struct transfer transfer = {
        .http = http, .file = file, .name = name, .before = http->progress.received, .fd = -1};
    pst_status status = hub_partial_open(store, file->etag, locked, &path, &transfer.fd, err);
    if (status) return status;
    status = fill(&transfer, err);
    if (!status) status = keep(&transfer, path, blob, err);
    /* The next call goes on from it. */
    int useless = transfer.useless || transfer.unfit || !locked;
    int kept = !useless && transfer.have > 0 && transfer.have < file->size;
    if (status && !kept) unlink(path);
    close(transfer.fd);
    free(path);
    digest_free(&transfer.digest);
    return status;
}

/* A blob of another size than the hub says was not written by this program; it is replaced. */
static int is_there(const char *blob, const struct hub_file *file) {
    struct stat st;
    return stat(blob, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == file->size;
}

pst_status hub_download_blob(struct hub_http *http, const struct hub_store *store,
                             const struct hub_file *file, const char *name, pst_error *err) {
    pst_error trouble = {0};
    char *blob = hub_store_blob(store, file->etag);
    if (!blob) return error_memory(err, 0);
    pst_status status = PST_OK;
    int lock = -1;
    http->progress.file = name;
    if (!is_there(blob, file)) {
        status = hub_store_lock(store, http, file->etag, &lock, &trouble);
        if (!status && is_there(blob, file))
            http->progress.received += file->size; /* another process has brought it */
        else if (!status)
            status = make_blob(http, store, file, name, blob, lock >= 0, &trouble);
    }
    hub_store_unlock(lock);
    free(blob);
    return status ? error_set(err, trouble.code, "%s", trouble.message) : PST_OK;
}
