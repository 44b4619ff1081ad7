/* server.h - what all requests of a server share.
 *
 * One thread of libmicrohttpd reads and writes; as many workers as there are threads to compute
 * with take what it has put into the queue. What both touch has a mutex of its own. */
#ifndef POTSTILL_CLI_SERVER_H
#define POTSTILL_CLI_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/connections.h"
#include "http/live_slots.h"
#include "serve/adapter_shelf.h"
#include "serve/api_keys.h"
#include "serve/metrics.h"
#include "serve/transcription.h"
#include "serve/work_queue.h"

/* By the command line. */
struct server_settings {
    const char *host;
    unsigned port;
    int socket;                            /* that listens already, instead of these; -1: none */
    const char *key_file, *admin_key_file; /* NULL: none */
    const char *upload_folder;
    const char *sandboxed_in; /* the folder of that folder, with a sandbox; NULL: without one */
    uint64_t upload_bytes_max;
    double queue_seconds_max;
    double deadline_seconds; /* of a request; 0: none */
    double drain_delay_seconds, drain_seconds;
    unsigned connections_max;
    size_t workers;
    size_t live_max;            /* realtime sessions */
    double live_idle_seconds;   /* without a message; 0: any */
    const char *const *origins; /* [origin_count] whose pages may begin one */
    size_t origin_count;
    int local; /* the host is this machine alone */
};

struct server {
    const struct server_settings *settings;
    struct transcriber transcriber;
    struct adapter_shelf shelf;
    struct work_queue queue;
    struct metrics metrics;
    struct connections connections;
    struct live_slots live;
    pthread_mutex_t keys_mutex; /* of the two: they may be read again */
    struct api_keys keys, admin_keys;
    atomic_size_t requests; /* transcriptions whose head is there and that are not done */
    atomic_int draining;    /* load balancers are told to send no more */
    atomic_int closed;      /* nothing new is taken */
    atomic_int stopping;    /* what is at work is given up */
    char id_start[17];      /* of the ids of requests: this process */
    atomic_ullong ids;
};

/* A new id of a request into `id` [size]. */
void server_make_id(struct server *server, char *id, size_t size);

#endif
