/* file_writer.c - see file_writer.h. */
#include "base/file_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_view.h"

/* `path` + `suffix` + "-<pid>" in fresh memory: unique among running processes. */
static char *sibling(const char *path, const char *suffix) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    size_t size = length + strlen(suffix) + 32;
    char *name = malloc(size);
    if (name) snprintf(name, size, "%.*s%s-%ld", (int)length, path, suffix, (long)getpid());
    return name;
}

/* The rename is only safe against a power cut once the folder that holds the name is synced. */
static void sync_parent(const char *path) {
    char *parent = strdup(path);
    if (!parent) return;
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) *slash = '\0';
    int fd = open(slash ? (slash == parent ? "/" : parent) : ".", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(parent);
}

static void release(struct file_writer *writer) {
    free(writer->path);
    free(writer->temporary_path);
    *writer = (struct file_writer){.fd = -1};
}

pst_status file_writer_open(struct file_writer *writer, const char *path, pst_error *err) {
    *writer = (struct file_writer){.fd = -1};
    if (path_is_folder(path))
        return error_set(err, PST_ERR_IO, "%s: is a folder, expected the name of a file", path);
    writer->path = strdup(path);
    writer->temporary_path = sibling(path, ".tmp");
    if (!writer->path || !writer->temporary_path) {
        release(writer);
        return error_memory(err, 0);
    }
    writer->fd = open(writer->temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        int error_number = errno;
        release(writer);
        return error_system(err, "create", path, error_number);
    }
    return PST_OK;
}

pst_status file_writer_put(struct file_writer *writer, const void *bytes, size_t length,
                           pst_error *err) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(writer->fd, at, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_system(err, "write", writer->path, errno);
        at += written;
        length -= (size_t)written;
    }
    return PST_OK;
}

pst_status file_writer_commit(struct file_writer *writer, pst_error *err) {
    int failed = fsync(writer->fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    int error_number = errno;
    if (close(writer->fd) != 0 && !failed) {
        failed = 1;
        error_number = errno;
    }
    writer->fd = -1;
    if (!failed && rename(writer->temporary_path, writer->path) != 0) {
        failed = 1;
        error_number = errno;
    }
    pst_status status = PST_OK;
    if (failed) {
        unlink(writer->temporary_path);
        status = error_system(err, "write", writer->path, error_number);
    } else {
        sync_parent(writer->path);
    }
    release(writer);
    return status;
}

void file_writer_abort(struct file_writer *writer) {
    if (writer->fd >= 0) {
        close(writer->fd);
        unlink(writer->temporary_path);
    }
    release(writer);
}

pst_status file_write(const char *path, const char *text, size_t length, pst_error *err) {
    struct file_writer writer;
    pst_status status = file_writer_open(&writer, path, err);
    if (status) return status;
    status = file_writer_put(&writer, text, length, err);
    if (status) {
        file_writer_abort(&writer);
        return status;
    }
    return file_writer_commit(&writer, err);
}

/* Folders in a folder: a package is three deep, and lies in a folder of packages. */
enum { DEPTH_MAX = 8 };

/* Removes a folder of plain files and such folders, which is all that a folder_writer makes, also
 * without memory. Links are removed, not followed. */
static void remove_entries(int fd, int depth) {
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || depth == DEPTH_MAX) continue;
        int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        remove_entries(openat(dirfd(dir), entry->d_name, flags), depth + 1);
        unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
}

static void remove_folder(const char *path) {
    remove_entries(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0);
    rmdir(path);
}

int path_make_parents(const char *path) {
    char *copy = strdup(path);
    int made = copy != NULL;
    if (!copy) errno = ENOMEM;
    for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && slash[1] && made;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        made = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    free(copy);
    return made;
}

pst_status folder_writer_check(const char *path, int replace, pst_error *err) {
    struct stat st;
    int is_folder = path_is_folder(path);
    if (lstat(path, &st) != 0 || (replace && is_folder)) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: exists already%s", path,
                     is_folder ? " (force replaces it)" : " and is not a folder");
}

pst_status folder_writer_open(struct folder_writer *writer, const char *path, int replace,
                              pst_error *err) {
    *writer = (struct folder_writer){0};
    pst_status status = folder_writer_check(path, replace, err);
    if (status) return status;
    writer->path = strdup(path);
    writer->temporary_path = sibling(path, ".tmp");
    if (!writer->path || !writer->temporary_path) {
        folder_writer_abort(writer);
        return error_memory(err, 0);
    }
    if (!path_make_parents(path) || mkdir(writer->temporary_path, 0777) != 0) {
        int error_number = errno;
        folder_writer_abort(writer);
        return error_number == ENOMEM ? error_memory(err, 0)
                                      : error_system(err, "create", path, error_number);
    }
    return PST_OK;
}

pst_status folder_writer_commit(struct folder_writer *writer, pst_error *err) {
    char *aside = sibling(writer->path, ".old");
    if (!aside) {
        folder_writer_abort(writer);
        return error_memory(err, 0);
    }
    int had_old = path_is_folder(writer->path) && rename(writer->path, aside) == 0;
    if (rename(writer->temporary_path, writer->path) != 0) {
        int error_number = errno;
        pst_status status = error_system(err, "create", writer->path, error_number);
        if (had_old && rename(aside, writer->path) != 0)
            status = error_set(err, PST_ERR_IO, "%s: cannot create: %s; what was there is now %s",
                               writer->path, strerror(error_number), aside);
        free(aside);
        folder_writer_abort(writer);
        return status;
    }
    if (had_old) remove_folder(aside);
    sync_parent(writer->path);
    free(aside);
    free(writer->path);
    free(writer->temporary_path);
    *writer = (struct folder_writer){0};
    return PST_OK;
}

void folder_writer_abort(struct folder_writer *writer) {
    if (writer->temporary_path) remove_folder(writer->temporary_path);
    free(writer->path);
    free(writer->temporary_path);
    *writer = (struct folder_writer){0};
}
