/* file_view.h - a whole file, read-only in memory. */
#ifndef PST_BASE_FILE_VIEW_H
#define PST_BASE_FILE_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "potstill.h"

/* Identifies a file and its state, as far as the system knows. */
struct file_stamp {
    uint64_t device, inode, size;
    int64_t modified_ns,
        changed_ns; /* since 1970: of the contents, and of anything about the file */
};

struct file_view {
    const unsigned char *data; /* [size]; not NULL even for an empty file */
    size_t size;
    void *mapping;           /* what to unmap; NULL for an empty file */
    struct file_stamp stamp; /* when it was opened */
    int detached;            /* file_view_detach() has read parts of it */
};

/* Opens the regular file `path` for reading, as every reader of a folder does, which may hold
 * anything: a device, a pipe or a folder is refused without waiting for it. The caller closes
 * `*fd`. A missing file is PST_ERR_MODEL (the user named it through the model), any other refusal
 * of the system PST_ERR_IO. */
pst_status file_open(const char *path, int *fd, struct stat *st, pst_error *err);

/* Maps the file `path`, opened as above. One over `limit` bytes is refused. */
pst_status file_view_open(struct file_view *view, const char *path, size_t limit, pst_error *err);
void file_view_close(struct file_view *view);
/* Reads bytes [first, first + length) of the file, `path`, into memory of this process at the
 * addresses where they were mapped, and so what shares a page with them: what points there stays
 * valid, whatever becomes of the file. Memory outside the view is left alone. PST_ERR_MODEL: the
 * file was changed since it was opened. After a failure the view can only be closed. */
pst_status file_view_detach(struct file_view *view, const char *path, const void *first,
                            size_t length, pst_error *err);
/* Maps the first `size` bytes of an open file, which has them; 0 when that fails. */
int file_view_map(struct file_view *view, int fd, size_t size);
/* Tells the system that bytes [first, first + length) of the view will not be read for a long time:
 * their pages are freed, and read again when needed. Memory outside the view, and a view that is
 * detached, are left alone. */
void file_view_release(const struct file_view *view, const void *first, size_t length);

void file_stamp_of(struct file_stamp *stamp, const struct stat *st);
int file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/* "dir/name" in fresh memory, NULL when there is none. */
char *path_join(const char *dir, const char *name);
/* Is there a regular file (following links)? */
int path_is_file(const char *path);
int path_is_folder(const char *path);
/* Is there a regular file of this name in `dir`? */
int path_has_file(const char *dir, const char *name);

#endif
