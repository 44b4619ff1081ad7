/* request.c - see request.h. */
#include "http/request.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "http/exchange.h"
#include "http/handshake.h"
#include "http/live_session.h"
#include "http/reply.h"
#include "http/request_head.h"
#include "http/routes.h"
#include "resume/option_digest.h"
#include "seconds.h"
#include "serve/request_log.h"

/* Of requests that have a small object, or nothing. */
enum { BODY_MAX = 64 * 1024 };
/* In which a body need not come at CONNECTION_BYTES_PER_SECOND_MIN. */
enum { GRACE_SECONDS = 10 };

struct request {
    struct server *server;
    char id[REQUEST_ID_MAX + 1], client[64];
    char *method, *path;
    const struct route *route; /* NULL: an error */
    const char *rest, *allow;
    struct exchange *exchange; /* of a transcription; else NULL */
    struct live_session *live; /* of a realtime session that has begun; else NULL */
    char *body;                /* [bytes] of others */
    uint64_t bytes, bytes_max;
    double began; /* of seconds_now() */
    struct api_error error;
    int status; /* of the answer; 0: none yet */
};

static struct connection *entry_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* ----------------------------------------------------------------------------------- the head */

/* Whose turn it is: that of a key, or of an address. */
static void name_client(struct request *request, long key) {
    uint64_t client = key > 0 ? (uint64_t)key : digest_text(DIGEST_FIRST, request->client);
    if (request->exchange) request->exchange->work.client = client;
}

static void check_key(struct request *request, struct MHD_Connection *connection) {
    struct server *server = request->server;
    enum route_key key = request->route->key;
    if (key == KEY_NONE || (key == KEY_METRICS && server->settings->local)) return;
    const char *told =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    int live = request->route->kind == ROUTE_LIVE;
    char *other = live && !told ? handshake_authorization(connection) : NULL;
    long found =
        request_head_check_key(server, other ? other : told, key == KEY_ADMIN, &request->error);
    free(other);
    if (found < 0)
        metrics_count_rejection(&server->metrics, REJECTED_KEY);
    else
        name_client(request, found);
}

/* What has begun before is done. */
static void check_draining(struct request *request) {
    if (!atomic_load(&request->server->closed)) return;
    metrics_count_rejection(&request->server->metrics, REJECTED_DRAINING);
    api_error_set(&request->error, 503, "server_overloaded", NULL, "the server ends");
    request->error.retry_after = 1;
}

static void open_upload(struct request *request, struct MHD_Connection *connection) {
    struct server *server = request->server;
    check_draining(request);
    atomic_fetch_add(&server->requests, 1);
    request->exchange = exchange_new(server, connection);
    request->bytes_max = server->settings->upload_bytes_max;
    upload_open(
        &request->exchange->upload,
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE),
        server->settings->upload_folder, server->transcriber.language);
}

static struct request *request_new(struct server *server, struct MHD_Connection *connection,
                                   const char *url, const char *method) {
    struct request *request = need(calloc(1, sizeof *request));
    request->server = server;
    request->began = seconds_now();
    request->method = text_format("%s", method);
    request->path = text_format("%s", url);
    request->bytes_max = BODY_MAX;
    request_head_id(server, connection, request->id);
    request_head_client(connection, request->client, sizeof request->client);
    request->route =
        route_find(method, request->path, &request->rest, &request->allow, &request->error);
    if (request->route && request->route->kind == ROUTE_TRANSCRIBE)
        open_upload(request, connection);
    if (request->route && request->route->kind == ROUTE_LIVE) check_draining(request);
    if (request->route) check_key(request, connection);
    return request;
}

/* -------------------------------------------------------------------------------------- answers */

static enum MHD_Result send_reply(struct request *request, struct MHD_Connection *connection,
                                  struct reply *reply) {
    struct connection *entry = entry_of(connection);
    if (entry) connections_begin_reply(&request->server->connections, entry, reply->length);
    request->status = reply->status;
    reply->allow = reply->status == 405 ? request->allow : NULL;
    return reply_queue(connection, reply, request->id);
}

static enum MHD_Result send_error(struct request *request, struct MHD_Connection *connection,
                                  int last) {
    struct reply reply = reply_error(&request->error);
    reply.last = last;
    return send_reply(request, connection, &reply);
}

