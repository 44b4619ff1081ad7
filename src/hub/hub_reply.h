/* hub_reply.h - the headers of a reply that matter here.
 *
 * A server may write anything; only what has the right form is kept, so a commit is 40 hex digits
 * or "", a digest is one or "", a number is one or -1. */
#ifndef PST_HUB_HUB_REPLY_H
#define PST_HUB_HUB_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "hub/hub_names.h"

/* X-Error-Code: why there is no file. */
enum hub_refusal {
    HUB_REFUSAL_NONE,
    HUB_REFUSAL_REPO,
    HUB_REFUSAL_REVISION,
    HUB_REFUSAL_ENTRY,
    HUB_REFUSAL_GATED
};

enum { HUB_LOCATION_SIZE = 8192 }; /* signed addresses of storage run to some 2000 bytes */

struct hub_reply {
    int status; /* 0: no status line was read */
    enum hub_refusal refusal;
    char commit[HUB_COMMIT_SIZE];    /* X-Repo-Commit */
    char etag[HUB_ETAG_SIZE];        /* ETag */
    char linked_etag[HUB_ETAG_SIZE]; /* X-Linked-Etag */
    char location[HUB_LOCATION_SIZE];
    int64_t length;      /* Content-Length */
    int64_t linked_size; /* X-Linked-Size */
    int64_t range_start; /* Content-Range: the first byte of the body */
    int64_t range_total; /* Content-Range: bytes of the whole file */
    int64_t retry_after; /* seconds */
    int encoded;         /* Content-Encoding is not identity: lengths are not those of the file */
};

void hub_reply_clear(struct hub_reply *reply);
/* One line of the head, with or without its line end. A status line begins a new reply. */
void hub_reply_line(struct hub_reply *reply, const char *line, size_t length);

#endif
