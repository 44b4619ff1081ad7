/* file_writer.h - output that appears whole or not at all.
 *
 * A file is written under a temporary name beside its own, synced, and renamed; a folder is filled
 * under a temporary name, synced, and renamed. Whatever goes wrong before the rename leaves nothing
 * behind. */
#ifndef PST_BASE_FILE_WRITER_H
#define PST_BASE_FILE_WRITER_H

#include "potstill.h"

struct file_writer {
    int fd; /* -1 when closed */
    char *path;
    char *temporary_path;
};

pst_status file_writer_open(struct file_writer *writer, const char *path, pst_error *err);
pst_status file_writer_put(struct file_writer *writer, const void *bytes, size_t length,
                           pst_error *err);
/* Syncs and renames. On failure the temporary file is removed; either way the writer is closed. */
pst_status file_writer_commit(struct file_writer *writer, pst_error *err);
/* Removes what was written; harmless after commit and on a zeroed writer with fd -1. */
void file_writer_abort(struct file_writer *writer);

/* All of a file: `text` [length] under the name `path`. */
pst_status file_write(const char *path, const char *text, size_t length, pst_error *err);

/* Makes the folders that `path` lies in; 0 with errno set when one cannot be made. */
int path_make_parents(const char *path);

struct folder_writer {
    char *path;
    char *temporary_path; /* write the files here */
};

/* An existing `path` is refused unless `replace`; what is not a folder is never replaced. */
pst_status folder_writer_check(const char *path, int replace, pst_error *err);
/* Checks that again and creates the temporary folder, and parents that are missing. */
pst_status folder_writer_open(struct folder_writer *writer, const char *path, int replace,
                              pst_error *err);
/* Renames into place; an existing folder is moved aside first and removed afterwards. */
pst_status folder_writer_commit(struct folder_writer *writer, pst_error *err);
void folder_writer_abort(struct folder_writer *writer);

#endif
