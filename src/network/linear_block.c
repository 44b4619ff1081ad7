/* linear_block.c - a block of rows through linear maps, on one thread, with all that adapters do to it.
 *
 * In the order that suits rows which stay in a cache: the input is prepared once for all maps that share
 * it, and A(x) is computed where it is used. */
#include <string.h>

#include "kernels/kernels.h"
#include "network/linear.h"

static int has_windows(const struct linear_job *job) {
    return job->channels < job->in;
}

/* Frames that the windows of a convolution cover. */
static size_t frames_of(const struct linear_job *job) {
    return ((job->rows - 1) * job->x_stride + job->in) / job->channels;
}

/* x * in_scale, if an adapter in use scales the inputs of this map: frame by frame, so that windows
 * overlap in the result as they do in x. Returns what the base multiplies. */
static const float *scale_inputs(const struct workspace *ws, const struct linear_job *job,
                                 size_t *stride, float *scaled) {
    size_t channels = job->channels, frames = has_windows(job) ? frames_of(job) : job->rows;
    const float *x = job->x;
    size_t step = has_windows(job) ? channels : job->x_stride;
    *stride = job->x_stride;
    for (size_t u = 0; u < ws->active_count; u++) {
        const float *scale = ws->active[u].effects[job->slot].in_scale;
        if (!scale) continue;
        float part = (float)ws->active[u].weight;
        for (size_t i = 0; i < frames; i++)
            for (size_t c = 0; c < channels; c++)
                scaled[i * channels + c] = x[i * step + c] * (1 + part * (scale[c] - 1));
        x = scaled;
        step = channels;
        *stride = has_windows(job) ? job->x_stride : channels;
    }
    return x;
}

/* The one scale that suits all frames: windows overlap, so a frame has the same in each. A scale that is
 * not a number stands for a frame that has one. */
static float common_scale(const float *scale, size_t frames) {
    float largest = 0;
    for (size_t i = 0; i < frames; i++) {
        if (scale[i] != scale[i]) return scale[i];
        if (scale[i] > largest) largest = scale[i];
    }
    return largest;
}

static struct prepared prepare_windows(const struct workspace *ws, const struct linear_job *job,
                                       const float *x, struct block_room *room) {
    enum precision precision = job->packed->precision;
    const struct packed_kernels *kernels = ws->kernels->packed[precision];
    if (!kernels->prepare) return (struct prepared){x, job->x_stride * sizeof *x, NULL, 0};
    size_t frames = frames_of(job), channels = job->channels;
    size_t bytes = channels * kernels->element_bytes;
    struct prepared prepared = {room->prepared, job->x_stride * kernels->element_bytes, room->scale,
                                0};
    kernels->prepare(room->prepared, bytes, room->scale, NULL, x, channels, frames, channels);
    if (precision == PRECISION_INT8) {
        room->scale[0] = common_scale(room->scale, frames);
        float fixed = room->scale[0];
        kernels->prepare(room->prepared, bytes, NULL, &fixed, x, channels, frames, channels);
    }
    memset(room->prepared + frames * bytes, 0, PACKED_SLACK);
    return prepared;
}

/* A(x) [rows, rank] of each adapter, one after another. */
static void find_inner(const struct workspace *ws, const struct linear_job *job,
                       struct block_room *room) {
    float *inner = room->inner;
    for (size_t u = 0; u < ws->active_count; u++) {
        const struct effect *effect = &ws->active[u].effects[job->slot];
        if (!effect->rank) continue;
        struct matmul down = {
            .y = inner,
            .x = job->x,
            .w = effect->a,
            .y_stride = effect->rank,
            .x_stride = job->x_stride,
            .w_stride = job->in,
            .m = job->rows,
            .n = effect->rank,
            .k = job->in,
            .scale = 1.0f,
        };
        ws->kernels->matmul(&down, room->panel);
        inner += job->rows * effect->rank;
    }
}

/* The finished outputs of a map whose base adapters change. */
static void multiply_adapted(const struct workspace *ws, const struct linear_job *job,
                             struct matmul *base, const struct prepared *prepared,
                             struct block_room *room) {
    int aside = job->adapted == ADAPTED_SCALES && job->accumulate;
    if (aside) {
        base->y = room->aside;
        base->y_stride = job->out;
        base->accumulate = 0;
    }
    linear_product(ws, job->packed, 0, base, prepared, room->panel);
    find_inner(ws, job, room);
    struct adapted_block block = {
        .slot = job->slot,
        .y = base->y,
        .y_stride = base->y_stride,
        .x = job->x,
        .x_stride = job->x_stride,
        .in = job->in,
        .bias = job->bias,
        .rows = job->rows,
        .outs = job->out,
        .inner = room->inner,
        .all_rows = job->rows,
    };
    adapted_apply(ws, &block, room->panel, room->gains);
    for (size_t i = 0; aside && i < job->rows; i++)
        ws->kernels->add(job->y + i * job->y_stride, room->aside + i * job->out, job->out);
}

void linear_block(const struct workspace *ws, const struct linear_job *jobs, size_t count,
                  struct block_room *room) {
    struct prepared prepared = {0};
    const struct linear_job *owner = NULL; /* of what is prepared */
    for (size_t j = 0; j < count; j++) {
        const struct linear_job *job = &jobs[j];
        size_t stride;
        const float *x = scale_inputs(ws, job, &stride, room->scaled);
        int shared = owner && x == owner->x && stride == owner->x_stride && job->packed &&
                     job->packed->precision == owner->packed->precision;
        if (job->packed && !shared) {
            prepared = has_windows(job)
                           ? prepare_windows(ws, job, x, room)
                           : linear_prepare(ws, job->packed->precision, x, stride, job->rows,
                                            job->in, room->prepared, room->scale);
            owner = x == job->x ? job : NULL;
        }
        struct matmul base = {
            .y = job->y,
            .x = x,
            .w = job->weight,
            .bias = job->bias,
            .y_stride = job->y_stride,
            .x_stride = stride,
            .w_stride = job->in,
            .m = job->rows,
            .n = job->out,
            .k = job->in,
            .scale = 1.0f,
            .accumulate = job->accumulate,
        };
        if (job->adapted == ADAPTED_NOT)
            linear_product(ws, job->packed, 0, &base, &prepared, room->panel);
        else
            multiply_adapted(ws, job, &base, &prepared, room);
        for (size_t i = 0; job->activation && i < job->rows; i++)
            job->activation(job->y + i * job->y_stride, job->out);
    }
}
