/* live_session.c - see live_session.h. */
#include "http/live_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "console.h"
#include "http/handshake.h"
#include "json_text.h"
#include "seconds.h"

/* How long a wait may be before the clock is looked at; how often the connection is looked after
 * while something is computed; when to try again where all places are taken. */
enum { WAIT_MS = 1000, RETRY_SECONDS = 10 };
static const double SERVICE_SECONDS = 0.02;

/* ------------------------------------------------------------------------------------- thread */

static void send_event(void *user, const json_t *event) {
    struct live_session *live = user;
    char *text = need(json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(12)));
    websocket_send(&live->websocket, text, strlen(text));
    free(text);
}

/* Asked before each step of the decoder. */
static int is_over(void *user) {
    struct live_session *live = user;
    double now = seconds_now();
    if (now - live->serviced_at >= SERVICE_SECONDS) {
        live->serviced_at = now;
        websocket_service(&live->websocket);
    }
    return websocket_is_over(&live->websocket) || atomic_load(&live->server->stopping);
}

static int is_ending(const struct live_session *live) {
    return atomic_load(&live->server->closed) || atomic_load(&live->server->stopping);
}

static int is_idle(const struct live_session *live) {
    double limit = live->server->settings->live_idle_seconds;
    return limit > 0 && seconds_now() - live->event_at > limit;
}

/* One thing at a time: a piece of sound, a message, or to wait for one. */
static void step(struct live_session *live) {
    struct websocket *websocket = &live->websocket;
    struct realtime_session *session = &live->session;
    int full = websocket_is_full(websocket);
    size_t length;
    char *message;
    if (!full && realtime_session_has_work(session, websocket->first != NULL)) {
        realtime_session_work(session);
        live->event_at = seconds_now();
    } else if (!full && (message = websocket_take(websocket, &length))) {
        realtime_session_take(session, message, length);
        live->event_at = seconds_now();
        free(message);
    } else {
        websocket_wait(websocket, live->server->live.ending[0], WAIT_MS);
    }
}

/* A client that has said that it ends is told nothing more. */
static int goes_on(const struct live_session *live) {
    return !websocket_is_over(&live->websocket) && !is_ending(live) && !is_idle(live);
}

static void tell_idle(struct live_session *live) {
    struct api_error error = {.status = 0};
    api_error_set(&error, 408, "session_expired", NULL, "nothing has come for %g s",
                  live->server->settings->live_idle_seconds);
    realtime_send_error(&live->session.events, &error, NULL);
}

static void converse(struct live_session *live) {
    while (goes_on(live)) {
        websocket_service(&live->websocket);
        if (!websocket_is_over(&live->websocket)) step(live);
    }
    if (live->websocket.broken) return;
    if (is_ending(live)) {
        realtime_session_finish(&live->session);
        websocket_end(&live->websocket, WEBSOCKET_GOING_AWAY, "the server ends");
    } else if (is_idle(live)) {
        tell_idle(live);
        websocket_end(&live->websocket, WEBSOCKET_DONE, "idle");
    } else {
        websocket_end(&live->websocket, WEBSOCKET_DONE, "");
    }
}

static void account(struct live_session *live) {
    const struct realtime_session *session = &live->session;
    live->audio_seconds = session->seconds;
    live->work_seconds = session->speech.work_seconds + session->turn.work_seconds;
    live->tokens = session->speech.tokens + session->turn.tokens;
    live->bytes = live->websocket.bytes;
}

static void run(void *user) {
    struct live_session *live = user;
    struct api_error error = {.status = 0};
    const struct server *server = live->server;
    const struct realtime_host host = {.transcriber = &server->transcriber,
                                       .shelf = &live->server->shelf,
                                       .folder = server->settings->upload_folder,
                                       .bytes_max = server->settings->upload_bytes_max,
                                       .id = live->id,
                                       .shape = live->shape,
                                       .send = send_event,
                                       .cancelled = is_over,
                                       .user = live};
    live->event_at = seconds_now();
    if (realtime_session_open(&live->session, &host, live->model, &error)) {
        realtime_send_error(&live->session.events, &error, NULL);
        websocket_end(&live->websocket, WEBSOCKET_FAILED, "");
    } else {
        converse(live);
    }
    account(live);
    realtime_session_close(&live->session);
    websocket_close(&live->websocket);
    /* From here on the request may be completed, and all of this be freed. */
    MHD_upgrade_action(live->handle, MHD_UPGRADE_ACTION_CLOSE);
}

