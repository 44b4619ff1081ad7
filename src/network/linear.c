/* linear.c - see linear.h: a linear layer with the adapters in use, and its product on one
 * thread. */
#include "network/linear.h"

#include <string.h>

/* The packed weight, unless an adapter has replaced the weight, or the packed one is less precise
 * than the model was asked to be (the output matrix, see logits.h). */
static const struct packed *usable(const struct workspace *ws, uint32_t slot, const float *base,
                                   const float *weight) {
    const struct packed *packed = &ws->network->pack.packed[slot];
    int good = packed->data && base == weight && packed->precision <= ws->network->precision;
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
        .packed = usable(ws, linear->slot, linear->weight, weight),
        .out = linear->out,
        .in = linear->in,
        .channels = linear->in,
        .slot = linear->slot,
        .adapted = adapted_by(ws, linear->slot),
    };
}

/* A convolution over time-major rows: output t sees `kernel` rows of x from row t * stride on,
 * which lie one after the other in memory. Its weight is always packed, or an adapter's, in that
 * order. */
struct linear_job linear_job_of_conv(const struct workspace *ws, const struct conv *conv, float *y,
                                     const float *x, size_t rows) {
    struct linear linear = {.weight = conv->weight,
                            .bias = conv->bias,
                            .out = conv->out,
                            .in = conv->kernel * conv->in,
                            .slot = conv->slot};
    struct linear_job job = linear_job_of(ws, &linear, y, x, rows);
    job.x_stride = (size_t)conv->stride * conv->in;
    job.channels = conv->in;
    return job;
}

/* Frame by frame, so that windows of a convolution overlap in the result as they do in x. */
static void scale_inputs(const struct workspace *ws, const struct linear_job *job, float *scaled,
                         struct matmul *base) {
    int windows = job->channels < job->in;
    size_t channels = job->channels, step = windows ? channels : job->x_stride;
    size_t frames = windows ? ((job->rows - 1) * job->x_stride + job->in) / channels : job->rows;
    for (size_t u = 0; u < ws->active_count; u++) {
        const float *scale = ws->active[u].effects[job->slot].in_scale;
        if (!scale) continue;
        float part = (float)ws->active[u].weight;
        for (size_t i = 0; i < frames; i++)
            for (size_t c = 0; c < channels; c++)
                scaled[i * channels + c] = base->x[i * step + c] * (1 + part * (scale[c] - 1));
        base->x = scaled;
        base->x_stride = windows ? job->x_stride : channels;
        step = channels;
    }
}

struct matmul linear_matmul(const struct workspace *ws, const struct linear_job *job,
                            float *scaled) {
    struct matmul base = {
        .y = job->y,
        .x = job->x,
        .w = job->weight,
        .bias = job->bias,
        .y_stride = job->y_stride,
        .x_stride = job->x_stride,
        .w_stride = job->in,
        .m = job->rows,
        .n = job->out,
        .k = job->in,
        .scale = 1.0f,
        .accumulate = job->accumulate,
        .as_many = job->as_many,
    };
    if (ws->extent.scales_inputs) scale_inputs(ws, job, scaled, &base);
    return base;
}

/* --------------------------------------------------------------------------- prepared rows */

static size_t padded(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

size_t linear_prepared_bytes(const struct workspace *ws, size_t rows, size_t k) {
    /* int8 models have layers in bf16. */
    size_t element = ws->kernels->packed[PST_PRECISION_BF16]->element_bytes;
    if (ws->network->precision == PST_PRECISION_F32) return 0;
    return rows * padded(k * element) + PACKED_SLACK;
}

struct prepared linear_prepare(const struct workspace *ws, pst_precision precision,
                               const struct matmul *base, void *memory, float *scale) {
    const struct packed_kernels *kernels = ws->kernels->packed[precision];
    if (!kernels->prepare)
        return (struct prepared){base->x, base->x_stride * sizeof *base->x, NULL, 0};
    size_t bytes = base->k * kernels->element_bytes, stride = padded(bytes), rows = base->m;
    unsigned char *row = memory;
    kernels->prepare(memory, stride, scale, NULL, base->x, base->x_stride, rows, base->k);
    /* Kernels may read past a row, and must not find values of an earlier clip there. */
    for (size_t i = 0; i < rows && stride > bytes; i++, row += stride)
        memset(row + bytes, 0, stride - bytes);
    memset((unsigned char *)memory + rows * stride, 0, PACKED_SLACK);
    return (struct prepared){memory, stride, scale, 1};
}

/* -------------------------------------------------------------------------------- products */

void linear_product(const struct workspace *ws, const struct packed *packed, size_t first,
                    const struct matmul *base, const struct prepared *x, float *panel) {
    if (!packed) {
        ws->kernels->matmul(base, panel);
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

void linear_lora_a(const struct workspace *ws, const struct linear_job *job,
                   const struct effect *effect, float *y, size_t first, size_t last, float *panel) {
    struct matmul matmul = {
        .y = y + first,
        .x = job->x,
        .w = effect->a + first * job->in,
        .y_stride = effect->rank,
        .x_stride = job->x_stride,
        .w_stride = job->in,
        .m = job->rows,
        .n = last - first,
        .k = job->in,
        .scale = 1.0f,
        .as_many = job->as_many,
    };
    ws->kernels->matmul(&matmul, panel);
}

void linear_adapt(const struct workspace *ws, const struct linear_job *job,
                  const struct matmul *base, size_t first, const float *lora_a,
                  struct scratch *scratch) {
    struct adapted_outputs outputs = {
        .slot = job->slot,
        .y = base->y,
        .y_stride = base->y_stride,
        .x = job->x,
        .x_stride = job->x_stride,
        .in = job->in,
        .bias = base->bias,
        .rows = base->m,
        .first_out = first,
        .outs = base->n,
        .lora_a = lora_a,
        .as_many = job->as_many,
    };
    adapted_apply(ws, &outputs, scratch);
}
