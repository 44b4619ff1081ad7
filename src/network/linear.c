/* linear.c - see linear.h. A job is cut into tasks, each a block of rows times a block of outputs; how
 * it is cut depends on the shapes alone. Kernels promise that values do not depend on the cut. */
#include "network/linear.h"

/* With few rows the weights are streamed once: 96 KB of them a task is about 5 us of memory traffic,
 * long against the cost of taking a task, short enough to share a layer among threads. */
static const size_t STREAM_BYTES = 96 << 10;
/* With many rows a packed panel serves a block of rows: the longer the block the better the packing
 * pays, the shorter the better the block of x stays in the second-level cache (256 rows of 1152). */
static const size_t BLOCK_ROWS = 256;
/* Below this a block is not worth halving for the sake of an even split. */
static const size_t SPLIT_ROWS = 64;

struct linear_job linear_job_of(const struct workspace *ws, const struct linear *linear, float *y,
                                const float *x, size_t rows) {
    const struct effect *effect = ws->effects ? &ws->effects[linear->slot] : NULL;
    return (struct linear_job){
        .y = y,
        .x = x,
        .y_stride = linear->out,
        .x_stride = linear->in,
        .rows = rows,
        .weight = linear->weight,
        .bias = linear->bias,
        .out = linear->out,
        .in = linear->in,
        .effect = effect && effect->rank ? effect : NULL,
    };
}

/* A convolution over time-major rows: output t sees `kernel` rows of x from row t * stride on, which
 * lie one after the other in memory. */
struct linear_job linear_job_of_conv(const struct workspace *ws, const struct conv *conv, float *y,
                                     const float *x, size_t rows) {
    (void)ws;
    return (struct linear_job){
        .y = y,
        .x = x,
        .y_stride = conv->out,
        .x_stride = (size_t)conv->stride * conv->in,
        .rows = rows,
        .weight = conv->weight,
        .bias = conv->bias,
        .out = conv->out,
        .in = (size_t)conv->kernel * conv->in,
    };
}

/* How a job is cut. */
struct cut {
    size_t row_blocks, out_blocks, out_block; /* blocks of rows are equal to within one */
};

static struct cut cut_job(const struct linear_job *job, size_t panel) {
    struct cut cut = {.row_blocks = 1};
    if (job->rows <= KERNELS_FEW_ROWS) {
        size_t outs = STREAM_BYTES / sizeof(float) / job->in;
        cut.out_block = outs < panel ? panel : outs - outs % panel;
    } else {
        cut.out_block = panel;
        cut.row_blocks = (job->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
        if (cut.row_blocks == 1 && job->rows >= SPLIT_ROWS) cut.row_blocks = 2;
    }
    cut.out_blocks = (job->out + cut.out_block - 1) / cut.out_block;
    return cut;
}

struct run {
    struct workspace *ws;
    const struct linear_job *jobs;
    struct cut cuts[LINEAR_JOBS_MAX];
    size_t first[LINEAR_JOBS_MAX + 1]; /* number of each job's first task */
    float *inner[LINEAR_JOBS_MAX];     /* A(x) [rows, rank] */
};

static void run_task(void *context, size_t index, unsigned thread) {
    const struct run *run = context;
    size_t j = 0;
    while (index >= run->first[j + 1]) j++;
    const struct linear_job *job = &run->jobs[j];
    const struct cut *cut = &run->cuts[j];
    size_t task = index - run->first[j];
    size_t block = task % cut->row_blocks, out = task / cut->row_blocks * cut->out_block;
    size_t row = job->rows * block / cut->row_blocks;
    struct matmul matmul = {
        .y = job->y + row * job->y_stride + out,
        .x = job->x + row * job->x_stride,
        .w = job->weight + out * job->in,
        .bias = job->bias ? job->bias + out : NULL,
        .y_stride = job->y_stride,
        .x_stride = job->x_stride,
        .w_stride = job->in,
        .m = job->rows * (block + 1) / cut->row_blocks - row,
        .n = job->out - out < cut->out_block ? job->out - out : cut->out_block,
        .k = job->in,
        .scale = 1.0f,
        .accumulate = job->accumulate,
    };
    const struct kernels *kernels = run->ws->kernels;
    float *scratch = run->ws->scratch[thread];
    kernels->matmul(&matmul, scratch);
    if (job->effect) {
        size_t rank = job->effect->rank;
        matmul.x = run->inner[j] + row * rank;
        matmul.w = job->effect->b + out * rank;
        matmul.bias = NULL;
        matmul.x_stride = matmul.w_stride = matmul.k = rank;
        matmul.scale = (float)job->effect->scale;
        matmul.accumulate = 1;
        kernels->matmul(&matmul, scratch);
    }
    if (job->activation)
        for (size_t i = 0; i < matmul.m; i++)
            job->activation(matmul.y + i * matmul.y_stride, matmul.n);
}

static void run_jobs(struct workspace *ws, const struct linear_job *jobs, size_t count,
                     float *const *inner) {
    struct run run = {.ws = ws, .jobs = jobs};
    for (size_t j = 0; j < count; j++) {
        run.cuts[j] = cut_job(&jobs[j], ws->kernels->panel);
        run.first[j + 1] = run.first[j] + run.cuts[j].row_blocks * run.cuts[j].out_blocks;
        run.inner[j] = inner ? inner[j] : NULL;
    }
    thread_pool_run(ws->pool, run.first[count], run_task, &run);
}

void linear_run(struct workspace *ws, struct linear_job *jobs, size_t count) {
    struct linear_job down[LINEAR_JOBS_MAX];
    float *inner[LINEAR_JOBS_MAX] = {0};
    size_t adapted = 0;
    float *room = ws->lora_inner;
    for (size_t j = 0; j < count; j++) {
        const struct effect *lora = jobs[j].effect;
        if (!lora) continue;
        inner[j] = room;
        room += jobs[j].rows * lora->rank;
        down[adapted++] = (struct linear_job){
            .y = inner[j],
            .x = jobs[j].x,
            .y_stride = lora->rank,
            .x_stride = jobs[j].x_stride,
            .rows = jobs[j].rows,
            .weight = lora->a,
            .out = lora->rank,
            .in = jobs[j].in,
        };
    }
    if (adapted) run_jobs(ws, down, adapted, NULL);
    run_jobs(ws, jobs, count, inner);
}

struct row_run {
    struct workspace *ws;
    size_t rows, blocks;
    void (*run)(void *context, size_t first, size_t last, float *scratch);
    void *context;
};

static void run_rows(void *context, size_t index, unsigned thread) {
    const struct row_run *run = context;
    size_t first = run->rows * index / run->blocks, last = run->rows * (index + 1) / run->blocks;
    run->run(run->context, first, last, run->ws->scratch[thread]);
}

void rows_run(struct workspace *ws, size_t rows, size_t block,
              void (*run)(void *context, size_t first, size_t last, float *scratch),
              void *context) {
    struct row_run all = {ws, rows, (rows + block - 1) / block, run, context};
    thread_pool_run(ws->pool, all.blocks, run_rows, &all);
}
