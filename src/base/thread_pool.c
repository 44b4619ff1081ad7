/* thread_pool.c - see thread_pool.h.
 *
 * While a clip is decoded a job comes every few microseconds, so a worker that has finished looks for
 * the next one for a short while before it sleeps: waking a thread through the kernel costs more than
 * most jobs. The spin is bounded because on a busy machine a spinning thread takes the core that the
 * others need.
 *
 * A task is claimed by taking one from `remaining`, never below zero. A claim keeps its job alive until
 * it is reported in `unfinished`, so the description of the job may be read after the claim; and the
 * caller waits for claimed tasks only, never for a worker that sleeps or has lost its core. */
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"

/* About 40 us of looking on a 3 GHz core; the gap between two jobs of the decoder is below 10 us. */
enum { SPINS = 1000 };

struct worker {
    struct thread_pool *pool;
    pthread_t thread;
    unsigned number;
};

struct thread_pool {
    void (*task)(void *context, size_t index, unsigned thread);
    void *context;
    size_t count;
    _Alignas(64) atomic_size_t remaining;  /* tasks nobody has claimed */
    _Alignas(64) atomic_size_t unfinished; /* tasks not yet done */
    _Alignas(64) atomic_uint sleepers;     /* workers that wait on `wake` */
    atomic_int stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    unsigned size;
    struct worker *workers; /* [size - 1] */
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_tasks(struct thread_pool *pool, unsigned thread) {
    size_t remaining = atomic_load(&pool->remaining);
    while (remaining > 0) {
        if (!atomic_compare_exchange_weak(&pool->remaining, &remaining, remaining - 1)) continue;
        pool->task(pool->context, pool->count - remaining, thread);
        atomic_fetch_sub(&pool->unfinished, 1);
        remaining = atomic_load(&pool->remaining);
    }
}

static int has_news(struct thread_pool *pool) {
    return atomic_load(&pool->remaining) > 0 || atomic_load(&pool->stop);
}

/* Sequentially consistent on purpose: a worker raises `sleepers` and then looks for news, the caller
 * makes news and then looks at `sleepers`, so one of the two sees the other. */
static void await_news(struct thread_pool *pool) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (has_news(pool)) return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_news(pool)) pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void wake_sleepers(struct thread_pool *pool) {
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    while (!atomic_load(&worker->pool->stop)) {
        take_tasks(worker->pool, worker->number);
        await_news(worker->pool);
    }
    return NULL;
}

void thread_pool_run(struct thread_pool *pool, size_t count,
                     void (*task)(void *context, size_t index, unsigned thread), void *context) {
    if (pool->size == 1 || count <= 1) {
        for (size_t index = 0; index < count; index++) task(context, index, 0);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->unfinished, count);
    atomic_store(&pool->remaining, count);
    wake_sleepers(pool);
    take_tasks(pool, 0);
    for (int spin = 0; atomic_load(&pool->unfinished) > 0; spin++) {
        relax();
        if (spin > SPINS) sched_yield(); /* a worker lost its core: lend it ours */
    }
}

pst_status thread_pool_new(struct thread_pool **out, unsigned threads, pst_error *err) {
    if (threads < 1 || threads > THREAD_POOL_MAX)
        return error_set(err, PST_ERR_ARGUMENT, "threads is %u, expected 1 to %d", threads,
                         THREAD_POOL_MAX);
    void *memory = NULL;
    if (posix_memalign(&memory, _Alignof(struct thread_pool), sizeof(struct thread_pool)))
        return error_memory(err, sizeof(struct thread_pool));
    struct thread_pool *pool = memory;
    *pool = (struct thread_pool){.size = 1};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->workers = calloc(threads, sizeof pool->workers[0]);
    if (!pool->workers) {
        thread_pool_free(pool);
        return error_memory(err, threads * sizeof pool->workers[0]);
    }
    for (unsigned number = 1; number < threads; number++) {
        struct worker *worker = &pool->workers[number - 1];
        *worker = (struct worker){.pool = pool, .number = number};
        if (pthread_create(&worker->thread, NULL, work, worker)) {
            thread_pool_free(pool);
            return error_set(err, PST_ERR_IO, "cannot start thread %u of %u", number + 1, threads);
        }
        pool->size = number + 1;
    }
    *out = pool;
    return PST_OK;
}

void thread_pool_free(struct thread_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->stop, 1);
    wake_sleepers(pool);
    for (unsigned i = 0; i + 1 < pool->size; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

unsigned thread_pool_size(const struct thread_pool *pool) {
    return pool->size;
}
