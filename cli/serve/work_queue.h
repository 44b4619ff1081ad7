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
    struct work *next; /* in the queue, or of those that a worker has */
    double seconds;    /* of sound, as far as is known */
    uint64_t client;   /* whose it is */
    double queued_at;  /* when it was added */
    double begun_at;   /* when it was taken */
};

enum { WORK_WORKERS_MAX = 64, WORK_TOGETHER_MAX = 8 };

struct work_queue {
    double seconds_max; /* that may wait and be at work together */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct work *first, *last;
    size_t length;
    double seconds; /* of all that wait or are at work */
    double speed;   /* seconds of sound in a second of one worker, of late */
    size_t workers; /* that take from it */
    struct work *at_work[WORK_WORKERS_MAX]; /* [workers] the first of those of each; NULL: idle */
    int stopped;
};

void work_queue_open(struct work_queue *queue, double seconds_max, size_t workers);
void work_queue_close(struct work_queue *queue);
/* 0: it is in; else the seconds after which to try again. One request always fits. */
unsigned work_queue_add(struct work_queue *queue, struct work *work);
/* Waits for work for a worker; NULL: there will be none. What comes alone is the first worker's, if
 * that is idle. */
struct work *work_queue_take(struct work_queue *queue, size_t worker);
/* What is to be done together with what the worker has taken: in its turn, so short that nobody
 * waits long for the others, and as `fits` says to the first; NULL: nothing, and nothing is waited
 * for. */
struct work *work_queue_take_beside(struct work_queue *queue, size_t worker,
                                    int (*fits)(const struct work *first,
                                                const struct work *other));
/* One is at work, and nothing waits. */
int work_queue_is_alone(struct work_queue *queue);
/* All that it has taken is done, of which so many seconds to their end: their speed counts. */
void work_queue_done(struct work_queue *queue, size_t worker, double finished);
void work_queue_stop(struct work_queue *queue);

#endif
