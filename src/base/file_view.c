/* file_view.c - see file_view.h. */
#include "base/file_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static const unsigned char EMPTY[1];

static pst_status map(struct file_view *view, int fd, const char *path, size_t limit,
                      pst_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return error_system(err, "read", path, errno);
    if (!S_ISREG(st.st_mode))
        return error_set(err, PST_ERR_MODEL, "%s: is %s, expected a file", path,
                         S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    if ((unsigned long long)st.st_size > limit)
        return error_set(err, PST_ERR_MODEL, "%s: is %lld bytes, expected at most %zu", path,
                         (long long)st.st_size, limit);
    if (st.st_size == 0) {
        *view = (struct file_view){.data = EMPTY};
        return PST_OK;
    }
    void *mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED) return error_system(err, "map", path, errno);
    *view = (struct file_view){.data = mapping, .size = (size_t)st.st_size, .mapping = mapping};
    return PST_OK;
}

pst_status file_view_open(struct file_view *view, const char *path, size_t limit, pst_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, PST_ERR_MODEL, "%s: no such file", path);
    if (fd < 0) return error_system(err, "open", path, errno);
    pst_status status = map(view, fd, path, limit, err);
    close(fd);
    return status;
}

void file_view_close(struct file_view *view) {
    if (view->mapping) munmap(view->mapping, view->size);
    *view = (struct file_view){0};
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
