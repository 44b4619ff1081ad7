/* hub_store.c - see hub_store.h. */
/* flock(): the lock that Python's filelock takes, which POSIX does not know. */
#define _DEFAULT_SOURCE
#include "hub/hub_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"

/* ------------------------------------------------------------------------------------- names */

pst_status hub_store_open(struct hub_store *store, const pst_hub_options *options, const char *id,
                          pst_error *err) {
    *store = (struct hub_store){.no_symlinks = options->no_symlinks};
    store->repo = hub_repo_path(options->cache_dir, "/", id);
    store->locks = hub_repo_path(options->cache_dir, "/.locks/", id);
    if (store->repo && store->locks) return PST_OK;
    hub_store_close(store);
    return error_memory(err, 0);
}

void hub_store_close(struct hub_store *store) {
    free(store->repo);
    free(store->locks);
    *store = (struct hub_store){0};
}

char *hub_store_blob(const struct hub_store *store, const char *etag) {
    return hub_path(store->repo, "blobs", etag, NULL);
}

char *hub_store_file(const struct hub_store *store, const char *commit, const char *file) {
    return hub_path(store->repo, "snapshots", commit, file);
}

pst_status hub_store_look(const struct hub_store *store, const char *commit, const char *file,
                          int *here, int *absent, pst_error *err) {
    char *path = hub_store_file(store, commit, file);
    char *mark = hub_path(store->repo, ".no_exist", commit, file);
    pst_status status = path && mark ? PST_OK : error_memory(err, 0);
    *here = !status && path_is_file(path);
    *absent = !status && path_is_file(mark);
    free(path);
    free(mark);
    return status;
}

/* "<path>.<8 hex digits>.incomplete" in fresh memory: a name that no other process uses. `attempt`
 * makes those of one process differ. */
static char *name_aside(const char *path, int attempt) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* Knuth's multiplicative hash spreads the process over the digits. */
    uint32_t number =
        ((uint32_t)getpid() * 2654435761u) ^ (uint32_t)now.tv_nsec ^ ((uint32_t)attempt << 24);
    struct buffer name = {0};
    buffer_format(&name, "%s.%08x.incomplete", path, (unsigned)number);
    if (!name.failed) return name.data;
    buffer_free(&name);
    return NULL;
}

/* ------------------------------------------------------------------------------------- locks */

static int try_lock(int fd) {
    int done;
    do done = flock(fd, LOCK_EX | LOCK_NB);
    while (done != 0 && errno == EINTR);
    return done == 0;
}

/* Opens the lock of a blob; -1: it cannot be had, and the blob goes without. */
static int open_lock(const struct hub_store *store, const char *etag, pst_error *err) {
    enum { LOCK_MODE = 0664 }; /* filelock's mode: a group may share a cache */
    struct buffer path = {0};
    buffer_format(&path, "%s/%s.lock", store->locks, etag);
    if (path.failed) {
        error_record_memory(err, 0);
        buffer_free(&path);
        return -1;
    }
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int lock = path_make_parents(path.data) ? open(path.data, flags, LOCK_MODE) : -1;
    buffer_free(&path);
    return lock;
}

pst_status hub_store_lock(const struct hub_store *store, struct hub_http *http, const char *etag,
                          int *fd, pst_error *err) {
    enum { POLL_MS = 100 };
    *fd = -1;
    pst_error none = {0};
    int lock = open_lock(store, etag, &none);
    if (none.code) return error_memory(err, 0);
    pst_status status = PST_OK;
    int held = lock >= 0 && try_lock(lock);
    while (lock >= 0 && !held && !status && errno == EWOULDBLOCK) {
        status = hub_http_wait(http, POLL_MS, err);
        held = !status && try_lock(lock);
    }
    if (held)
        *fd = lock;
    else
        hub_store_unlock(lock);
    return status;
}

int hub_store_try_lock(const struct hub_store *store, const char *etag, int *fd) {
    *fd = open_lock(store, etag, NULL);
    if (*fd >= 0 && try_lock(*fd)) return 1;
    hub_store_unlock(*fd);
    *fd = -1;
    return 0;
}

/* The file stays, as filelock leaves it: removing it would let two processes lock two files. */
void hub_store_unlock(int fd) {
    if (fd >= 0) close(fd);
}

/* ------------------------------------------------------------------------------------- files */

