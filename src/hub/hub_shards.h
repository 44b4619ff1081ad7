/* hub_shards.h - which files of weights a repository has, by the index of its shards. */
#ifndef PST_HUB_HUB_SHARDS_H
#define PST_HUB_HUB_SHARDS_H

#include "potstill.h"

/* Calls `visit` with the file of each tensor of the index `path`, so with most files again and
 * again, until it fails. A name that is not a plain file name is refused before. `id` is the
 * repository's, for messages. */
pst_status hub_shards_visit(const char *path, const char *id,
                            pst_status (*visit)(void *user, const char *name, pst_error *err),
                            void *user, pst_error *err);

#endif
