/* file_view.h - a whole file, read-only in memory. */
#ifndef PST_BASE_FILE_VIEW_H
#define PST_BASE_FILE_VIEW_H

#include <stddef.h>

#include "potstill.h"

struct file_view {
    const unsigned char *data; /* [size]; not NULL even for an empty file */
    size_t size;
    void *mapping; /* what to unmap; NULL for an empty file */
};

/* Maps the regular file `path`. A file over `limit` bytes, a folder or a device is refused. A missing
 * file is PST_ERR_MODEL (the files of a model are named by the user through the model), any other
 * refusal of the system PST_ERR_IO. */
pst_status file_view_open(struct file_view *view, const char *path, size_t limit, pst_error *err);
void file_view_close(struct file_view *view);

/* "dir/name" in fresh memory, NULL when there is none. */
char *path_join(const char *dir, const char *name);
/* Is there a regular file (following links)? */
int path_is_file(const char *path);
int path_is_folder(const char *path);

#endif
