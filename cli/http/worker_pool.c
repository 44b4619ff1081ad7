/* worker_pool.c - see worker_pool.h. */
#include "http/worker_pool.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "http/exchange.h"
#include "seconds.h"

struct pool_worker {
    struct server *server;
    size_t index;
    pst_session *session;
    uint32_t threads, used; /* of the session */
    pthread_t thread;
};

/* A stream that has begun can only say in itself that it failed. */
static void tell_failure(struct exchange *exchange) {
    const struct transcription *t = &exchange->transcription;
    if (!t->error.status || !exchange_has_events(exchange)) return;
    char *body = api_error_body(&t->error);
    json_t *event = need(json_loads(body, 0, NULL));
    json_object_set_new(event, "type", json_string("error"));
    exchange_send_event(exchange, event);
    json_decref(event);
    free(body);
}

/* Why it was cancelled: the client, the server, or the clock. Whoever has gone is not told. */
static void explain(struct exchange *exchange) {
    struct api_error *error = &exchange->transcription.error;
    if (error->status != HTTP_CLIENT_GONE || exchange_is_left(exchange)) return;
    int stopping = atomic_load(&exchange->server->stopping);
    if (!stopping && !exchange_is_late(exchange)) return;
    *error = (struct api_error){.status = 0};
    if (stopping)
        api_error_set(error, 503, "server_overloaded", NULL, "the server ends");
    else
        api_error_set(error, 504, "timeout", NULL, "the request has taken longer than its time");
}

/* The cores that nobody else has work for; a realtime session may have some at any moment. */
static void share_cores(struct pool_worker *worker) {
    struct server *server = worker->server;
    size_t live = live_slots_count(&server->live);
    uint32_t used = 1;
    if (worker->threads == 1) return;
    if (live < worker->threads && work_queue_is_alone(&server->queue))
        used = worker->threads - (uint32_t)live;
    if (used == worker->used) return;
    worker->used = used;
    pst_session_use_threads(worker->session, used, NULL);
}

/* Asked before the encoder and before each step of the decoder. */
static int is_over(void *user) {
    struct exchange *exchange = user;
    share_cores(exchange->worker);
    return exchange_is_over(exchange);
}

/* Can they be one batch? */
static int have_same_adapters(const struct work *first, const struct work *other) {
    const struct adapter_choice *a = &((const struct exchange *)first)->adapters;
    const struct adapter_choice *b = &((const struct exchange *)other)->adapters;
    return a->count == b->count &&
           memcmp(a->adapters, b->adapters, a->count * sizeof *a->adapters) == 0 &&
           memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0;
}

/* Does somebody wait for it? */
static int begin(struct pool_worker *worker, struct exchange *exchange) {
    struct transcription *t = &exchange->transcription;
    exchange->worker = worker;
    t->cancelled = is_over;
    exchange->wait_seconds = exchange->work.begun_at - exchange->work.queued_at;
    if (!exchange_is_over(exchange)) return 1;
    api_error_set(&t->error, HTTP_CLIENT_GONE, NULL, NULL, "nobody waits for it");
    return 0;
}

static void end(struct pool_worker *worker, struct exchange *exchange) {
    exchange->work_seconds = seconds_now() - exchange->work.begun_at;
    explain(exchange);
    adapter_shelf_release(&worker->server->shelf, &exchange->adapters);
    tell_failure(exchange);
    exchange_finish(exchange);
    exchange_release(exchange);
}

/* What a worker has taken, the first and what fits beside it. */
static void serve(struct pool_worker *worker, struct work *first) {
    struct work_queue *queue = &worker->server->queue;
    struct exchange *all[WORK_TOGETHER_MAX];
    struct transcription *transcriptions[WORK_TOGETHER_MAX];
    size_t count = 0, some = 0;
    double finished = 0;
    for (struct work *work = first; work;
         work = work_queue_take_beside(queue, worker->index, have_same_adapters)) {
        struct exchange *exchange = all[count++] = (struct exchange *)work;
        if (begin(worker, exchange)) transcriptions[some++] = &exchange->transcription;
    }
    if (some)
        transcription_run(transcriptions, some, &worker->server->transcriber, worker->session);
    for (size_t i = 0; i < count; i++)
        if (!all[i]->transcription.error.status) finished += all[i]->work.seconds;
    work_queue_done(queue, worker->index, finished);
    for (size_t i = 0; i < count; i++) end(worker, all[i]);
}

static void *work(void *user) {
    struct pool_worker *worker = user;
    struct work *work;
    while ((work = work_queue_take(&worker->server->queue, worker->index))) serve(worker, work);
    return NULL;
}

static int start(struct worker_pool *pool, struct pool_worker *worker) {
    pst_error err;
    pst_session_options options;
    pst_session_options_init(&options);
    worker->server = pool->server;
    worker->index = pool->count;
    worker->threads = worker->index == 0 ? (uint32_t)pool->server->settings->workers : 1;
    worker->used = worker->threads;
    options.threads = worker->threads;
    if (pst_session_new(pool->server->transcriber.model, &options, &worker->session, &err))
        return fail(exit_code_of(&err), "%s", err.message);
    if (pthread_create(&worker->thread, NULL, work, worker)) {
        pst_session_free(worker->session);
        return fail(EXIT_ENVIRONMENT, "cannot start a thread");
    }
    pool->count++;
    return 0;
}

int worker_pool_start(struct worker_pool *pool, struct server *server) {
    size_t count = server->settings->workers;
    int code = 0;
    *pool = (struct worker_pool){.server = server,
                                 .workers = need(calloc(count, sizeof *pool->workers))};
    for (size_t i = 0; i < count && !code; i++) code = start(pool, &pool->workers[i]);
    return code;
}

void worker_pool_stop(struct worker_pool *pool) {
    for (size_t i = 0; i < pool->count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        pst_session_free(pool->workers[i].session);
    }
    free(pool->workers);
    *pool = (struct worker_pool){.count = 0};
}