/* Opens a new file beside `path`. `*made` is its name, in fresh memory. */
static pst_status create_aside(const char *path, char **made, int *fd, pst_error *err) {
    enum { ATTEMPTS = 16 };
    int error_number = path_make_parents(path) ? EEXIST : errno;
    for (int attempt = 0; error_number == EEXIST && attempt < ATTEMPTS; attempt++) {
        char *name = name_aside(path, attempt);
        if (!name) return error_memory(err, 0);
        int opened = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (opened >= 0) {
            *made = name;
            *fd = opened;
            return PST_OK;
        }
        error_number = errno;
        free(name);
    }
    return error_system(err, "create", path, error_number);
}

pst_status hub_store_create(const struct hub_store *store, const char *etag, char **path, int *fd,
                            pst_error *err) {
    char *blob = hub_store_blob(store, etag);
    pst_status status = blob ? create_aside(blob, path, fd, err) : error_memory(err, 0);
    free(blob);
    return status;
}

/* Is `path` a link to `target` already? */
static int is_link_to(const char *path, const char *target) {
    char found[256]; /* of an etag has 80 */
    ssize_t length = readlink(path, found, sizeof found);
    return length == (ssize_t)strlen(target) && memcmp(found, target, (size_t)length) == 0;
}

/* Puts a link to the blob in place of `path`. What is there is a link that leads nowhere, or to the
 * blob since a moment ago, by another process: so no other name is needed, which a kill could
 * leave. 0, or the system's error. */
static int link_to_blob(const char *path, const char *etag) {
    struct buffer target = {0};
    buffer_format(&target, "../../blobs/%s", etag);
    int error_number = target.failed ? ENOMEM : EEXIST;
    for (int attempt = 0; attempt < 2 && error_number == EEXIST; attempt++) {
        error_number = symlink(target.data, path) == 0 ? 0 : errno;
        if (error_number != EEXIST || is_link_to(path, target.data)) continue;
        if (unlink(path) != 0 && errno != ENOENT) error_number = errno;
    }
    if (error_number == EEXIST && is_link_to(path, target.data)) error_number = 0;
    buffer_free(&target);
    return error_number;
}

/* A real file in place of the link: the blob moves out, as huggingface_hub moves it. */
static pst_status move_blob(const struct hub_store *store, const char *path, const char *etag,
                            pst_error *err) {
    char *blob = hub_store_blob(store, etag);
    if (!blob) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (rename(blob, path) != 0) status = error_system(err, "create", path, errno);
    free(blob);
    return status;
}

pst_status hub_store_link(const struct hub_store *store, const char *commit, const char *file,
                          const char *etag, pst_error *err) {
    char *path = hub_store_file(store, commit, file);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    int error_number = path_make_parents(path) ? 0 : errno;
    if (!error_number && !store->no_symlinks) error_number = link_to_blob(path, etag);
    int no_links = error_number == EPERM || error_number == ENOTSUP || error_number == ENOSYS;
    if (store->no_symlinks || no_links)
        status = move_blob(store, path, etag, err);
    else if (error_number)
        status = error_system(err, "create", path, error_number);
    free(path);
    return status;
}

/* Owns `path`, which may be NULL. */
static pst_status write_text(char *path, const char *text, pst_error *err) {
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (!path_make_parents(path)) status = error_system(err, "create", path, errno);
    if (!status) status = file_write(path, text, strlen(text), err);
    free(path);
    return status;
}

pst_status hub_store_mark_absent(const struct hub_store *store, const char *commit,
                                 const char *file, pst_error *err) {
    return write_text(hub_path(store->repo, ".no_exist", commit, file), "", err);
}

pst_status hub_store_refer(const struct hub_store *store, const char *revision, const char *commit,
                           pst_error *err) {
    if (strcmp(revision, commit) == 0) return PST_OK;
    return write_text(hub_path(store->repo, "refs", revision, NULL), commit, err);
}

pst_status hub_store_check_room(const struct hub_store *store, uint64_t bytes, pst_error *err) {
    struct statvfs disk;
    char *inside = hub_path(store->repo, "blobs", "", NULL);
    pst_status status = inside ? PST_OK : error_memory(err, 0);
    if (!status && !path_make_parents(inside))
        status = error_system(err, "create", store->repo, errno);
    /* A file system that does not report its free space is taken to have enough. */
    if (!status && statvfs(store->repo, &disk) == 0 && disk.f_blocks > 0) {
        uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize;
        if (available < bytes)
            status = error_set(err, PST_ERR_IO, "%s: %.2f GB are free, the download needs %.2f GB",
                               store->repo, (double)available / 1e9, (double)bytes / 1e9);
    }
    free(inside);
    return status;
}
