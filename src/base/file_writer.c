/* file_writer.c - see file_writer.h. */
#include "base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_view.h"
#include "potstill_tools.h"

/* The rename is only safe against a power cut once the folder that holds the name is synced. */
void path_sync_parent(const char *path) {
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
    temporary_release(&writer->temporary);
    free(writer->path);
    writer->path = NULL;
}

pst_status file_writer_open(struct file_writer *writer, const char *path, pst_error *err) {
    *writer = (struct file_writer){0};
    if (path_is_folder(path))
        return error_set(err, PST_ERR_IO, "%s: is a folder, expected the name of a file", path);
    writer->path = strdup(path);
    if (!writer->path) return error_memory(err, 0);
    pst_status status = temporary_make(&writer->temporary, path, TEMPORARY_FILE, err);
    if (status) release(writer);
    return status;
}

pst_status file_put(int fd, const void *bytes, size_t length, const char *path, pst_error *err) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_system(err, "write", path, errno);
        at += written;
        length -= (size_t)written;
    }
    return PST_OK;
}

pst_status file_writer_put(struct file_writer *writer, const void *bytes, size_t length,
                           pst_error *err) {
    return file_put(writer->temporary.fd, bytes, length, writer->path, err);
}

pst_status file_writer_commit(struct file_writer *writer, pst_error *err) {
    struct temporary *temporary = &writer->temporary;
    int failed = fsync(temporary->fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    failed = failed || rename(temporary->path, writer->path) != 0;
    if (failed) {
        pst_status status = error_system(err, "write", writer->path, errno);
        file_writer_abort(writer);
        return status;
    }
    path_sync_parent(writer->path);
    release(writer);
    return PST_OK;
}

void file_writer_abort(struct file_writer *writer) {
    if (writer->path) temporary_remove(&writer->temporary);
    release(writer);
}

pst_status file_write(const char *path, const void *bytes, size_t length, pst_error *err) {
    struct file_writer writer;
    pst_status status = file_writer_open(&writer, path, err);
    if (status) return status;
    status = file_writer_put(&writer, bytes, length, err);
    if (status) {
        file_writer_abort(&writer);
        return status;
    }
    return file_writer_commit(&writer, err);
}

pst_status pst_write_file(const char *path, const void *bytes, size_t length, pst_error *err) {
    if (!path || (!bytes && length > 0))
        return error_set(err, PST_ERR_ARGUMENT, "pst_write_file: path or bytes is NULL");
    return file_write(path, bytes, length, err);
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
