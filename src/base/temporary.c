/* temporary.c - see temporary.h. */
/* flock(): POSIX locks are let go by any close of the file, and hold no folder. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define MARK ".tmp-"
enum { DIGITS = 16 };

/* Names tried before giving up: each is taken with a chance of 2^-64. */
enum { ATTEMPTS = 100 };

/* Folders in a folder: a package is three deep, and lies in a folder of packages. */
enum { DEPTH_MAX = 8 };

/* ------------------------------------------------------------------------------------- removing */

/* Closes `fd`. Works without memory too. */
static int remove_entries(int fd, int depth) {
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return 0;
    }
    int gone = 1;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0) continue;
        int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        if (depth < DEPTH_MAX) remove_entries(openat(dirfd(dir), entry->d_name, flags), depth + 1);
        gone &= unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0;
    }
    closedir(dir);
    return gone;
}

int path_remove_folder(const char *path) {
    remove_entries(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0);
    return rmdir(path) == 0;
}

static void remove_path(const char *path) {
    if (unlink(path) != 0) path_remove_folder(path);
}

/* ---------------------------------------------------------------------------------------- locks */

/* Is `path` still what `fd` is open on? */
static int is_there(const char *path, int fd) {
    struct stat named, opened;
    return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

/* Does `name` belong to the output `base` [length]? */
static int is_of(const char *name, const char *base, size_t length) {
    size_t mark = strlen(MARK);
    if (strncmp(name, base, length) != 0 || strncmp(name + length, MARK, mark) != 0) return 0;
    const char *digits = name + length + mark;
    return strlen(digits) == DIGITS && strspn(digits, "0123456789abcdef") == DIGITS;
}

/* Removes what nobody holds. Where there are no locks, nothing is known to be
 * dead, and all is kept. */
static void remove_dead(const char *path) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_there(path, fd)) remove_path(path);
    close(fd);
}

static void clean(const char *output) {
    const char *slash = strrchr(output, '/'), *base = slash ? slash + 1 : output;
    size_t length = strlen(base), before = (size_t)(base - output);
    char *path = malloc(before + length + strlen(MARK) + DIGITS + 2);
    if (!path) return; /* the next one cleans */
    memcpy(path, output, before);
    strcpy(path + before, slash ? "" : ".");
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_of(entry->d_name, base, length)) continue;
        strcpy(path + before, entry->d_name);
        remove_dead(path);
    }
    if (dir) closedir(dir);
    free(path);
}

/* --------------------------------------------------------------------------------------- making */

/* Names need not be secret, as they are never opened; they only must seldom meet (splitmix64). */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

static int create(const char *path, enum temporary_kind kind) {
    int common = O_NOFOLLOW | O_CLOEXEC;
    if (kind == TEMPORARY_FILE) return open(path, O_WRONLY | O_CREAT | O_EXCL | common, 0666);
    if (mkdir(path, 0777) != 0) return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | common);
    int error_number = errno;
    if (fd < 0) rmdir(path);
    errno = error_number;
    return fd;
}

/* Between creating and locking, someone who cleans may have taken it for dead. */
static int hold(const char *path, int fd) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return 0;
    return is_there(path, fd);
}

pst_status temporary_make(struct temporary *temporary, const char *output, enum temporary_kind kind,
                          pst_error *err) {
    size_t size = strlen(output) + strlen(MARK) + DIGITS + 1;
    *temporary = (struct temporary){.path = malloc(size), .fd = -1};
    if (!temporary->path) return error_memory(err, size);
    clean(output);
    uint64_t seed =
        mix(clock_now_ns()) ^ mix((uint64_t)getpid()) ^ mix((uint64_t)(uintptr_t)temporary);
    for (uint64_t i = 0; i < ATTEMPTS; i++) {
        snprintf(temporary->path, size, "%s" MARK "%016llx", output,
                 (unsigned long long)mix(seed + i));
        temporary->fd = create(temporary->path, kind);
        if (temporary->fd < 0 && errno != EEXIST) break;
        if (temporary->fd < 0) continue;
        if (hold(temporary->path, temporary->fd)) return PST_OK;
        close(temporary->fd);
    }
    int error_number = errno;
    temporary->fd = -1;
    temporary_release(temporary);
    return error_number == ENOMEM ? error_memory(err, 0)
                                  : error_system(err, "create", output, error_number);
}

void temporary_remove(struct temporary *temporary) {
    if (temporary->path) remove_path(temporary->path);
    temporary_release(temporary);
}

void temporary_release(struct temporary *temporary) {
    if (temporary->path && temporary->fd >= 0) close(temporary->fd);
    free(temporary->path);
    *temporary = (struct temporary){0};
}
