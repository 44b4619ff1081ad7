/* norm.c - see norm.h. Layer norms of this network have no bias. */
#include "network/norm.h"

#include "network/adapted.h"

/* Rows of a task: 32 rows of 288 floats are 36 KB, inside a first-level cache. */
enum { TASK_ROWS = 32 };

struct norm_run {
    const struct workspace *ws;
    float *y;
    const float *x, *weight;
    size_t dim, rows, tasks;
};

static void norm_rows(const struct norm_run *run, size_t first, size_t last) {
    size_t dim = run->dim;
    for (size_t i = first; i < last; i++)
        run->ws->kernels->layer_norm(run->y + i * dim, run->x + i * dim, run->weight, dim,
                                     (float)NORM_EPSILON);
}

static void run_task(void *context, size_t index, unsigned thread) {
    const struct norm_run *run = context;
    (void)thread;
    norm_rows(run, run->rows * index / run->tasks, run->rows * (index + 1) / run->tasks);
}

void layer_norm_rows(const struct block *b, float *y, const struct norm *norm, const float *x) {
    struct norm_run run = {.ws = b->ws,
                           .y = y,
                           .x = x,
                           .weight = adapted_norm(b->ws, norm),
                           .dim = b->ws->model->config.encoder_dim};
    norm_rows(&run, 0, b->rows);
}

void layer_norm(struct workspace *ws, float *y, const struct norm *norm, const float *x, size_t dim,
                size_t rows) {
    struct norm_run run = {.ws = ws,
                           .y = y,
                           .x = x,
                           .weight = adapted_norm(ws, norm),
                           .dim = dim,
                           .rows = rows,
                           .tasks = (rows + TASK_ROWS - 1) / TASK_ROWS};
    thread_pool_run(ws->pool, run.tasks, run_task, &run);
}
