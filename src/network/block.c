/* block.c - see block.h: linear layers over a block of rows, on one thread, with what adapters do
 * to them.
 *
 * The input is prepared once for all layers that share it, and A(x) is computed where it is used,
 * while its rows are in the cache. */
#include "network/block.h"

#include <string.h>

#include "network/linear.h"

/* ---------------------------------------------------------------------------- convolutions */

/* The one scale that suits all frames: windows overlap, so a frame has the same in each. It is NaN
 * if that of any frame is. */
static float common_scale(const float *scale, size_t frames) {
    float largest = 0;
    for (size_t i = 0; i < frames; i++) {
        if (scale[i] != scale[i]) return scale[i];
        if (scale[i] > largest) largest = scale[i];
    }
    return largest;
}

/* The frames that the windows of a convolution cover, each prepared once. */
static struct prepared prepare_windows(const struct block *b, const struct linear_job *job,
                                       const float *x) {
    struct scratch *scratch = b->scratch;
    pst_precision precision = job->packed->precision;
    const struct packed_kernels *kernels = b->ws->kernels->packed[precision];
    if (!kernels->prepare) return (struct prepared){x, job->x_stride * sizeof *x, NULL, 0};
    size_t channels = job->channels, bytes = channels * kernels->element_bytes;
    size_t frames = ((job->rows - 1) * job->x_stride + job->in) / channels;
    float *scale = scratch->prepared_scale;
    kernels->prepare(scratch->prepared, bytes, scale, NULL, x, channels, frames, channels);
    if (precision == PST_PRECISION_INT8) {
        float fixed = scale[0] = common_scale(scale, frames);
        kernels->prepare(scratch->prepared, bytes, NULL, &fixed, x, channels, frames, channels);
    }
    memset(scratch->prepared + frames * bytes, 0, PACKED_SLACK);
    return (struct prepared){scratch->prepared, job->x_stride * kernels->element_bytes, scale, 0};
}

/* -------------------------------------------------------------------------------- products */

/* An input that has been prepared, for the next layer that has the same. */
struct shared {
    const float *x; /* NULL: none */
    pst_precision precision;
    struct prepared prepared;
};

static void prepare(const struct block *b, const struct linear_job *job, const struct matmul *base,
                    struct shared *shared) {
    pst_precision precision = job->packed->precision;
    if (shared->x == base->x && shared->precision == precision) return;
    shared->prepared = job->channels < job->in
                           ? prepare_windows(b, job, base->x)
                           : linear_prepare(b->ws, precision, base, b->scratch->prepared,
                                            b->scratch->prepared_scale);
    shared->x = base->x == job->x ? job->x : NULL; /* the next layer may scale it otherwise */
    shared->precision = precision;
}

/* A(x) [rows, rank] of each adapter, one after another. */
static void compute_lora_a(const struct block *b, const struct linear_job *job) {
    float *y = b->scratch->lora_a;
    for (size_t u = 0; u < b->ws->active_count; u++) {
        const struct effect *effect = &b->ws->active[u].effects[job->slot];
        if (!effect->rank) continue;
        linear_lora_a(b->ws, job, effect, y, 0, effect->rank, b->scratch->panel);
        y += job->rows * effect->rank;
    }
}

/* The outputs of a layer that adapters change. Scaled ones are computed aside, then added to y. */
static void multiply_adapted(const struct block *b, const struct linear_job *job,
                             struct matmul *base, const struct prepared *prepared) {
    struct scratch *scratch = b->scratch;
    int aside = job->adapted == ADAPTED_SCALES && job->accumulate;
    if (aside) {
        base->y = scratch->aside;
        base->y_stride = job->out;
        base->accumulate = 0;
    }
    linear_product(b->ws, job->packed, 0, base, prepared, scratch->panel);
    compute_lora_a(b, job);
    linear_adapt(b->ws, job, base, 0, scratch->lora_a, scratch);
    for (size_t i = 0; aside && i < job->rows; i++)
        b->ws->kernels->add(job->y + i * job->y_stride, scratch->aside + i * job->out, job->out);
}

/* A clip may end in a block of a few rows, and a stream comes in such: a row has the same values in
 * any block. */
static void multiply(const struct block *b, struct linear_job *job, struct shared *shared) {
    job->as_many = 1;
    struct matmul base = linear_matmul(b->ws, job, b->scratch->scaled);
    if (job->packed) prepare(b, job, &base, shared);
    if (job->adapted == ADAPTED_NOT)
        linear_product(b->ws, job->packed, 0, &base, &shared->prepared, b->scratch->panel);
    else
        multiply_adapted(b, job, &base, &shared->prepared);
}

void linear_each(const struct block *b, const struct projection *projections, size_t count,
                 const float *x) {
    struct shared shared = {0};
    for (size_t i = 0; i < count; i++) {
        const struct projection *projection = &projections[i];
        struct linear_job job = linear_job_of(b->ws, projection->linear, projection->y, x, b->rows);
        multiply(b, &job, &shared);
    }
}

void linear_rows(const struct block *b, float *y, const struct linear *linear, const float *x) {
    linear_each(b, &(struct projection){y, linear}, 1, x);
}

void linear_add(const struct block *b, float *h, const struct linear *linear, const float *x) {
    struct shared shared = {0};
    struct linear_job job = linear_job_of(b->ws, linear, h, x, b->rows);
    job.accumulate = 1;
    multiply(b, &job, &shared);
}

void conv_rows(const struct block *b, float *y, const struct conv *conv, const float *x,
               size_t rows) {
    struct shared shared = {0};
    struct linear_job job = linear_job_of_conv(b->ws, conv, y, x, rows);
    multiply(b, &job, &shared);
}

void gelu_rows(const struct block *b, float *x, size_t rows, size_t width) {
    for (size_t i = 0; i < rows; i++) b->ws->kernels->gelu(x + i * width, width);
}