/* The head is there. What cannot be read on is answered at once. */
static enum MHD_Result begin(struct request *request, struct MHD_Connection *connection) {
    struct api_error error = {.status = 0};
    struct connection *entry = entry_of(connection);
    int refused = request->error.status != 0;
    if (entry) connections_begin_request(&request->server->connections, entry, refused);
    if (!request_head_check_length(connection, request->bytes_max, &error)) return MHD_YES;
    if (error.status == 413) metrics_count_rejection(&request->server->metrics, REJECTED_SIZE);
    request->error = error;
    return send_error(request, connection, 1);
}

/* In the middle of the body: the connection ends. */
static enum MHD_Result give_up(struct request *request, struct MHD_Connection *connection,
                               enum metric_rejection why) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    metrics_count_rejection(&request->server->metrics, why);
    request->status = request->error.status;
    if (info) reply_write_raw((int)info->connect_fd, &request->error, request->id);
    return MHD_NO;
}

static enum MHD_Result take(struct request *request, struct MHD_Connection *connection,
                            const char *data, size_t size) {
    double took = seconds_now() - request->began;
    uint64_t before = request->bytes;
    request->bytes += size;
    if (request->bytes > request->bytes_max) {
        request->error = (struct api_error){.status = 0};
        api_error_set(&request->error, 413, "request_too_large", NULL,
                      "the body has more than the %llu bytes that are taken",
                      (unsigned long long)request->bytes_max);
        return give_up(request, connection, REJECTED_SIZE);
    }
    if (took > GRACE_SECONDS && (double)request->bytes < took * CONNECTION_BYTES_PER_SECOND_MIN) {
        request->error = (struct api_error){.status = 0};
        api_error_set(&request->error, 408, "timeout", NULL,
                      "the body comes at less than %d bytes a second",
                      CONNECTION_BYTES_PER_SECOND_MIN);
        return give_up(request, connection, REJECTED_SLOW);
    }
    if (request->error.status) return MHD_YES;
    if (request->exchange) {
        upload_feed(&request->exchange->upload, data, size);
        return MHD_YES;
    }
    if (!request->body) request->body = need(malloc(BODY_MAX + 1));
    memcpy(request->body + before, data, size);
    request->body[request->bytes] = '\0';
    return MHD_YES;
}

/* The upload is complete: on to the queue, or why not. */
static int submit(struct request *request) {
    struct exchange *exchange = request->exchange;
    struct upload *upload = &exchange->upload;
    if (upload_finish(upload, &exchange->work.seconds)) {
        request->error = upload->error;
        return -1;
    }
    double limit = request->server->transcriber.audio->seconds_max;
    if (limit > 0 && exchange->work.seconds > limit) exchange->work.seconds = limit;
    if (adapter_shelf_choose(&request->server->shelf, upload->form.model, &exchange->adapters,
                             &request->error))
        return -1;
    exchange->transcription = (struct transcription){.form = &upload->form,
                                                     .adapters = &exchange->adapters,
                                                     .fd = upload->fd,
                                                     .event = exchange_send_event,
                                                     .user = exchange};
    exchange_submit(exchange);
    return 0;
}

