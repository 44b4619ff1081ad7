/* connections.c - see connections.h. */
#include "http/connections.h"

#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "console.h"
#include "seconds.h"

/* For the first head; and for the next one, as long as proxies keep connections. */
enum { FIRST_SECONDS = 10, NEXT_SECONDS = 30 };
/* Whoever has just come is given time to say what he wants, however many come behind him. */
static const double ARRIVAL_SECONDS = 0.5;
/* The moment of a reply; and the shorter one of whatever gives way to others. */
enum { READ_SECONDS = 30, BUSY_SECONDS = 5 };
/* libmicrohttpd takes what is there already before that is over. */
static const double LAST_BYTES_SECONDS = 1;

void connections_open(struct connections *connections, size_t count_max) {
    *connections = (struct connections){.count_max = count_max};
    pthread_mutex_init(&connections->mutex, NULL);
}

void connections_close(struct connections *connections) {
    pthread_mutex_destroy(&connections->mutex);
}

/* The rest under the mutex. */
static void append(struct connections *connections, struct connection *connection) {
    connection->before = connections->last;
    connection->behind = NULL;
    if (connections->last)
        connections->last->behind = connection;
    else
        connections->first = connection;
    connections->last = connection;
}

static void unlink_one(struct connections *connections, struct connection *connection) {
    if (connection->before)
        connection->before->behind = connection->behind;
    else
        connections->first = connection->behind;
    if (connection->behind)
        connection->behind->before = connection->before;
    else
        connections->last = connection->before;
}

/* The server then sees that it is closed, and does what there is to do. */
static void end(struct connections *connections, struct connection *connection) {
    shutdown(connection->socket, SHUT_RDWR);
    connection->yields_at = connection->ends_at = INFINITY;
    connection->ended = 1;
    connections->ended++;
}

/* What it has sent was not read yet. */
static int has_spoken(const struct connection *connection) {
    char byte;
    return recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* A tenth of the places is kept for those who come with a request. */
static void make_room(struct connections *connections) {
    double now = seconds_now();
    size_t there = connections->count - connections->ended;
    size_t wanted = connections->count_max - connections->count_max / 10;
    struct connection *at = connections->first;
    for (; at && there >= wanted; at = at->behind) {
        if (now < at->yields_at || has_spoken(at)) continue;
        end(connections, at);
        there--;
    }
}

static void wait_for_head(struct connection *connection, double arrival, unsigned seconds) {
    double now = seconds_now();
    connection->in_body = 0;
    connection->closed_at = 0;
    connection->yields_at = now + arrival;
    connection->ends_at = now + seconds;
}

struct connection *connections_add(struct connections *connections, int socket) {
    struct connection *connection = need(calloc(1, sizeof *connection));
    connection->socket = socket;
    pthread_mutex_lock(&connections->mutex);
    make_room(connections);
    wait_for_head(connection, ARRIVAL_SECONDS, FIRST_SECONDS);
    append(connections, connection);
    connections->count++;
    pthread_mutex_unlock(&connections->mutex);
    return connection;
}

void connections_remove(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    unlink_one(connections, connection);
    connections->count--;
    connections->ended -= connection->ended;
    pthread_mutex_unlock(&connections->mutex);
    free(connection);
}

void connections_begin_request(struct connections *connections, struct connection *connection,
                               int refused) {
    pthread_mutex_lock(&connections->mutex);
    connection->yields_at = refused ? seconds_now() + BUSY_SECONDS : INFINITY;
    connection->ends_at = INFINITY;
    connection->in_body = !refused;
    pthread_mutex_unlock(&connections->mutex);
}

void connections_end_body(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    connection->in_body = 0;
    connection->closed_at = 0;
    pthread_mutex_unlock(&connections->mutex);
}

void connections_begin_reply(struct connections *connections, struct connection *connection,
                             size_t bytes) {
    double now = seconds_now();
    pthread_mutex_lock(&connections->mutex);
    connection->in_body = 0;
    connection->yields_at = now + BUSY_SECONDS;
    connection->ends_at = now + READ_SECONDS + (double)bytes / CONNECTION_BYTES_PER_SECOND_MIN;
    pthread_mutex_unlock(&connections->mutex);
}

void connections_end_request(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    unlink_one(connections, connection);
    append(connections, connection);
    wait_for_head(connection, 0, NEXT_SECONDS);
    pthread_mutex_unlock(&connections->mutex);
}

/* libmicrohttpd itself waits for its timeout when a client closes in the middle of a body. */
static int is_left(struct connection *connection, double now) {
    char byte;
    if (!connection->in_body || connection->ended) return 0;
    ssize_t got = recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got != 0) return 0;
    if (connection->closed_at == 0) connection->closed_at = now;
    return now > connection->closed_at + LAST_BYTES_SECONDS;
}

void connections_sweep(struct connections *connections) {
    double now = seconds_now();
    pthread_mutex_lock(&connections->mutex);
    for (struct connection *at = connections->first; at; at = at->behind)
        if (now > at->ends_at || is_left(at, now)) end(connections, at);
    make_room(connections);
    pthread_mutex_unlock(&connections->mutex);
}

size_t connections_count(struct connections *connections) {
    pthread_mutex_lock(&connections->mutex);
    size_t count = connections->count;
    pthread_mutex_unlock(&connections->mutex);
    return count;
}
