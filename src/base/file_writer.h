/* file_writer.h - a file that appears whole or not at all.
 *
 * It is written under a temporary name beside its own (temporary.h), synced, and renamed. Whatever
 * goes wrong before the rename leaves nothing behind. */
#ifndef PST_BASE_FILE_WRITER_H
#define PST_BASE_FILE_WRITER_H

#include "base/temporary.h"
#include "potstill.h"

struct file_writer {
    char *path; /* NULL when closed */
    struct temporary temporary;
};

pst_status file_writer_open(struct file_writer *writer, const char *path, pst_error *err);
pst_status file_writer_put(struct file_writer *writer, const void *bytes, size_t length,
                           pst_error *err);
/* Syncs and renames. On failure the temporary file is removed; either way the writer is closed. */
pst_status file_writer_commit(struct file_writer *writer, pst_error *err);
/* Removes what was written; harmless after commit and on a zeroed writer. */
void file_writer_abort(struct file_writer *writer);

/* All of a file: `bytes` [length] under the name `path`. */
pst_status file_write(const char *path, const void *bytes, size_t length, pst_error *err);

/* Writes `bytes` [length] to the open `fd`, which messages call `path`. */
pst_status file_put(int fd, const void *bytes, size_t length, const char *path, pst_error *err);

/* Makes the folders that `path` lies in; 0 with errno set when one cannot be made. */
int path_make_parents(const char *path);

/* A rename is only safe against a power cut once the folder that holds the name is synced. */
void path_sync_parent(const char *path);

#endif