static enum MHD_Result send_stream(struct request *request, struct MHD_Connection *connection) {
    struct MHD_Response *response = exchange_stream(request->exchange);
    reply_add_headers(response, request->id, "text/event-stream");
    request->status = 200;
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

/* The worker has something. */
static enum MHD_Result send_transcription(struct request *request,
                                          struct MHD_Connection *connection) {
    struct exchange *exchange = request->exchange;
    struct transcription *t = &exchange->transcription;
    if (!exchange_is_ready(exchange)) return MHD_YES;
    if (exchange_has_events(exchange)) return send_stream(request, connection);
    if (t->error.status) {
        request->error = t->error;
        return send_error(request, connection, 0);
    }
    struct reply reply = {.status = 200,
                          .content_type = transcription_content_type(t->form->format),
                          .body = t->body,
                          .length = t->length,
                          .prompt_ignored = t->form->has_prompt};
    t->body = NULL;
    return send_reply(request, connection, &reply);
}

static enum MHD_Result go_live(struct request *request, struct MHD_Connection *connection,
                               const char *version) {
    if (strcmp(request->method, "GET") == 0)
        request->live =
            live_session_new(request->server, connection, version, request->id, &request->error);
    else
        api_error_set(&request->error, 405, "method_not_allowed", NULL, "expected GET");
    if (!request->live) return send_error(request, connection, 0);
    request->status = MHD_HTTP_SWITCHING_PROTOCOLS;
    return live_session_start(request->live, connection);
}

static enum MHD_Result answer(struct request *request, struct MHD_Connection *connection,
                              const char *version) {
    struct exchange *exchange = request->exchange;
    struct connection *entry = entry_of(connection);
    if (entry) connections_end_body(&request->server->connections, entry);
    if (request->error.status) return send_error(request, connection, 0);
    if (request->route->kind == ROUTE_LIVE) return go_live(request, connection, version);
    if (exchange && !exchange->submitted)
        return submit(request) ? send_error(request, connection, 0) : MHD_YES;
    if (exchange) return send_transcription(request, connection);
    struct reply reply = request->route->answer(
        request->server, request->rest, request->body ? request->body : "", (size_t)request->bytes);
    return send_reply(request, connection, &reply);
}

/* -------------------------------------------------------------------------------- libmicrohttpd */

enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **own) {
    struct request *request = *own;
    if (!request) {
        *own = request = request_new(server, connection, url, method);
        return begin(request, connection);
    }
    if (request->status) return MHD_YES; /* answered: nothing more is looked at */
    if (*size == 0) return answer(request, connection, version);
    size_t count = *size;
    *size = 0;
    return take(request, connection, data, count);
}

static void add_work(struct request *request, const struct exchange *exchange,
                     struct request_line *line) {
    const struct transcription *t = &exchange->transcription;
    line->model = exchange->upload.form.model;
    line->audio_seconds = t->seconds;
    line->wait_seconds = exchange->wait_seconds;
    line->work_seconds = exchange->work_seconds;
    if (t->detail[0]) line->detail = t->detail;
    const struct metric_work work = {t->seconds, exchange->wait_seconds, exchange->work_seconds,
                                     line->request_seconds, t->tokens};
    metrics_add_work(&request->server->metrics, &work);
}

static void add_live(const struct request *request, const struct live_session *live,
                     struct request_line *line) {
    line->model = live->model;
    line->bytes = live->bytes;
    line->audio_seconds = live->audio_seconds;
    line->work_seconds = live->work_seconds;
    const struct metric_work work = {.audio_seconds = live->audio_seconds,
                                     .work_seconds = live->work_seconds,
                                     .tokens = live->tokens};
    metrics_add_live(&request->server->metrics, &work);
}

static void log_request(struct request *request) {
    struct request_line line = {.id = request->id,
                                .method = request->method,
                                .path = request->path,
                                .client = request->client,
                                .model = "",
                                .detail = request->error.status ? request->error.message : "",
                                .status = request->status,
                                .bytes = request->bytes,
                                .request_seconds = seconds_now() - request->began};
    struct exchange *exchange = request->exchange;
    int finished = 0;
    if (exchange && exchange->submitted) {
        pthread_mutex_lock(&exchange->mutex);
        finished = exchange->finished; /* else the worker still writes */
        pthread_mutex_unlock(&exchange->mutex);
    }
    if (finished) add_work(request, exchange, &line);
    if (request->live) add_live(request, request->live, &line);
    metrics_count_reply(&request->server->metrics, line.status);
    request_log_write(&line);
}

void request_completed(void *server, struct MHD_Connection *connection, void **own,
                       enum MHD_RequestTerminationCode code) {
    struct request *request = *own;
    struct connection *entry = entry_of(connection);
    (void)server;
    if (!request) return;
    *own = NULL;
    if (entry) connections_end_request(&request->server->connections, entry);
    if (request->exchange) exchange_leave(request->exchange);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && (!request->status || request->status == 200))
        request->status = HTTP_CLIENT_GONE;
    log_request(request);
    if (request->exchange) {
        exchange_release(request->exchange);
        atomic_fetch_sub(&request->server->requests, 1);
    }
    if (request->live) live_session_free(request->live);
    free(request->body);
    free(request->method);
    free(request->path);
    free(request);
}
