/* routes.h - what there is at which address, and the answers that need no worker. */
#ifndef POTSTILL_CLI_ROUTES_H
#define POTSTILL_CLI_ROUTES_H

#include "http/reply.h"
#include "http/server.h"

enum route_kind {
    ROUTE_PLAIN,      /* `answer` says it */
    ROUTE_TRANSCRIBE, /* a worker does */
    ROUTE_LIVE,       /* it becomes a realtime session */
};

enum route_key { KEY_NONE, KEY_METRICS, KEY_CLIENT, KEY_ADMIN };

struct route {
    const char *method, *path; /* one that ends in / has a name behind it, but for / itself */
    enum route_kind kind;
    enum route_key key;
    /* `rest` is that name; `body` [length], with a NUL behind it, what was sent. */
    struct reply (*answer)(struct server *server, const char *rest, const char *body,
                           size_t length);
};

/* The route of a request and the rest of its path; NULL: there is none, with the reason and, of
 * another method, those that there are in `allow`. */
const struct route *route_find(const char *method, const char *path, const char **rest,
                               const char **allow, struct api_error *error);

#endif
