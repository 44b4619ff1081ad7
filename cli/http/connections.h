/* connections.h - the open connections, and which of them may be ended.
 *
 * libmicrohttpd ends a connection on which nothing comes or goes. One that moves a byte now and
 * then keeps its place: here the head of a request has a time by which it must be there, and a
 * reply one by which it must be read. Where places run out, whoever keeps one for nothing longest
 * goes first. */
#ifndef POTSTILL_CLI_CONNECTIONS_H
#define POTSTILL_CLI_CONNECTIONS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Of a body that comes, and of a reply that goes; each after a moment in which it need not. */
enum { CONNECTION_BYTES_PER_SECOND_MIN = 1024 };

struct connection {
    struct connection *before, *behind;
    int socket;
    /* Of seconds_now(): from then on it gives way where places run out; it is ended. */
    double yields_at, ends_at;
    int in_body;      /* more of its request is to come */
    double closed_at; /* of seconds_now(): it was seen that nothing does; 0: it was not */
    int ended;        /* and not closed yet */
};

struct connections {
    size_t count_max;
    pthread_mutex_t mutex;
    struct connection *first, *last; /* by when they began to wait, or to work */
    size_t count, ended;             /* of the first number */
};

void connections_open(struct connections *connections, size_t count_max);
void connections_close(struct connections *connections);
/* A new one, to be removed before its socket is closed. */
struct connection *connections_add(struct connections *connections, int socket);
void connections_remove(struct connections *connections, struct connection *connection);
/* The head of a request is there, which is `refused` already; its body is there, too; a reply
 * [bytes] is to be read; the request is done, and another may follow. */
void connections_begin_request(struct connections *connections, struct connection *connection,
                               int refused);
void connections_end_body(struct connections *connections, struct connection *connection);
void connections_begin_reply(struct connections *connections, struct connection *connection,
                             size_t bytes);
void connections_end_request(struct connections *connections, struct connection *connection);
/* Ends those that have taken too long or were left in the middle of a body, and makes room. Called
 * now and then. */
void connections_sweep(struct connections *connections);
size_t connections_count(struct connections *connections);

#endif
