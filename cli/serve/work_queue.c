/* work_queue.c - see work_queue.h. */
#include "serve/work_queue.h"

#include <math.h>

#include "seconds.h"

/* Of a worker before the first measurement: slow, so that nobody is told to come back too soon. */
static const double SPEED_AT_FIRST = 10;
/* The last ten or so decide. */
static const double SPEED_SHARE = 0.1;
enum { RETRY_SECONDS_MAX = 600 };

void work_queue_open(struct work_queue *queue, double seconds_max, size_t workers) {
    *queue = (struct work_queue){
        .seconds_max = seconds_max, .speed = SPEED_AT_FIRST, .workers = workers};
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
}

void work_queue_close(struct work_queue *queue) {
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
}

static unsigned retry_after(const struct work_queue *queue) {
    double wait = ceil(queue->seconds / (queue->speed * (double)queue->workers));
    return wait < 1 ? 1 : wait > RETRY_SECONDS_MAX ? RETRY_SECONDS_MAX : (unsigned)wait;
}

unsigned work_queue_add(struct work_queue *queue, struct work *work) {
    unsigned retry = 0;
    work->next = NULL;
    work->queued_at = seconds_now();
    pthread_mutex_lock(&queue->mutex);
    int is_idle = !(queue->seconds > 0);
    if (queue->stopped || (!is_idle && queue->seconds + work->seconds > queue->seconds_max)) {
        retry = retry_after(queue);
    } else {
        if (queue->last)
            queue->last->next = work;
        else
            queue->first = work;
        queue->last = work;
        queue->length++;
        queue->seconds += work->seconds;
        pthread_cond_broadcast(&queue->changed); /* not each may take it */
    }
    pthread_mutex_unlock(&queue->mutex);
    return retry;
}

static size_t at_work_for(const struct work_queue *queue, uint64_t client) {
    size_t count = 0;
    for (size_t i = 0; i < queue->workers; i++)
        count += queue->at_work[i] && queue->at_work[i]->client == client;
    return count;
}

/* Unlinks the first of the client that has the fewest at work; there is one. */
static struct work *pick(struct work_queue *queue) {
    struct work *best = queue->first, *before_best = NULL;
    size_t fewest = at_work_for(queue, best->client);
    for (struct work *before = best; before->next && fewest > 0; before = before->next) {
        size_t count = at_work_for(queue, before->next->client);
        if (count >= fewest) continue;
        fewest = count;
        best = before->next;
        before_best = before;
    }
    if (before_best)
        before_best->next = best->next;
    else
        queue->first = best->next;
    if (queue->last == best) queue->last = before_best;
    queue->length--;
    return best;
}

static int may_take(const struct work_queue *queue, size_t worker) {
    return queue->length > 1 || (queue->length == 1 && (worker == 0 || queue->at_work[0]));
}

struct work *work_queue_take(struct work_queue *queue, size_t worker) {
    struct work *work = NULL;
    pthread_mutex_lock(&queue->mutex);
    while (!may_take(queue, worker) && !queue->stopped)
        pthread_cond_wait(&queue->changed, &queue->mutex);
    if (queue->first) {
        work = pick(queue);
        work->begun_at = seconds_now();
        queue->at_work[worker] = work;
    }
    pthread_mutex_unlock(&queue->mutex);
    return work;
}

static size_t count_at_work(const struct work_queue *queue) {
    size_t count = 0;
    for (size_t i = 0; i < queue->workers; i++) count += queue->at_work[i] != NULL;
    return count;
}

int work_queue_is_alone(struct work_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    int alone = queue->length == 0 && count_at_work(queue) == 1;
    pthread_mutex_unlock(&queue->mutex);
    return alone;
}

void work_queue_done(struct work_queue *queue, size_t worker, int finished) {
    pthread_mutex_lock(&queue->mutex);
    const struct work *work = queue->at_work[worker];
    double took = seconds_now() - work->begun_at;
    if (finished && took > 0) queue->speed += SPEED_SHARE * (work->seconds / took - queue->speed);
    queue->at_work[worker] = NULL;
    queue->seconds -= work->seconds;
    /* What rounding has left. */
    if (queue->length == 0 && count_at_work(queue) == 0) queue->seconds = 0;
    pthread_mutex_unlock(&queue->mutex);
}

void work_queue_stop(struct work_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->stopped = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}
