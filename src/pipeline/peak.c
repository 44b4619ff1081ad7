/* peak.c - what this machine can do at best: multiply-adds that touch no memory, and reading that
 * computes nothing. All threads work at once, as they do in a session. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "network/network.h"
#include "potstill_tools.h"

/* Reading: beyond the second-level cache of any core, about what a decoder step reads. */
static const size_t READ_BYTES = 40u << 20;
/* Each measure is the best of many short ones: on a shared machine most are disturbed. */
static const uint64_t MEASURE_NS = 200000000;
enum { SPIN_ROUNDS = 20000 };

struct measure {
    const struct kernels *kernels;
    pst_precision precision;
    const float *block; /* [floats] */
    size_t floats;
    unsigned threads;
    double done[THREAD_POOL_MAX]; /* operations, by task */
};

static void spin(void *context, size_t index, unsigned thread) {
    struct measure *measure = context;
    (void)thread;
    measure->done[index] = measure->kernels->packed[measure->precision]->spin(SPIN_ROUNDS);
}

static void read_part(void *context, size_t index, unsigned thread) {
    struct measure *measure = context;
    (void)thread;
    size_t part = measure->floats / measure->threads;
    measure->done[index] = (double)measure->kernels->argmax(measure->block + index * part, part);
}

/* The shortest time of one job of `threads` tasks. */
static double fastest(struct thread_pool *pool, struct measure *measure,
                      void (*task)(void *, size_t, unsigned)) {
    double best = 1e9;
    for (uint64_t end = clock_now_ns() + MEASURE_NS; clock_now_ns() < end;) {
        uint64_t start = clock_now_ns();
        thread_pool_run(pool, measure->threads, task, measure);
        double seconds = (double)(clock_now_ns() - start) * 1e-9;
        if (seconds < best) best = seconds;
    }
    return best;
}

static pst_status measure_all(struct measure *measure, struct thread_pool *pool, pst_peak *peak,
                              pst_error *err) {
    for (int p = 0; p < PRECISION_COUNT; p++) {
        measure->precision = (pst_precision)p;
        double seconds = fastest(pool, measure, spin), operations = 0;
        for (unsigned t = 0; t < measure->threads; t++) operations += measure->done[t];
        peak->operations_per_second[p] = operations / seconds;
    }
    float *block = malloc(READ_BYTES);
    if (!block) return error_memory(err, READ_BYTES);
    measure->block = block;
    measure->floats = READ_BYTES / sizeof *block;
    /* Written, or all pages were the one page of zeros. */
    for (size_t i = 0; i < measure->floats; i++) block[i] = (float)(i % 1000);
    peak->bytes_per_second = (double)READ_BYTES / fastest(pool, measure, read_part);
    free(block);
    return PST_OK;
}

pst_status pst_measure_peak(const pst_model *model, uint32_t threads, pst_peak *peak,
                            pst_error *err) {
    if (!model || !peak) return error_set(err, PST_ERR_ARGUMENT, "model and peak must not be NULL");
    struct thread_pool *pool;
    pst_status status = model_need_weights(model, err);
    if (!status) status = thread_pool_new(&pool, threads, err);
    if (status) return status;
    struct measure measure = {.kernels = model->network->kernels, .threads = threads};
    pst_peak found;
    status = measure_all(&measure, pool, &found, err);
    thread_pool_free(pool);
    if (!status) *peak = found;
    return status;
}
