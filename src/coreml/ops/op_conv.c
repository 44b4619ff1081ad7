/* op_conv.c - convolution in one, two or three dimensions: the windows of the input are laid out as
 * the columns of a matrix, and the weights multiply it. */
#include <stdlib.h>

#include "base/checked.h"
#include "coreml/ops/op_product.h"
#include "coreml/ops/tensor_walk.h"

enum { SPACE_MAX = 3 };

/* ----------------------------------------------------------------------------------------- rule */

enum { VALID, CUSTOM, SAME, SAME_LOWER };

static int pad_type(struct op_call *call) {
    return op_choice(call, "pad_type",
                     call->specification >= 7 ? "valid|custom|same|same_lower"
                                              : "valid|custom|same");
}

/* One of the axes that a kernel moves along. */
struct axis {
    int64_t stride, dilation, before, after; /* padding */
    int64_t out;                             /* MIL_UNKNOWN: not known yet; 0: there is none */
};

static struct axis axis_of(struct op_call *call, size_t i) {
    const struct mil_type *x = op_type(call, "x"), *weight = op_type(call, "weight");
    int64_t size = x->dims[i + 2], kernel = weight->dims[i + 2];
    struct axis axis = {0};
    int type = pad_type(call);
    op_element(call, "strides", i, &axis.stride);
    op_element(call, "dilations", i, &axis.dilation);
    if (type == CUSTOM) {
        op_element(call, "pad", 2 * i, &axis.before);
        op_element(call, "pad", 2 * i + 1, &axis.after);
    }
    if (axis.stride < 1 || size < 0 || kernel < 0) {
        axis.out = MIL_UNKNOWN;
        return axis;
    }
    int64_t reach = (kernel - 1) * axis.dilation + 1;
    if (type == SAME || type == SAME_LOWER) { /* an output for each stride that begins in x */
        axis.out = (size + axis.stride - 1) / axis.stride;
        int64_t pads = (axis.out - 1) * axis.stride + reach - size;
        if (pads > 0) axis.before = type == SAME ? pads / 2 : pads - pads / 2;
        return axis;
    }
    size += axis.before + axis.after;
    axis.out = size < reach ? 0 : (size - reach) / axis.stride + 1;
    return axis;
}

static int infer_axes(struct op_call *call, struct mil_type *type) {
    const struct mil_type *weight = op_type(call, "weight");
    int64_t strides[OP_INTS_MAX], pad[OP_INTS_MAX], dilations[OP_INTS_MAX];
    uint32_t axes = type->rank - 2;
    if (pad_type(call) < 0 || !op_has_length(call, "strides", axes) ||
        !op_has_length(call, "pad", 2 * axes) || !op_has_length(call, "dilations", axes))
        return 0;
    if (op_ints(call, "strides", strides) < 0 || op_ints(call, "pad", pad) < 0 ||
        op_ints(call, "dilations", dilations) < 0)
        return op_refuse(call, "strides, pad and dilations are not constants");
    for (uint32_t i = 0; i < axes; i++) {
        if (strides[i] < 1 || dilations[i] < 1 || pad[2 * i] < 0 || pad[2 * i + 1] < 0)
            return op_refuse(call, "a stride or dilation is below 1 or a pad below 0");
        if (weight->dims[i + 2] == 0)
            return op_refuse(call, "its kernel is empty along axis %u", (unsigned)i + 2);
        type->dims[i + 2] = axis_of(call, i).out;
        if (type->dims[i + 2] == 0)
            return op_refuse(call, "its kernel of %lld is longer than axis %u",
                             (long long)weight->dims[i + 2], (unsigned)i + 2);
    }
    return 1;
}

static int infer_conv(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *weight = op_type(call, "weight");
    struct mil_type type = *x;
    int64_t groups = op_int(call, "groups", 0);
    if (x->rank < 3 || x->rank > 2 + SPACE_MAX || weight->rank != x->rank)
        return op_refuse(call, "x has rank %u and weight %u, expected both 3, 4 or 5",
                         (unsigned)x->rank, (unsigned)weight->rank);
    if (groups < 1 || (weight->dims[0] >= 0 && weight->dims[0] % groups != 0))
        return op_refuse(call, "groups is %lld for %lld channels", (long long)groups,
                         (long long)weight->dims[0]);
    if (x->dims[1] >= 0 && weight->dims[1] >= 0 && x->dims[1] != weight->dims[1] * groups)
        return op_refuse(call, "x has %lld channels, the weight takes %lld", (long long)x->dims[1],
                         (long long)weight->dims[1] * groups);
    if (!op_has_length(call, "bias", weight->dims[0])) return 0;
    type.dims[1] = weight->dims[0];
    return infer_axes(call, &type) && op_give(call, type);
}

/* ----------------------------------------------------------------------------------------- code */

/* One image, spatial dimensions filled up to three from the front. */
struct conv {
    size_t in[SPACE_MAX], out[SPACE_MAX], kernel[SPACE_MAX];
    size_t stride[SPACE_MAX], dilation[SPACE_MAX], before[SPACE_MAX];
    size_t batch, groups, channels, outs; /* channels and outs of one group */
    size_t in_count, out_count, taps;     /* products of the above */
};

