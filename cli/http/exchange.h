/* exchange.h - a transcription between the thread that reads and writes and the worker.
 *
 * Both hold it, and either may be done with it first. While it waits for its worker the connection
 * is suspended: libmicrohttpd does not look at its socket then, so whether the client is still
 * there is asked of the socket itself, before each step of the decoder. */
#ifndef POTSTILL_CLI_EXCHANGE_H
#define POTSTILL_CLI_EXCHANGE_H

#include <pthread.h>

#include <microhttpd.h>

#include "http/server.h"
#include "serve/upload.h"

struct pool_worker;

struct exchange {
    struct work work; /* first: the queue knows no more */
    struct server *server;
    struct upload upload;
    struct adapter_choice adapters;
    struct transcription transcription;
    int submitted;   /* it has been in the queue, or was refused there */
    double deadline; /* of seconds_now(); 0: none */
    double wait_seconds, work_seconds;
    struct pool_worker *worker; /* that works on it */
    pthread_mutex_t mutex;      /* of what follows */
    unsigned holders;
    struct MHD_Connection *connection; /* NULL: the client has gone */
    int socket;
    int suspended, finished;
    char *events; /* [events_length] of a stream */
    size_t events_length, events_capacity, events_sent;
};

struct exchange *exchange_new(struct server *server, struct MHD_Connection *connection);
void exchange_hold(struct exchange *exchange);
void exchange_release(struct exchange *exchange);

/* For the thread that reads and writes. */
/* Puts it into the queue, which is not waited for. */
void exchange_submit(struct exchange *exchange);
/* There is something to answer with; else the connection is suspended until there is. */
int exchange_is_ready(struct exchange *exchange);
/* A stream has begun. */
int exchange_has_events(struct exchange *exchange);
/* The connection is done with. */
void exchange_leave(struct exchange *exchange);
/* The events of a stream as a response. */
struct MHD_Response *exchange_stream(struct exchange *exchange);

/* For the worker. */
/* Has the client gone? */
int exchange_is_left(struct exchange *exchange);
/* Has its time? */
int exchange_is_late(const struct exchange *exchange);
/* Either, or the server ends. */
int exchange_is_over(struct exchange *exchange);
void exchange_send_event(void *user, const json_t *event);
void exchange_finish(struct exchange *exchange);

#endif