/* ------------------------------------------------------------------------------------- request */

/* "sess_" and the id of the request are the session's. */
static void name(struct live_session *live, const char *id) {
    snprintf(live->id, sizeof live->id, "sess_%.*s", (int)(sizeof live->id - 6), id);
}

static int read_query(struct live_session *live, struct MHD_Connection *connection,
                      struct api_error *error) {
    const char *model = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "model");
    const char *intent = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "intent");
    struct adapter_choice choice = {.count = 0};
    if (intent && strcmp(intent, "transcription") != 0)
        return api_error_set(error, 400, "invalid_value", "intent",
                             "intent: expected transcription: this server does nothing else");
    if (!model) model = live->server->shelf.base;
    if (!*model || strlen(model) > FORM_MODEL_MAX)
        return api_error_set(error, 400, "invalid_value", "model",
                             "model: expected the name of a model of /v1/models");
    if (adapter_shelf_choose(&live->server->shelf, model, &choice, error)) return -1;
    adapter_shelf_release(&live->server->shelf, &choice);
    memcpy(live->model, model, strlen(model) + 1);
    return 0;
}

/* Browsers say it among their protocols, others by a header. */
static int is_beta(struct MHD_Connection *connection) {
    const char *beta = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "OpenAI-Beta");
    return (beta && strstr(beta, "realtime=v1")) ||
           handshake_offers(connection, "openai-beta.realtime-v1");
}

static int take_slot(struct live_session *live, struct api_error *error) {
    struct server *server = live->server;
    live->slot = live_slots_take(&server->live);
    if (live->slot >= 0) return 0;
    metrics_count_rejection(&server->metrics, REJECTED_QUEUE);
    api_error_set(error, 429, "rate_limit_exceeded", NULL,
                  "the server has the %zu realtime sessions that it takes (--max-realtime)",
                  server->live.count_max);
    error->retry_after = RETRY_SECONDS;
    return -1;
}

struct live_session *live_session_new(struct server *server, struct MHD_Connection *connection,
                                      const char *version, const char *id,
                                      struct api_error *error) {
    const struct server_settings *settings = server->settings;
    struct live_session *live = need(calloc(1, sizeof *live));
    live->server = server;
    live->slot = -1;
    live->shape = is_beta(connection) ? REALTIME_BETA : REALTIME_NOW;
    name(live, id);
    if (!handshake_check(connection, version, error) &&
        !handshake_check_origin(connection, settings->origins, settings->origin_count, error) &&
        !read_query(live, connection, error) && !take_slot(live, error))
        return live;
    live_session_free(live);
    return NULL;
}

static void begin(void *user, struct MHD_Connection *connection, void *request, const char *early,
                  size_t early_bytes, MHD_socket socket, struct MHD_UpgradeResponseHandle *handle) {
    struct live_session *live = user;
    int on = 1, slot = live->slot;
    (void)connection, (void)request;
    live->handle = handle;
    live->slot = -1; /* the thread's from here on, which may be done before this */
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int code = websocket_open(&live->websocket, socket, early, early_bytes);
    if (!code) code = live_slots_run(&live->server->live, slot, run, live);
    if (!code) return;
    say("a realtime session cannot be started");
    live->slot = slot;
    websocket_close(&live->websocket);
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

enum MHD_Result live_session_start(struct live_session *live, struct MHD_Connection *connection) {
    struct MHD_Response *response = handshake_response(connection, begin, live);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return result;
}

void live_session_free(struct live_session *live) {
    if (live->slot >= 0) live_slots_give_back(&live->server->live, live->slot);
    free(live);
}
