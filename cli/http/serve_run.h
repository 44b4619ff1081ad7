/* serve_run.h - a server from its start to its end. */
#ifndef POTSTILL_CLI_SERVE_RUN_H
#define POTSTILL_CLI_SERVE_RUN_H

#include "http/server.h"

/* Serves until a signal: SIGTERM or SIGINT end it when what is at work is done, a second one at
 * once; SIGHUP reads the keys and the folder of adapters again. `server` has its settings, its
 * transcriber and its shelf. An exit code. */
int serve_run(struct server *server);

#endif
