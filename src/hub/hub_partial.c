/* hub_partial.c - see hub_partial.h. */
/* flock() */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "hub/hub_partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_view.h"

static const char ENDING[] = ".incomplete";

/* Who meant to go on has done so by then. */
enum { DEAD_AFTER_SECONDS = 24 * 3600 };

/* Copies the digest that a partial file is of; 0 when `name` is no such file. Older versions of
 * huggingface_hub write "<etag>.incomplete". */
static int etag_of(const char *name, char etag[HUB_ETAG_SIZE]) {
    size_t length = strcspn(name, "."), rest = strlen(name + length);
    if (length >= HUB_ETAG_SIZE || rest < strlen(ENDING)) return 0;
    memcpy(etag, name, length);
    etag[length] = '\0';
    return hub_is_etag(etag) && strcmp(name + length + rest - strlen(ENDING), ENDING) == 0;
}

/* Opens a file that nobody holds, and holds it; -1: it is in use, or no plain file. */
static int seize(const char *path, struct stat *st) {
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    struct stat named;
    int ours = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
               lstat(path, &named) == 0 && named.st_ino == st->st_ino && named.st_dev == st->st_dev;
    if (ours) return fd;
    close(fd);
    return -1;
}

/* ---------------------------------------------------------------------------------- taking over */

struct found {
    char *path; /* NULL: none */
    int fd;
    off_t size;
};

/* Keeps the larger of the two, and removes the other. */
static void keep_larger(struct found *best, char *path) {
    struct stat st;
    int fd = seize(path, &st);
    if (fd >= 0 && (!best->path || st.st_size > best->size)) {
        struct found old = *best;
        *best = (struct found){path, fd, st.st_size};
        path = old.path;
        fd = old.fd;
    }
    if (path && fd >= 0) unlink(path);
    if (path && fd >= 0) close(fd);
    free(path);
}

static struct found find_left(const char *blobs, const char *etag) {
    struct found best = {.fd = -1};
    DIR *dir = opendir(blobs);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char of[HUB_ETAG_SIZE];
        if (!etag_of(entry->d_name, of) || strcmp(of, etag) != 0) continue;
        char *path = path_join(blobs, entry->d_name);
        if (path) keep_larger(&best, path);
    }
    if (dir) closedir(dir);
    return best;
}

pst_status hub_partial_open(const struct hub_store *store, const char *etag, int locked,
                            char **path, int *fd, pst_error *err) {
    char *blobs = hub_path(store->repo, "blobs", "", NULL);
    if (!blobs) return error_memory(err, 0);
    struct found left = {.fd = -1};
    if (locked) left = find_left(blobs, etag);
    free(blobs);
    if (left.path) {
        *path = left.path;
        *fd = left.fd;
        return PST_OK;
    }
    pst_status status = hub_store_create(store, etag, path, fd, err);
    if (!status)
        flock(*fd, LOCK_EX | LOCK_NB); /* nobody else knows the name; else there are none */
    return status;
}

/* ------------------------------------------------------------------------------------- cleaning */

static void remove_dead(const struct hub_store *store, const char *path, const char *etag) {
    struct stat st;
    int lock = -1, fd = -1;
    char *blob = hub_store_blob(store, etag);
    int free_to_go = blob && hub_store_try_lock(store, etag, &lock);
    if (free_to_go) fd = seize(path, &st);
    if (fd >= 0 && (path_is_file(blob) || time(NULL) - st.st_mtime > DEAD_AFTER_SECONDS))
        unlink(path);
    if (fd >= 0) close(fd);
    hub_store_unlock(lock);
    free(blob);
}

void hub_partial_clean(const struct hub_store *store) {
    char *blobs = hub_path(store->repo, "blobs", "", NULL);
    DIR *dir = blobs ? opendir(blobs) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char etag[HUB_ETAG_SIZE];
        if (!etag_of(entry->d_name, etag)) continue;
        char *path = path_join(blobs, entry->d_name);
        if (path) remove_dead(store, path, etag);
        free(path);
    }
    if (dir) closedir(dir);
    free(blobs);
}
