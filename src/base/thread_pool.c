/* thread_pool.c - see thread_pool.h.
 *
 * While a clip is decoded a job comes every few microseconds, so a worker that has finished looks
 * for the next one for a short while before it sleeps: waking a thread through the kernel costs
 * more than most jobs. The spin is bounded because on a busy machine a spinning thread takes the
 * core that the others need.
 *
 * Every thread has a slot on cache lines of its own: its share of the job, and what the job is. So
 * a job reaches a worker as one line, and its answer is one addition to `done`. A thread that has
 * finished its share takes tasks of the others: nobody waits for a worker that sleeps or has lost
 * its core.
 *
 * A task is claimed by raising `next` of a slot, never beyond its end. A claim keeps its job alive
 * until it is reported in `done`, so the description of the job may be read after the claim. */
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"

/* About 40 us on a 3 GHz core; the gap between two jobs of the decoder is below 10 us. */
enum { SPINS = 1000 };

/* A cache line, and its neighbour, which the processor fetches with it. */
enum { LINES_BYTES = 128 };

struct slot {
    _Alignas(LINES_BYTES) _Atomic uint64_t share; /* end << 32 | next */
    void (*task)(void *context, size_t index, unsigned thread);
    void *context;
    atomic_int asleep;
};

struct worker {
    struct thread_pool *pool;
    pthread_t thread;
    unsigned number;
};

struct thread_pool {
    struct slot slots[THREAD_POOL_MAX];       /* that of the caller first */
    _Alignas(LINES_BYTES) atomic_size_t done; /* tasks done by others than the caller */
    _Alignas(LINES_BYTES) atomic_int stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    unsigned threads;       /* that the pool was made for */
    unsigned size;          /* that have started, the caller's included; then the same */
    unsigned used;          /* that get shares; the caller's business alone */
    struct worker *workers; /* [size - 1] */
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Where the share of `thread` begins; rounded up, so that the caller has one of the first. */
static uint64_t share_begin(size_t count, unsigned thread, unsigned threads) {
    return ((uint64_t)count * thread + threads - 1) / threads;
}

static int has_tasks(uint64_t share) {
    return (uint32_t)share < share >> 32;
}

/* Runs what is left of a share; returns how many tasks that were. */
static size_t run_share(struct slot *slot, unsigned thread) {
    size_t ran = 0;
    uint64_t share = atomic_load_explicit(&slot->share, memory_order_acquire);
    while (has_tasks(share)) {
        if (!atomic_compare_exchange_weak(&slot->share, &share, share + 1)) continue;
        slot->task(slot->context, (uint32_t)share, thread);
        ran++;
        share = atomic_load_explicit(&slot->share, memory_order_acquire);
    }
    return ran;
}

static int has_news(struct thread_pool *pool, const struct slot *slot) {
    return has_tasks(atomic_load(&slot->share)) || atomic_load(&pool->stop);
}

/* Sequentially consistent on purpose: a worker announces that it sleeps and then looks for a job,
 * the caller posts a job and then looks for sleepers, so one of the two sees the other. */
static void await_news(struct thread_pool *pool, struct slot *slot) {
    for (int spin = 0; spin < SPINS; spin++) {
        if (has_news(pool, slot)) return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&slot->asleep, 1);
    while (!has_news(pool, slot)) pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_store(&slot->asleep, 0);
    pthread_mutex_unlock(&pool->mutex);
}

static void wake_all(struct thread_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

/* A worker reports each share before it looks further: the caller may wait for nothing else. */
static void *work(void *argument) {
    const struct worker *worker = argument;
    struct thread_pool *pool = worker->pool;
    while (!atomic_load(&pool->stop)) {
        for (unsigned i = 0; i < pool->threads; i++) {
            unsigned of = (worker->number + i) % pool->threads;
            size_t ran = run_share(&pool->slots[of], worker->number);
            if (ran) atomic_fetch_add(&pool->done, ran);
        }
        await_news(pool, &pool->slots[worker->number]);
    }
    return NULL;
}

static void hand_out(struct thread_pool *pool, size_t count,
                     void (*task)(void *context, size_t index, unsigned thread), void *context) {
    int sleeping = 0;
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    for (unsigned i = pool->used; i-- > 0;) {
        struct slot *slot = &pool->slots[i];
        slot->task = task;
        slot->context = context;
        uint64_t share = share_begin(count, i + 1, pool->used) << 32;
        share |= share_begin(count, i, pool->used);
        atomic_store(&slot->share, share);
        sleeping |= has_tasks(share) && atomic_load(&slot->asleep);
    }
    if (sleeping) wake_all(pool);
}

void thread_pool_run(struct thread_pool *pool, size_t count,
                     void (*task)(void *context, size_t index, unsigned thread), void *context) {
    if (pool->used == 1 || count <= 1 || count > UINT32_MAX) { /* shares are 32 bits wide */
        for (size_t index = 0; index < count; index++) task(context, index, 0);
        return;
    }
    hand_out(pool, count, task, context);
    size_t ran = 0;
    for (unsigned i = 0; i < pool->used; i++) ran += run_share(&pool->slots[i], 0);
    for (int spin = 0; atomic_load(&pool->done) < count - ran;) {
        relax();
        if (spin < SPINS)
            spin++;
        else
            sched_yield(); /* a worker lost its core: lend it ours */
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
    *pool = (struct thread_pool){.threads = threads, .size = 1, .used = 1};
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
    pool->used = pool->size;
    *out = pool;
    return PST_OK;
}

void thread_pool_free(struct thread_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->stop, 1);
    wake_all(pool);
    for (unsigned i = 0; i + 1 < pool->size; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

unsigned thread_pool_size(const struct thread_pool *pool) {
    return pool->size;
}

void thread_pool_use(struct thread_pool *pool, unsigned threads) {
    pool->used = threads;
}
