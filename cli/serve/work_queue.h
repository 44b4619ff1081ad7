/* work_queue.h - requests that wait to be computed, and how many may.
 *
 * What waits is counted in seconds of sound, as that is what it costs. Clients have their turn one
 * after the other: the next is the first of the client that has the fewest at work. */
#ifndef POTSTILL_CLI_WORK_QUEUE_H
#define POTSTILL_CLI_WORK_QUEUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct work {
    struct work *next;
    double seconds;   /* of sound, as far as is known */
    uint64_t client;  /* whose it is */
    double queued_at; /* when it was added */
    double begun_at;  /* when it was taken */
};

enum { WORK_WORKERS_MAX = 64 };

struct work_queue {
    double seconds_max; /* that may wait and be at work together */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct work *first, *last;
    size_t length;
    double seconds; /* of all that wait or are at work */
    double speed;   /* seconds of sound in a second of one worker, of late */
    size_t workers; /* that take from it */
    struct work *at_work[WORK_WORKERS_MAX]; /* [workers] NULL: idle */
    int stopped;
};

void work_queue_open(struct work_queue *queue, double seconds_max, size_t workers);
void work_queue_close(struct work_queue *queue);
/* 0: it is in; else the seconds after which to try again. One request always fits. */
unsigned work_queue_add(struct work_queue *queue, struct work *work);
/* Waits for work for a worker; NULL: there will be none. What comes alone is the first worker's, if
 * that is idle. */
struct work *work_queue_take(struct work_queue *queue, size_t worker);
/* One is at work, and nothing waits. */
int work_queue_is_alone(struct work_queue *queue);
/* What it has taken is done; `finished`: to its end, so that its speed counts. */
void work_queue_done(struct work_queue *queue, size_t worker, int finished);
void work_queue_stop(struct work_queue *queue);

#endif
