/* hub_store.h - writing the Hugging Face cache, as its own tools write it.
 *
 *     models--org--name/blobs/<etag>                content, named by its digest
 *     models--org--name/snapshots/<commit>/<file>   a link to a blob (or a real file)
 *     models--org--name/refs/<revision>             a commit
 *     models--org--name/.no_exist/<commit>/<file>   the hub has no such file
 *     .locks/models--org--name/<etag>.lock          held while a blob is written
 *
 * Every name appears by a rename, so that a reader sees a complete file or none. */
#ifndef PST_HUB_HUB_STORE_H
#define PST_HUB_HUB_STORE_H

#include <stdint.h>

#include "hub/hub_http.h"

struct hub_store {
    char *repo;  /* <cache>/models--org--name */
    char *locks; /* <cache>/.locks/models--org--name */
    int no_symlinks;
};

pst_status hub_store_open(struct hub_store *store, const pst_hub_options *options, const char *id,
                          pst_error *err);
void hub_store_close(struct hub_store *store);

/* In fresh memory; NULL when there is none. */
char *hub_store_blob(const struct hub_store *store, const char *etag);
char *hub_store_file(const struct hub_store *store, const char *commit, const char *file);

/* Is the file in the snapshot? Is it known not to be on the hub? */
pst_status hub_store_look(const struct hub_store *store, const char *commit, const char *file,
                          int *here, int *absent, pst_error *err);

/* Waits until no other process writes this blob. `*fd` is -1 on file systems without locks: a blob
 * is still complete or absent, but two processes may download it at once. */
pst_status hub_store_lock(const struct hub_store *store, struct hub_http *http, const char *etag,
                          int *fd, pst_error *err);
void hub_store_unlock(int fd);
/* The same without waiting: 0 when another process has the lock, or it cannot be had. */
int hub_store_try_lock(const struct hub_store *store, const char *etag, int *fd);

/* Creates a file with a name of its own beside the blob. `*path` is in fresh memory. */
pst_status hub_store_create(const struct hub_store *store, const char *etag, char **path, int *fd,
                            pst_error *err);

/* Links the blob into the snapshot under the name of the file. */
pst_status hub_store_link(const struct hub_store *store, const char *commit, const char *file,
                          const char *etag, pst_error *err);
pst_status hub_store_mark_absent(const struct hub_store *store, const char *commit,
                                 const char *file, pst_error *err);
/* Records the commit that `revision` names now; nothing is written when it is a commit itself. */
pst_status hub_store_refer(const struct hub_store *store, const char *revision, const char *commit,
                           pst_error *err);

/* PST_OK, or PST_ERR_IO when the disk has no room for `bytes` more. */
pst_status hub_store_check_room(const struct hub_store *store, uint64_t bytes, pst_error *err);

#endif
