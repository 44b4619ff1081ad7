/* http_daemon.h - libmicrohttpd as it is set up here. */
#ifndef POTSTILL_CLI_HTTP_DAEMON_H
#define POTSTILL_CLI_HTTP_DAEMON_H

#include <microhttpd.h>

#include "http/server.h"

struct http_daemon {
    struct MHD_Daemon *daemon;
    int socket; /* that it listens on */
};

/* Has the socket to listen on. 0, or an exit code with the reason printed; http_daemon_stop() in
 * any case. */
int http_daemon_listen(struct http_daemon *daemon, const struct server_settings *settings);
/* Answers, on a thread of its own. 0, or an exit code. */
int http_daemon_start(struct http_daemon *daemon, struct server *server);
/* "127.0.0.1:8080": where it listens; the port is known even if it was 0. */
void http_daemon_address(const struct http_daemon *daemon, char *text, size_t size);
/* Takes no new connections. */
void http_daemon_close_door(struct http_daemon *daemon);
/* No connection may be suspended any more. */
void http_daemon_stop(struct http_daemon *daemon);

/* Is what listens on `host`, or on the socket if there is one (not -1), reached from this machine
 * alone? */
int http_host_is_local(const char *host, int socket);

#endif
