/* worker_pool.h - threads that compute, each with a session of its own.
 *
 * Several clips on a core each are done sooner than one after the other on all of them, so a
 * session computes on one. That of the first worker can use all: it gets the request that comes
 * alone, and does so until another comes. */
#ifndef POTSTILL_CLI_WORKER_POOL_H
#define POTSTILL_CLI_WORKER_POOL_H

#include "http/server.h"

struct worker_pool {
    struct server *server;
    struct pool_worker *workers; /* [count] */
    size_t count;
};

/* Starts server->settings->workers of them. 0, or an exit code with the reason printed;
 * worker_pool_stop() in any case. */
int worker_pool_start(struct worker_pool *pool, struct server *server);
/* When the queue has stopped: waits for them. */
void worker_pool_stop(struct worker_pool *pool);

#endif
