/* test_thread_pool.c - every task runs once, jobs follow each other, a worker's
 * number is its own. */
#include "support/test.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/thread_pool.h"

enum { TASKS = 200 };

struct job {
    atomic_int runs[TASKS];
    atomic_int busy[THREAD_POOL_MAX];
    unsigned size;
};

static void count_task(void *context, size_t index, unsigned thread) {
    struct job *job = context;
    assert_true(thread < job->size);
    assert_int_equal(atomic_fetch_add(&job->busy[thread], 1), 0);
    atomic_fetch_add(&job->runs[index], 1);
    atomic_fetch_sub(&job->busy[thread], 1);
}

static void runs_every_task_once(unsigned threads) {
    struct thread_pool *pool;
    struct job job;
    pst_error err;
    assert_int_equal(thread_pool_new(&pool, threads, &err), PST_OK);
    assert_int_equal(thread_pool_size(pool), threads);
    for (int round = 0; round < 300; round++) {
        memset(&job, 0, sizeof job);
        job.size = threads;
        size_t count = (size_t)(round * 7 % TASKS);
        thread_pool_run(pool, count, count_task, &job);
        for (size_t i = 0; i < TASKS; i++)
            assert_int_equal(atomic_load(&job.runs[i]), i < count ? 1 : 0);
        if (round % 100 == 99)
            nanosleep(&(struct timespec){0, 2000000}, NULL); /* let the workers fall asleep */
    }
    thread_pool_free(pool);
}

static void one_thread(void **state) {
    (void)state;
    runs_every_task_once(1);
}

static void many_threads(void **state) {
    (void)state;
    runs_every_task_once(2);
    runs_every_task_once(7);
}

/* The last round has as many as the first, none of them lost meanwhile. */
static void fewer_for_a_while(void **state) {
    (void)state;
    enum { THREADS = 4 };
    struct thread_pool *pool;
    struct job job;
    pst_error err;
    assert_int_equal(thread_pool_new(&pool, THREADS, &err), PST_OK);
    for (int round = 0; round < 400; round++) {
        unsigned used = 1 + (unsigned)(round * 3 % THREADS);
        memset(&job, 0, sizeof job);
        job.size = used == 1 ? 1 : THREADS; /* one that is still awake may help */
        thread_pool_use(pool, used);
        thread_pool_run(pool, TASKS, count_task, &job);
        for (size_t i = 0; i < TASKS; i++) assert_int_equal(atomic_load(&job.runs[i]), 1);
        assert_int_equal(thread_pool_size(pool), THREADS);
    }
    thread_pool_free(pool);
}

static void bad_sizes(void **state) {
    (void)state;
    struct thread_pool *pool;
    pst_error err;
    assert_int_equal(thread_pool_new(&pool, 0, &err), PST_ERR_ARGUMENT);
    assert_int_equal(thread_pool_new(&pool, THREAD_POOL_MAX + 1, &err), PST_ERR_ARGUMENT);
    thread_pool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(fewer_for_a_while),
        cmocka_unit_test(bad_sizes),
    };
    return cmocka_run_group_tests_name("thread_pool", tests, NULL, NULL);
}
