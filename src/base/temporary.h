/* temporary.h - a name beside an output that belongs to one running process.
 *
 * An output is made under a temporary name, "<output>.tmp-<16 hexadecimal digits>", and renamed
 * when it is whole. The name is created, never opened, so a link planted under it is not
 * followed; and whoever made it holds a lock (flock) on it until the end. So what an ended
 * process left can be told from what is being written, in other containers too: process ids,
 * which they may share, play no part. */
#ifndef PST_BASE_TEMPORARY_H
#define PST_BASE_TEMPORARY_H

#include "potstill.h"

struct temporary {
    char *path; /* NULL: none, as in a zeroed struct */
    int fd;     /* holds the lock; of a file also open for writing */
};

enum temporary_kind { TEMPORARY_FILE, TEMPORARY_FOLDER };

/* Makes the temporary of `output`, whose folder exists, and removes what ended processes left of
 * it. The error names `output`. */
pst_status temporary_make(struct temporary *temporary, const char *output, enum temporary_kind kind,
                          pst_error *err);
/* Removes the file or folder, with all that is in it, and forgets it. */
void temporary_remove(struct temporary *temporary);
/* Forgets it, when it has been renamed. */
void temporary_release(struct temporary *temporary);

/* Removes the folder `path` with what is in it, links themselves and not what they point to; 0 with
 * errno set when something is left. */
int path_remove_folder(const char *path);

#endif
