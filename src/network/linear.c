/* linear.c - see linear.h: what a map is with the adapters in use, and its product on one thread. */
#include "network/linear.h"

#include <string.h>

/* The packed weight, where it is what a map multiplies by: not when an adapter has replaced the weight,
 * and not when it is less precise than the model was asked to be (the output matrix, see logits.h). */
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
        .packed = usable(ws, conv->slot, conv->weight, weight),
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
    return ws->network->precision == PRECISION_F32 ? 0 : rows * padded(k * element) + PACKED_SLACK;
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

/* ---------------------------------------------------------------------------------- light rows */

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
