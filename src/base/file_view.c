/* file_view.c - see file_view.h. */
#ifndef __APPLE__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/file_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"

static const unsigned char EMPTY[1];

int file_view_map(struct file_view *view, int fd, size_t size) {
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED) return 0;
    *view = (struct file_view){.data = mapping, .size = size, .mapping = mapping};
    return 1;
}

static pst_status check_kind(int fd, const char *path, struct stat *st, pst_error *err) {
    if (fstat(fd, st) != 0) return error_system(err, "read", path, errno);
    if (S_ISREG(st->st_mode)) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: is %s, expected a file", path,
                     S_ISDIR(st->st_mode) ? "a folder" : "not a regular file");
}

pst_status file_open(const char *path, int *fd, struct stat *st, pst_error *err) {
    /* O_NONBLOCK: opening a pipe would wait for its writer. To regular files it means nothing. */
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, PST_ERR_MODEL, "%s: no such file", path);
    /* A socket, or a device that is not there. */
    if (*fd < 0 && errno == ENXIO)
        return error_set(err, PST_ERR_MODEL, "%s: is not a regular file, expected a file", path);
    if (*fd < 0) return error_system(err, "open", path, errno);
    pst_status status = check_kind(*fd, path, st, err);
    if (status) close(*fd);
    return status;
}

static pst_status map(struct file_view *view, int fd, const char *path, const struct stat *st,
                      pst_error *err) {
    if (st->st_size == 0) {
        *view = (struct file_view){.data = EMPTY};
        return PST_OK;
    }
    if (!file_view_map(view, fd, (size_t)st->st_size)) return error_system(err, "map", path, errno);
    file_stamp_of(&view->stamp, st);
    return PST_OK;
}

pst_status file_view_open(struct file_view *view, const char *path, size_t limit, pst_error *err) {
    struct stat st;
    int fd;
    pst_status status = file_open(path, &fd, &st, err);
    if (status) return status;
    if ((unsigned long long)st.st_size > limit)
        status = error_set(err, PST_ERR_MODEL, "%s: is %lld bytes, expected at most %zu", path,
                           (long long)st.st_size, limit);
    if (!status) status = map(view, fd, path, &st, err);
    close(fd);
    return status;
}

void file_view_close(struct file_view *view) {
    if (view->mapping) munmap(view->mapping, view->size);
    *view = (struct file_view){0};
}

/* From `offset` in the file on; one that is shorter now leaves zeros. */
static pst_status read_part(int fd, const char *path, unsigned char *bytes, size_t offset,
                            size_t length, pst_error *err) {
    size_t at = 0;
    while (at < length) {
        ssize_t got = pread(fd, bytes + at, length - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_system(err, "read", path, errno);
        if (got == 0) break;
        at += (size_t)got;
    }
    return PST_OK;
}

static int is_unchanged(int fd, const struct file_view *view) {
    struct stat st;
    struct file_stamp stamp;
    if (fstat(fd, &st) != 0) return 0;
    file_stamp_of(&stamp, &st);
    return file_stamp_equal(&stamp, &view->stamp);
}

/* The offset in the view of bytes [first, first + length); 0: they are not in it. */
static int find_part(const struct file_view *view, const void *first, size_t length,
                     size_t *offset) {
    uintptr_t start = (uintptr_t)view->mapping, from = (uintptr_t)first;
    *offset = (size_t)(from - start);
    return view->mapping && from >= start && checked_range(*offset, length, view->size);
}

/* Puts memory in place of whole pages, which the part shares with its neighbours. */
static pst_status replace(struct file_view *view, int fd, const char *path, size_t offset,
                          size_t length, pst_error *err) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skipped = offset / page * page;
    size_t end = (offset + length + page - 1) / page * page;
    if (end > view->size) end = view->size;
    void *memory = mmap((char *)view->mapping + skipped, end - skipped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (memory == MAP_FAILED) return error_memory(err, end - skipped);
    view->detached = 1;
    pst_status status = read_part(fd, path, memory, skipped, end - skipped, err);
    /* After reading, so that it holds for all that was read. */
    if (!status && !is_unchanged(fd, view))
        status = error_set(err, PST_ERR_MODEL,
                           "%s: was changed while it was read, expected a file that stays as it is",
                           path);
    if (!status && mprotect(memory, end - skipped, PROT_READ) != 0)
        status = error_system(err, "read", path, errno);
    return status;
}

pst_status file_view_detach(struct file_view *view, const char *path, const void *first,
                            size_t length, pst_error *err) {
    struct stat st;
    size_t offset;
    int fd;
    if (!length || !find_part(view, first, length, &offset)) return PST_OK;
    pst_status status = file_open(path, &fd, &st, err);
    if (status) return status;
    status = replace(view, fd, path, offset, length, err);
    close(fd);
    return status;
}

void file_view_release(const struct file_view *view, const void *first, size_t length) {
    size_t offset;
    if (view->detached || !find_part(view, first, length, &offset)) return;
    /* Whole pages, also those that its neighbours share: at worst they are read again. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skipped = offset / page * page;
    madvise((char *)view->mapping + skipped, offset - skipped + length, MADV_DONTNEED);
}

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void file_stamp_of(struct file_stamp *stamp, const struct stat *st) {
#ifdef __APPLE__
    struct timespec modified = st->st_mtimespec, changed = st->st_ctimespec;
#else
    struct timespec modified = st->st_mtim, changed = st->st_ctim;
#endif
    *stamp = (struct file_stamp){
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified_ns = nanoseconds(modified),
        .changed_ns = nanoseconds(changed),
    };
}

int file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

char *path_join(const char *dir, const char *name) {
    size_t dir_length = strlen(dir), name_length = strlen(name);
    char *path = malloc(dir_length + name_length + 2);
    if (!path) return NULL;
    memcpy(path, dir, dir_length);
    if (dir_length > 0 && dir[dir_length - 1] != '/') path[dir_length++] = '/';
    memcpy(path + dir_length, name, name_length + 1);
    return path;
}

int path_is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int path_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int path_has_file(const char *dir, const char *name) {
    char path[4096]; /* no system opens a longer one */
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    return length > 0 && (size_t)length < sizeof path && path_is_file(path);
}
