/* hub_partial.h - what there is of a blob while it is downloaded, and what an earlier run has left.
 *
 * A partial file is "blobs/<etag>.<8 hex digits>.incomplete". Whoever writes it holds the lock of
 * the blob (hub_store_lock()) and one on the file itself; so with both in hand, a file found is of
 * a process that ended, and its bytes are taken over. The digest is checked in the end. */
#ifndef PST_HUB_HUB_PARTIAL_H
#define PST_HUB_HUB_PARTIAL_H

#include "hub/hub_store.h"

/* Opens the largest partial file of the blob that was left, for reading and writing, and removes
 * the others; makes an empty one when there is none, or when the blob is not `locked`. `*path` is
 * in fresh memory. */
pst_status hub_partial_open(const struct hub_store *store, const char *etag, int locked,
                            char **path, int *fd, pst_error *err);

/* Removes partial files of blobs that are complete, and those that nobody has gone on with for a
 * day; all but what is in use. */
void hub_partial_clean(const struct hub_store *store);

#endif
