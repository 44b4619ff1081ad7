/* hub_client.h - asks the hub about a file: its digest, size, commit and address. */
#ifndef PST_HUB_HUB_CLIENT_H
#define PST_HUB_HUB_CLIENT_H

#include "hub/hub_http.h"

/* Which repository is asked. */
struct hub_repo {
    const char *id;
    const char *revision; /* as the user gave it */
};

struct hub_file {
    char commit[HUB_COMMIT_SIZE];
    char etag[HUB_ETAG_SIZE]; /* digest of the content: the name of its blob */
    uint64_t size;
    char *url; /* where its bytes are */
};

/* Asks about `name` at `revision`. `*found` is 0 when the repository has no such file; then
 * file->commit is the commit looked at, or "". hub_file_free() in any case. */
pst_status hub_client_ask(struct hub_http *http, const struct hub_repo *repo, const char *revision,
                          const char *name, struct hub_file *file, int *found, pst_error *err);
void hub_file_free(struct hub_file *file);

/* Sends, and follows redirects wherever they lead (hub_http_send() looks at each address). */
enum hub_outcome hub_client_get(struct hub_http *http, const struct hub_request *request,
                                struct hub_reply *reply, pst_error *err);

/* Is it worth trying again later? */
int hub_client_is_passing(const struct hub_reply *reply);

#endif
