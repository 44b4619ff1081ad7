/* live_session.h - a realtime session on its connection.
 *
 * Each has a thread, as its stream has: the thread reads, computes and writes in turn, so that a
 * client that sends faster than is computed is held back by its own connection. While it computes
 * it looks after the connection before each step of the decoder. */
#ifndef POTSTILL_CLI_LIVE_SESSION_H
#define POTSTILL_CLI_LIVE_SESSION_H

#include <microhttpd.h>

#include "http/request_head.h"
#include "http/server.h"
#include "http/websocket.h"
#include "serve/realtime_session.h"

struct live_session {
    struct server *server;
    char id[REQUEST_ID_MAX + 1];
    int slot; /* its place among the threads; -1: none */
    enum realtime_shape shape;
    char model[FORM_MODEL_MAX + 1];
    struct MHD_UpgradeResponseHandle *handle;
    struct websocket websocket;
    struct realtime_session session;
    double event_at, serviced_at; /* of seconds_now() */
    /* For the log, when it has ended. */
    double audio_seconds, work_seconds;
    size_t tokens;
    uint64_t bytes;
};

/* Checks all but the key. NULL: `error` says why not. */
struct live_session *live_session_new(struct server *server, struct MHD_Connection *connection,
                                      const char *version, const char *id, struct api_error *error);
/* Agrees, and goes on in its own thread. */
enum MHD_Result live_session_start(struct live_session *live, struct MHD_Connection *connection);
/* When the request is completed: its thread has ended, or was never there. */
void live_session_free(struct live_session *live);

#endif
