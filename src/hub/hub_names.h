/* hub_names.h - what may be a name on the hub, and where the cache keeps it.
 *
 * Names are typed by people, written in files made by strangers, and sent by servers; all of them
 * become parts of paths. Nothing becomes a path that was not checked here. */
#ifndef PST_HUB_HUB_NAMES_H
#define PST_HUB_HUB_NAMES_H

#include "potstill.h"

enum {
    HUB_ID_MAX = 96,      /* the hub's own limit */
    HUB_COMMIT_SIZE = 41, /* 40 hex digits of a git commit and a NUL */
    HUB_ETAG_SIZE = 65    /* 64 hex digits of a SHA-256 (or 40 of a SHA-1) and a NUL */
};

/* "name" or "org/name". */
int hub_is_id(const char *name);
int hub_is_commit(const char *text);
/* 40 or 64 hex digits: a digest of the content, the name of a blob. */
int hub_is_etag(const char *text);
/* A plain file name: letters, digits, "._-", not hidden. */
int hub_is_file(const char *name);

/* PST_OK, or PST_ERR_ARGUMENT saying what a revision is. */
pst_status hub_check_revision(const char *revision, pst_error *err);

/* "<cache><middle>models--org--name" in fresh memory; NULL when there is none. */
char *hub_repo_path(const char *cache, const char *middle, const char *id);
/* "<repo>/<folder>/<a>/<b>" in fresh memory; `b` may be NULL. */
char *hub_path(const char *repo, const char *folder, const char *a, const char *b);

#endif
