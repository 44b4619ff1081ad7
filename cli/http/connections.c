/* connections.c - see connections.h. */
#include "http/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "console.h"
#include "seconds.h"

/* For the first head; and for the next one, as long as proxies keep connections. */
enum { FIRST_SECONDS = 10, NEXT_SECONDS = 30 };

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
static void end(struct connection *connection) {
    shutdown(connection->socket, SHUT_RDWR);
    connection->waits = 0;
}

/* A tenth of the places is kept for those who come with a request. */
static void make_room(struct connections *connections) {
    if (connections->count < connections->count_max - connections->count_max / 10) return;
    for (struct connection *at = connections->first; at; at = at->behind)
        if (at->waits) {
            end(at);
            return;
        }
}

static void wait_for_head(struct connection *connection, unsigned seconds) {
    connection->waits = 1;
    connection->waits_till = seconds_now() + seconds;
}

struct connection *connections_add(struct connections *connections, int socket) {
    struct connection *connection = need(calloc(1, sizeof *connection));
    connection->socket = socket;
    pthread_mutex_lock(&connections->mutex);
    make_room(connections);
    wait_for_head(connection, FIRST_SECONDS);
    append(connections, connection);
    connections->count++;
    pthread_mutex_unlock(&connections->mutex);
    return connection;
}

void connections_remove(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    unlink_one(connections, connection);
    connections->count--;
    pthread_mutex_unlock(&connections->mutex);
    free(connection);
}

void connections_begin_request(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    connection->waits = 0;
    pthread_mutex_unlock(&connections->mutex);
}

void connections_end_request(struct connections *connections, struct connection *connection) {
    pthread_mutex_lock(&connections->mutex);
    unlink_one(connections, connection);
    append(connections, connection);
    wait_for_head(connection, NEXT_SECONDS);
    pthread_mutex_unlock(&connections->mutex);
}

void connections_sweep(struct connections *connections) {
    double now = seconds_now();
    pthread_mutex_lock(&connections->mutex);
    for (struct connection *at = connections->first; at; at = at->behind)
        if (at->waits && now > at->waits_till) end(at);
    pthread_mutex_unlock(&connections->mutex);
}

size_t connections_count(struct connections *connections) {
    pthread_mutex_lock(&connections->mutex);
    size_t count = connections->count;
    pthread_mutex_unlock(&connections->mutex);
    return count;
}