static struct conv conv_of(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *weight = op_type(call, "weight");
    struct conv conv = {.batch = (size_t)x->dims[0],
                        .groups = (size_t)op_int(call, "groups", 1),
                        .channels = (size_t)weight->dims[1],
                        .in_count = 1,
                        .out_count = 1,
                        .taps = 1};
    conv.outs = (size_t)weight->dims[0] / conv.groups;
    for (size_t d = 0; d < SPACE_MAX; d++) {
        size_t missing = SPACE_MAX + 2 - x->rank, i = d - missing;
        conv.in[d] = conv.kernel[d] = conv.stride[d] = conv.dilation[d] = conv.out[d] = 1;
        if (d < missing) continue;
        struct axis axis = axis_of(call, i);
        conv.in[d] = (size_t)x->dims[i + 2];
        conv.kernel[d] = (size_t)weight->dims[i + 2];
        conv.stride[d] = (size_t)axis.stride;
        conv.dilation[d] = (size_t)axis.dilation;
        conv.before[d] = (size_t)axis.before;
        conv.out[d] = (size_t)axis.out;
        conv.in_count *= conv.in[d];
        conv.taps *= conv.kernel[d];
        conv.out_count *= conv.out[d];
    }
    return conv;
}

/* The input under one tap of the kernel, for every output of a line: to [out[2]]. */
static void copy_line(const struct conv *conv, float *to, const float *line, size_t tap) {
    size_t length = conv->in[2], at = tap * conv->dilation[2];
    for (size_t i = 0; i < conv->out[2]; i++, at += conv->stride[2])
        to[i] = line && at >= conv->before[2] && at - conv->before[2] < length
                    ? line[at - conv->before[2]]
                    : 0;
}

/* Columns of one channel: to [taps, out_count]. */
static void lay_out(const struct conv *conv, float *to, const float *x) {
    for (size_t tap = 0; tap < conv->taps; tap++) {
        size_t tap0 = tap / (conv->kernel[1] * conv->kernel[2]);
        size_t tap1 = tap / conv->kernel[2] % conv->kernel[1], tap2 = tap % conv->kernel[2];
        for (size_t i = 0; i < conv->out[0]; i++) {
            size_t row0 = i * conv->stride[0] + tap0 * conv->dilation[0] - conv->before[0];
            for (size_t j = 0; j < conv->out[1]; j++, to += conv->out[2]) {
                size_t row1 = j * conv->stride[1] + tap1 * conv->dilation[1] - conv->before[1];
                int inside = row0 < conv->in[0] && row1 < conv->in[1]; /* below zero wraps */
                copy_line(conv, to, inside ? x + (row0 * conv->in[1] + row1) * conv->in[2] : NULL,
                          tap2);
            }
        }
    }
}

struct layout_job {
    const struct conv *conv;
    float *columns;
    const float *x;
};

static void lay_out_channels(void *context, size_t first, size_t count) {
    const struct layout_job *job = context;
    const struct conv *conv = job->conv;
    for (size_t c = first; c < first + count; c++)
        lay_out(conv, job->columns + c * conv->taps * conv->out_count, job->x + c * conv->in_count);
}

/* One group of one image: y [outs, out_count], columns [channels * taps, out_count]. */
static pst_status multiply(struct op_call *call, const struct conv *conv, float *y,
                           const float *columns, const float *weight, const float *bias) {
    struct matmul matmul = {
        .y = y,
        .m = conv->outs,
        .n = conv->out_count,
        .k = conv->channels * conv->taps,
        .x = weight,
        .w = columns,
        .scale = 1,
        .w_is_kn = 1,
    };
    if (conv->out_count == 1) { /* a vector: the weights are streamed once */
        matmul.m = 1;
        matmul.n = conv->outs;
        matmul.x = columns;
        matmul.w = weight;
        matmul.w_is_kn = 0;
        matmul.bias = bias;
    } else if (bias) {
        matmul.accumulate = 1;
        for (size_t o = 0; o < conv->outs; o++)
            for (size_t i = 0; i < conv->out_count; i++) y[o * conv->out_count + i] = bias[o];
    }
    return op_product(call, matmul);
}

static pst_status convolve(struct op_call *call, const struct conv *conv, float *y, const float *x,
                           const float *weight, const float *bias) {
    int plain = conv->taps == 1 && conv->in_count == conv->out_count;
    for (int d = 0; d < SPACE_MAX; d++) plain = plain && conv->stride[d] == 1 && !conv->before[d];
    float *columns = NULL;
    size_t count;
    pst_status status = PST_OK;
    if (!checked_mul(conv->channels * conv->taps, conv->out_count, &count))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    if (!plain) status = op_floats_new(call, count, &columns);
    for (size_t i = 0; status == PST_OK && i < conv->batch * conv->groups; i++) {
        size_t group = i % conv->groups;
        struct layout_job job = {conv, columns, x + i * conv->channels * conv->in_count};
        if (!plain) status = op_work(call, count, 1, 1);
        if (!plain && status == PST_OK) op_spread(call, conv->channels, 8, lay_out_channels, &job);
        if (status == PST_OK)
            status =
                multiply(call, conv, y + i * conv->outs * conv->out_count, plain ? job.x : columns,
                         weight + group * conv->outs * conv->channels * conv->taps,
                         bias ? bias + group * conv->outs : NULL);
    }
    free(columns);
    return status;
}

static pst_status run_conv(struct op_call *call) {
    const struct mil_tensor *bias = op_tensor(call, "bias");
    struct conv conv = conv_of(call);
    return convolve(call, &conv, op_result(call, 0)->f, op_tensor(call, "x")->f,
                    op_tensor(call, "weight")->f, bias ? bias->f : NULL);
}

const struct op_row op_conv_rows[] = {
    {"conv", 6,
     "x F, weight g, bias? g1, strides! i1, pad_type! s0, pad! i1, dilations! i1, groups! i0",
     infer_conv, run_conv, 0, 0},
    {0},
};
