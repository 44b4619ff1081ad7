/* connections.h - the open connections, and which of them only wait.
 *
 * libmicrohttpd ends a connection on which nothing comes. One that sends a byte now and then keeps
 * its place: here the head of a request has a time by which it must be there, and where places run
 * out, whoever waits longest goes first. */
#ifndef POTSTILL_CLI_CONNECTIONS_H
#define POTSTILL_CLI_CONNECTIONS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
    struct connection *before, *behind;
    int socket;
    int waits;         /* for the head of a request */
    double waits_till; /* of seconds_now() */
};

struct connections {
    size_t count_max;
    pthread_mutex_t mutex;
    struct connection *first, *last; /* by when they began to wait, or to work */
    size_t count;
};

void connections_open(struct connections *connections, size_t count_max);
void connections_close(struct connections *connections);
/* A new one, to be removed before its socket is closed. */
struct connection *connections_add(struct connections *connections, int socket);
void connections_remove(struct connections *connections, struct connection *connection);
/* The head of a request is there; the request is done, and another may follow. */
void connections_begin_request(struct connections *connections, struct connection *connection);
void connections_end_request(struct connections *connections, struct connection *connection);
/* Ends those that have waited too long. Called now and then. */
void connections_sweep(struct connections *connections);
size_t connections_count(struct connections *connections);

#endif
