/* linear.c - see linear.h. A job is cut into tasks, each a block of rows times a block of outputs; how
 * it is cut depends on the shapes alone. Kernels promise that values do not depend on the cut. */
#include "network/linear.h"

#include <string.h>

/* With few rows the weights are streamed once: 96 KB of them a task is about 5 us of memory traffic,
 * long against the cost of taking a task, short enough to share a layer among threads. */
static const size_t STREAM_BYTES = 96 << 10;
/* With more rows a packed panel serves a block of them. */
static const size_t BLOCK_ROWS = 64;

/* A whole number of panels whose weights are STREAM_BYTES or the next panel. */
static size_t stream_outs(size_t in, size_t panel) {
    size_t outs = STREAM_BYTES / sizeof(float) / in;
    return outs < panel ? panel : outs - outs % panel;
}

size_t adapted_room(const struct workspace *ws) {
    const struct config *config = &ws->model->config;
    size_t in = config->dim, width = (size_t)config->heads * config->head_dim;
    if (in > width) in = width; /* the narrowest map has the widest blocks */
    if (in > config->encoder_ffn) in = config->encoder_ffn;
    if (in > config->decoder_ffn) in = config->decoder_ffn;
    if (in > ws->model->weights.conv1.kernel) in = ws->model->weights.conv1.kernel;
    size_t panel = ws->kernels->panel, few = stream_outs(in, panel);
    size_t many = BLOCK_ROWS * panel;
    return (many > few * KERNELS_FEW_ROWS ? many : few * KERNELS_FEW_ROWS) + 2 * few;
}

/* The packed weight, where it is what a map multiplies by: not when an adapter has replaced the weight,
 * and not when it is less precise than the model was asked to be (the output matrix of output.h). */
static const struct packed *usable(const struct workspace *ws, const struct packed *packed,
                                   const float *base, const float *weight) {
    int good = packed->data && base == weight && packed->precision <= ws->model->precision;
    return good ? packed : NULL;
}

struct linear_job linear_job_of(const struct workspace *ws, const struct linear *linear, float *y,
                                const float *x, size_t rows) {
    const float *weight = adapted_weight(ws, linear->slot, linear->weight);
    return (struct linear_job){
        .y = y,
        .x = x,
        .y_stride = linear->out,
        .x_stride = linear->in,
        .rows = rows,
        .weight = weight,
        .bias = adapted_bias(ws, linear->slot, linear->bias),
        .packed = usable(ws, &linear->packed, linear->weight, weight),
        .out = linear->out,
        .in = linear->in,
        .channels = linear->in,
        .slot = linear->slot,
        .adapted = adapted_by(ws, linear->slot),
    };
}

/* A convolution over time-major rows: output t sees `kernel` rows of x from row t * stride on, which
 * lie one after the other in memory. */
struct linear_job linear_job_of_conv(const struct workspace *ws, const struct conv *conv, float *y,
                                     const float *x, size_t rows) {
    const float *weight = adapted_weight(ws, conv->slot, conv->weight);
    return (struct linear_job){
        .y = y,
        .x = x,
        .y_stride = conv->out,
        .x_stride = (size_t)conv->stride * conv->in,
        .rows = rows,
        .weight = weight,
        .bias = adapted_bias(ws, conv->slot, conv->bias),
        .packed = usable(ws, &conv->packed, conv->weight, weight),
        .out = conv->out,
        .in = (size_t)conv->kernel * conv->in,
        .channels = conv->in,
        .slot = conv->slot,
        .adapted = adapted_by(ws, conv->slot),
    };
}

/* --------------------------------------------------------------------------- prepared rows */

