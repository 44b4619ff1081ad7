/* work_queue.c - see work_queue.h. */
#include "serve/work_queue.h"

#include <math.h>

#include "seconds.h"

/* Of a worker before the first measurement: slow, so that nobody is told to come back too soon. */
static const double SPEED_AT_FIRST = 10;
/* The last ten or so decide. */
static const double SPEED_SHARE = 0.1;
enum { RETRY_SECONDS_MAX = 600 };
/* Three or four short clips. */
static const double TOGETHER_SECONDS = 12;

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

static size_t count_at_work(const struct work_queue *queue) {
    size_t count = 0;
    for (size_t i = 0; i < queue->workers; i++) count += queue->at_work[i] != NULL;
    return count;
}

static size_t at_work_for(const struct work_queue *queue, uint64_t client) {
    size_t count = 0;
    for (size_t i = 0; i < queue->workers; i++)
        for (const struct work *work = queue->at_work[i]; work; work = work->next)
            count += work->client == client;
    return count;
}

/* The least that a client has at work of those that wait; there is one. */
static size_t fewest_at_work(const struct work_queue *queue) {
    size_t fewest = SIZE_MAX;
    for (const struct work *work = queue->first; work && fewest > 0; work = work->next) {
        size_t count = at_work_for(queue, work->client);
        if (count < fewest) fewest = count;
    }
    return fewest;
}

static void unlink_after(struct work_queue *queue, struct work *before, struct work *work) {
    if (before)
        before->next = work->next;
    else
        queue->first = work->next;
    if (queue->last == work) queue->last = before;
    queue->length--;
    work->next = NULL;
}

/* Does a work fit beside those that a worker has? With none it does. */
static int fits_beside(const struct work *first, const struct work *work,
                       int (*fits)(const struct work *first, const struct work *other)) {
    double seconds = work->seconds;
    size_t count = 0;
    for (const struct work *other = first; other; other = other->next, count++)
        seconds += other->seconds;
    return !first ||
           (count < WORK_TOGETHER_MAX && seconds <= TOGETHER_SECONDS && fits(first, work));
}

/* Unlinks the first that fits, of those clients that have the fewest at work; NULL: none does. */
static struct work *pick(struct work_queue *queue, const struct work *first,
                         int (*fits)(const struct work *first, const struct work *other)) {
    size_t fewest = fewest_at_work(queue);
    struct work *before = NULL;
    for (struct work *work = queue->first; work; before = work, work = work->next) {
        if (at_work_for(queue, work->client) > fewest || !fits_beside(first, work, fits)) continue;
        unlink_after(queue, before, work);
        work->begun_at = seconds_now();
        return work;
    }
    return NULL;
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
        work = pick(queue, NULL, NULL);
        queue->at_work[worker] = work;
    }
    pthread_mutex_unlock(&queue->mutex);
    return work;
}

struct work *work_queue_take_beside(struct work_queue *queue, size_t worker,
                                    int (*fits)(const struct work *first,
                                                const struct work *other)) {
    pthread_mutex_lock(&queue->mutex);
    struct work *last = queue->at_work[worker], *work = NULL;
    /* Who is idle is about to take what waits. */
    if (count_at_work(queue) == queue->workers) work = pick(queue, last, fits);
    while (last->next) last = last->next;
    if (work) last->next = work;
    pthread_mutex_unlock(&queue->mutex);
    return work;
}

int work_queue_is_alone(struct work_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    size_t working = 0;
    for (size_t i = 0; i < queue->workers; i++)
        for (const struct work *work = queue->at_work[i]; work; work = work->next) working++;
    int alone = queue->length == 0 && working == 1;
    pthread_mutex_unlock(&queue->mutex);
    return alone;
}

void work_queue_done(struct work_queue *queue, size_t worker, double finished) {
    pthread_mutex_lock(&queue->mutex);
    const struct work *work = queue->at_work[worker];
    double took = seconds_now() - work->begun_at;
    if (finished > 0 && took > 0) queue->speed += SPEED_SHARE * (finished / took - queue->speed);
    for (const struct work *one = work; one; one = one->next) queue->seconds -= one->seconds;
    queue->at_work[worker] = NULL;
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
