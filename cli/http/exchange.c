/* exchange.c - see exchange.h. */
#include "http/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "console.h"
#include "seconds.h"

struct exchange *exchange_new(struct server *server, struct MHD_Connection *connection) {
    struct exchange *exchange = need(calloc(1, sizeof *exchange));
    double limit = server->settings->deadline_seconds;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    exchange->server = server;
    exchange->connection = connection;
    exchange->socket = info ? (int)info->connect_fd : -1;
    exchange->upload.fd = -1;
    exchange->holders = 1;
    if (limit > 0) exchange->deadline = seconds_now() + limit;
    pthread_mutex_init(&exchange->mutex, NULL);
    return exchange;
}

void exchange_hold(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    exchange->holders++;
    pthread_mutex_unlock(&exchange->mutex);
}

void exchange_release(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    unsigned left = --exchange->holders;
    pthread_mutex_unlock(&exchange->mutex);
    if (left) return;
    adapter_shelf_release(&exchange->server->shelf, &exchange->adapters);
    upload_close(&exchange->upload);
    free(exchange->transcription.body);
    free(exchange->events);
    pthread_mutex_destroy(&exchange->mutex);
    free(exchange);
}

/* Under the mutex. */
static void wake(struct exchange *exchange) {
    if (!exchange->connection || !exchange->suspended) return;
    exchange->suspended = 0;
    MHD_resume_connection(exchange->connection);
}

static void suspend(struct exchange *exchange) {
    exchange->suspended = 1;
    MHD_suspend_connection(exchange->connection);
}

/* ---------------------------------------------------------------- the thread of the connections */

void exchange_submit(struct exchange *exchange) {
    struct server *server = exchange->server;
    exchange->submitted = 1;
    pthread_mutex_lock(&exchange->mutex);
    exchange->holders++; /* the worker */
    suspend(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    unsigned retry = work_queue_add(&server->queue, &exchange->work);
    if (!retry) return;
    struct api_error *error = &exchange->transcription.error;
    if (atomic_load(&server->stopping))
        api_error_set(error, 503, "server_overloaded", NULL, "the server ends");
    api_error_set(error, 429, "rate_limit_exceeded", NULL,
                  "the server has as much sound to work through as it takes; try again in %u s",
                  retry);
    error->retry_after = retry;
    metrics_count_rejection(&server->metrics, REJECTED_QUEUE);
    exchange_finish(exchange);
    exchange_release(exchange);
}

int exchange_is_ready(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    int ready = exchange->finished || exchange->events_length > 0;
    if (!ready) suspend(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    return ready;
}

int exchange_has_events(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    int some = exchange->events_length > 0;
    pthread_mutex_unlock(&exchange->mutex);
    return some;
}

void exchange_leave(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    exchange->connection = NULL;
    pthread_mutex_unlock(&exchange->mutex);
}

static ssize_t read_events(void *user, uint64_t at, char *out, size_t size) {
    struct exchange *exchange = user;
    ssize_t got = 0;
    (void)at; /* it goes forward only */
    pthread_mutex_lock(&exchange->mutex);
    size_t left = exchange->events_length - exchange->events_sent;
    if (left > 0) {
        got = (ssize_t)(left < size ? left : size);
        memcpy(out, exchange->events + exchange->events_sent, (size_t)got);
        exchange->events_sent += (size_t)got;
    } else if (exchange->finished) {
        got = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        suspend(exchange);
    }
    pthread_mutex_unlock(&exchange->mutex);
    return got;
}

static void let_go(void *user) {
    exchange_release(user);
}

struct MHD_Response *exchange_stream(struct exchange *exchange) {
    enum { BLOCK = 4096 };
    exchange_hold(exchange);
    return need(
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_events, exchange, let_go));
}

/* ---------------------------------------------------------------------------------- the worker */

/* Nothing to read is well; the end of what the client sends means that it has gone. */
static int is_closed(int socket) {
    char byte;
    ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

int exchange_is_left(struct exchange *exchange) {
    /* The socket is closed only after the connection has left. */
    pthread_mutex_lock(&exchange->mutex);
    int left = !exchange->connection || is_closed(exchange->socket);
    pthread_mutex_unlock(&exchange->mutex);
    return left;
}

int exchange_is_late(const struct exchange *exchange) {
    return exchange->deadline > 0 && seconds_now() > exchange->deadline;
}

int exchange_is_over(struct exchange *exchange) {
    return atomic_load(&exchange->server->stopping) || exchange_is_late(exchange) ||
           exchange_is_left(exchange);
}

/* Under the mutex. */
static void append(struct exchange *exchange, const char *text) {
    size_t length = strlen(text), needed = exchange->events_length + length;
    if (needed > exchange->events_capacity) {
        exchange->events_capacity = 2 * needed;
        exchange->events = need(realloc(exchange->events, exchange->events_capacity));
    }
    memcpy(exchange->events + exchange->events_length, text, length);
    exchange->events_length = needed;
}

void exchange_send_event(void *user, const json_t *event) {
    struct exchange *exchange = user;
    char *text = need(json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(12)));
    pthread_mutex_lock(&exchange->mutex);
    append(exchange, "data: ");
    append(exchange, text);
    append(exchange, "\n\n");
    wake(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    free(text);
}

void exchange_finish(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->mutex);
    exchange->finished = 1;
    wake(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}