static size_t padded(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

size_t linear_prepared_bytes(const struct workspace *ws, size_t rows, size_t k) {
    size_t element = sizeof(uint16_t); /* int8 models have maps in bf16 */
    return ws->model->precision == PRECISION_F32 ? 0 : rows * padded(k * element) + PACKED_SLACK;
}

struct prepared linear_prepare(const struct workspace *ws, enum precision precision, const float *x,
                               size_t x_stride, size_t rows, size_t k, void *room, float *scale) {
    const struct packed_kernels *kernels = ws->kernels->packed[precision];
    if (!kernels->prepare) return (struct prepared){x, x_stride * sizeof *x, NULL, 0};
    size_t bytes = k * kernels->element_bytes, stride = padded(bytes);
    unsigned char *row = room;
    kernels->prepare(room, stride, scale, NULL, x, x_stride, rows, k);
    /* What kernels may read past a row must not be what some earlier clip left there. */
    for (size_t i = 0; i < rows && stride > bytes; i++, row += stride)
        memset(row + bytes, 0, stride - bytes);
    memset((unsigned char *)room + rows * stride, 0, PACKED_SLACK);
    return (struct prepared){room, stride, scale, 1};
}

void linear_product(const struct workspace *ws, const struct packed *packed, size_t first,
                    const struct matmul *base, const struct prepared *x, float *scratch) {
    if (!packed) {
        ws->kernels->matmul(base, scratch);
        return;
    }
    struct packed_matmul matmul = {
        .y = base->y,
        .x = x->rows,
        .x_scale = x->scale,
        .x_scale_step = x->scale_step,
        .w = packed,
        .bias = base->bias,
        .y_stride = base->y_stride,
        .x_stride = x->stride,
        .first = first,
        .m = base->m,
        .n = base->n,
        .accumulate = base->accumulate,
    };
    ws->kernels->packed[packed->precision]->matmul(&matmul);
}

/* ------------------------------------------------------------------------------ all threads */

/* How a job is cut. */
struct cut {
    size_t row_blocks, out_blocks, out_block; /* blocks of rows are equal to within one */
};

static struct cut cut_job(const struct workspace *ws, const struct linear_job *job) {
    size_t panel = ws->kernels->panel;
    struct cut cut = {.row_blocks = 1};
    if (job->packed) {
        const struct packed_kernels *packed = ws->kernels->packed[job->packed->precision];
        size_t row_bytes = job->in * packed->element_bytes;
        size_t outs = STREAM_BYTES / row_bytes / packed->columns * packed->columns;
        cut.out_block = outs ? outs : packed->columns;
    } else if (job->rows <= KERNELS_FEW_ROWS) {
        cut.out_block = stream_outs(job->in, panel);
    } else {
        cut.out_block = panel;
        cut.row_blocks = (job->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    }
    cut.out_blocks = (job->out + cut.out_block - 1) / cut.out_block;
    return cut;
}

struct run {
    struct workspace *ws;
    const struct linear_job *jobs;
    struct cut cuts[LINEAR_JOBS_MAX];
    size_t first[LINEAR_JOBS_MAX + 1];    /* number of each job's first task */
    const float *inner[LINEAR_JOBS_MAX];  /* A(x) [rows, rank] of each adapter, one after another */
    const float *scaled[LINEAR_JOBS_MAX]; /* x with its inputs scaled, or NULL */
    size_t scaled_stride[LINEAR_JOBS_MAX]; /* of its rows */
    struct prepared prepared[LINEAR_JOBS_MAX];
};

/* What the adapters make of the block that `base` has computed or, when they scale it, would. */
static void run_adapted(const struct run *run, size_t j, const struct matmul *base, size_t row,
                        size_t out, unsigned thread) {
    const struct linear_job *job = &run->jobs[j];
    float *scratch = run->ws->scratch[thread], *aside = scratch + run->ws->block_offset;
    struct adapted_block block = {
        .slot = job->slot,
        .y = base->y,
        .y_stride = base->y_stride,
        .x = job->x + row * job->x_stride,
        .x_stride = job->x_stride,
        .in = job->in,
        .bias = base->bias,
        .rows = base->m,
        .first_out = out,
        .outs = base->n,
        .inner = run->inner[j],
        .first_row = row,
        .all_rows = job->rows,
    };
    if (job->adapted == ADAPTED_ADDS) {
        adapted_apply(run->ws, &block, scratch, NULL);
        return;
    }
    struct matmul alone = *base;
    alone.y = block.y = aside;
    alone.y_stride = block.y_stride = base->n;
    alone.accumulate = 0;
    linear_product(run->ws, job->packed, out, &alone, &run->prepared[j], scratch);
    adapted_apply(run->ws, &block, scratch, aside + base->m * base->n);
    for (size_t i = 0; i < base->m; i++) {
        float *y = base->y + i * base->y_stride;
        if (job->accumulate)
            run->ws->kernels->add(y, aside + i * base->n, base->n);
        else
            memcpy(y, aside + i * base->n, base->n * sizeof *y);
    }
}

static void run_task(void *context, size_t index, unsigned thread) {
    const struct run *run = context;
    size_t j = 0;
    while (index >= run->first[j + 1]) j++;
    const struct linear_job *job = &run->jobs[j];
    const struct cut *cut = &run->cuts[j];
    size_t task = index - run->first[j];
    size_t block = task % cut->row_blocks, out = task / cut->row_blocks * cut->out_block;
    size_t row = job->rows * block / cut->row_blocks;
    const float *x = run->scaled[j] ? run->scaled[j] : job->x;
    size_t x_stride = run->scaled[j] ? run->scaled_stride[j] : job->x_stride;
    struct matmul matmul = {
        .y = job->y + row * job->y_stride + out,
        .x = x + row * x_stride,
        .w = job->weight + out * job->in,
        .bias = job->bias ? job->bias + out : NULL,
        .y_stride = job->y_stride,
        .x_stride = x_stride,
        .w_stride = job->in,
        .m = job->rows * (block + 1) / cut->row_blocks - row,
        .n = job->out - out < cut->out_block ? job->out - out : cut->out_block,
        .k = job->in,
        .scale = 1.0f,
        .accumulate = job->accumulate,
    };
    if (job->adapted != ADAPTED_SCALES)
        linear_product(run->ws, job->packed, out, &matmul, &run->prepared[j],
                       run->ws->scratch[thread]);
    if (job->adapted != ADAPTED_NOT) run_adapted(run, j, &matmul, row, out, thread);
    if (job->activation)
        for (size_t i = 0; i < matmul.m; i++)
            job->activation(matmul.y + i * matmul.y_stride, matmul.n);
}

static void run_jobs(struct workspace *ws, struct run *run, const struct linear_job *jobs,
                     size_t count) {
    size_t weights = 0;
    run->ws = ws;
    run->jobs = jobs;
    for (size_t j = 0; j < count; j++) {
        run->cuts[j] = cut_job(ws, &jobs[j]);
        run->first[j + 1] = run->first[j] + run->cuts[j].row_blocks * run->cuts[j].out_blocks;
        weights += jobs[j].out * jobs[j].in;
    }
    size_t tasks = run->first[count];
    if (jobs[0].rows <= KERNELS_FEW_ROWS && weights * sizeof(float) <= STREAM_BYTES)
        /* A(x) of a step is over before another thread has woken up. */
        for (size_t i = 0; i < tasks; i++) run_task(run, i, 0);
    else
        thread_pool_run(ws->pool, tasks, run_task, run);
}

/* A(x) of every job for each adapter: one run an adapter. */
static void run_inner(struct workspace *ws, const struct linear_job *jobs, size_t count,
                      struct run *run) {
    float *next[LINEAR_JOBS_MAX];
    for (size_t j = 0; j < count; j++) {
        run->inner[j] = next[j] = ws->lora_inner + j * jobs[0].rows * ws->extent.rank;
    }
    for (size_t u = 0; u < ws->active_count; u++) {
        struct linear_job down[LINEAR_JOBS_MAX];
        size_t adapted = 0;
        for (size_t j = 0; j < count; j++) {
            const struct effect *effect = &ws->active[u].effects[jobs[j].slot];
            if (!effect->rank) continue;
            down[adapted++] = (struct linear_job){
                .y = next[j],
                .x = jobs[j].x,
                .y_stride = effect->rank,
                .x_stride = jobs[j].x_stride,
                .rows = jobs[j].rows,
                .weight = effect->a,
                .out = effect->rank,
                .in = jobs[j].in,
            };
            next[j] += jobs[j].rows * effect->rank;
        }
        struct run inner = {0};
        if (adapted) run_jobs(ws, &inner, down, adapted);
    }
}

/* x * in_scale of job `j`, when an adapter scales its inputs: frame by frame, so that the windows of a
 * convolution overlap in the result as they do in x. */
static void scale_inputs(struct workspace *ws, const struct linear_job *job, size_t j,
                         struct run *run) {
    size_t channels = job->channels;
    int windows = channels < job->in;
    size_t stride = windows ? channels : job->x_stride;
    size_t frames = windows ? ((job->rows - 1) * job->x_stride + job->in) / channels : job->rows;
    for (size_t u = 0; u < ws->active_count; u++) {
        const float *scale = ws->active[u].effects[job->slot].in_scale;
        if (!scale) continue;
        float part = (float)ws->active[u].weight, *scaled = ws->scaled + j * ws->scaled_room;
        const float *x = run->scaled[j] ? scaled : job->x;
        size_t step = run->scaled[j] ? channels : stride;
        for (size_t i = 0; i < frames; i++)
            for (size_t c = 0; c < channels; c++)
                scaled[i * channels + c] = x[i * step + c] * (1 + part * (scale[c] - 1));
        run->scaled[j] = scaled;
        run->scaled_stride[j] = windows ? job->x_stride : channels;
    }
}

/* The rows of every job in the precision of its weight; jobs that share an input share them. */
static void prepare_rows(struct workspace *ws, const struct linear_job *jobs, size_t count,
                         struct run *run) {
    size_t room = linear_prepared_bytes(ws, jobs[0].rows, ws->prepared_longest);
    for (size_t j = 0; j < count; j++) {
        const struct linear_job *job = &jobs[j];
        if (!job->packed) continue;
        if (j > 0 && jobs[j - 1].packed && job->x == jobs[j - 1].x && !run->scaled[j] &&
            !run->scaled[j - 1] && job->packed->precision == jobs[j - 1].packed->precision) {
            run->prepared[j] = run->prepared[j - 1];
            continue;
        }
        const float *x = run->scaled[j] ? run->scaled[j] : job->x;
        size_t stride = run->scaled[j] ? run->scaled_stride[j] : job->x_stride;
        run->prepared[j] =
            linear_prepare(ws, job->packed->precision, x, stride, job->rows, job->in,
                           ws->prepared + j * room, ws->prepared_scale + j * job->rows);
    }
}

void linear_run(struct workspace *ws, struct linear_job *jobs, size_t count) {
    struct run run = {0};
    int adapted = 0;
    /* Room for prepared rows is that of a step of the decoder. */
    for (size_t j = 0; j < count; j++)
        if (jobs[j].rows > ws->extent.beams) jobs[j].packed = NULL;
    for (size_t j = 0; j < count; j++) adapted |= jobs[j].adapted != ADAPTED_NOT;
    if (adapted) run_inner(ws, jobs, count, &run);
    for (size_t j = 0; j < count && ws->extent.scales_inputs; j++)
        scale_inputs(ws, &jobs[j], j, &run);
    prepare_rows(ws, jobs, count, &run);
    run_jobs(ws, &run, jobs, count);
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
