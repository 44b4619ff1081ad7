/* folder_writer.h - a folder that appears whole or not at all.
 *
 * It is filled under a temporary name (temporary.h), synced, and renamed. At every moment the
 * output's name has nothing, the whole old folder or the whole new one; what others put there
 * meanwhile is never touched. */
#ifndef PST_BASE_FOLDER_WRITER_H
#define PST_BASE_FOLDER_WRITER_H

#include "base/temporary.h"
#include "potstill.h"

/* What a kind of folder consists of: nothing else is ever replaced. */
struct folder_files {
    const char *what;         /* "a model": what the folder is, in messages */
    const char *const *names; /* [count] of files and folders in it, at any depth */
    size_t count;
    const char *suffix; /* of more such names, ".mlpackage"; NULL: none */
};

struct folder_writer {
    char *path;                          /* without a slash at the end */
    const struct folder_files *replaced; /* NULL: nothing is */
    struct temporary temporary;          /* write the files into its path */
};

/* A folder that is there is refused unless `replaced` knows all that is in it; what is
 * not a folder always is. */
pst_status folder_writer_check(const char *path, const struct folder_files *replaced,
                               pst_error *err);
/* Checks that again and creates the temporary folder, and parents that are missing. */
pst_status folder_writer_open(struct folder_writer *writer, const char *path,
                              const struct folder_files *replaced, pst_error *err);
/* Gives the folder its name. Where it replaces another one, the two change places and the old one
 * is removed. On failure what was written is removed; either way the writer is closed. */
pst_status folder_writer_commit(struct folder_writer *writer, pst_error *err);
/* Removes what was written; harmless after commit and on a zeroed writer. */
void folder_writer_abort(struct folder_writer *writer);

#endif
