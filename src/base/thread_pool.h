/* thread_pool.h - a few threads that share one job at a time.
 *
 * A job is `count` numbered tasks. Threads take the next number from a shared counter, so which
 * thread runs a task is left to chance; what a task computes must depend on its number alone. That
 * is how results come to be the same for any number of threads. */
#ifndef PST_BASE_THREAD_POOL_H
#define PST_BASE_THREAD_POOL_H

#include <stddef.h>

#include "potstill.h"

struct thread_pool;

enum { THREAD_POOL_MAX = 64 };

/* A pool of `threads` in all, the caller's included; 1 starts none. */
pst_status thread_pool_new(struct thread_pool **pool, unsigned threads, pst_error *err);
void thread_pool_free(struct thread_pool *pool);
unsigned thread_pool_size(const struct thread_pool *pool);

/* Hands what follows to `threads` of them, 1 to thread_pool_size(): whoever runs jobs may change it
 * between two of them. */
void thread_pool_use(struct thread_pool *pool, unsigned threads);

/* Runs task(context, index, thread) for every index in [0, count), `thread` being in
 * [0, thread_pool_size()) and never used by two tasks at once. Returns when all are done. */
void thread_pool_run(struct thread_pool *pool, size_t count,
                     void (*task)(void *context, size_t index, unsigned thread), void *context);

#endif
