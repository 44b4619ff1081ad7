/* op_conv.c - convolution in one, two or three dimensions: the windows of the input are laid out as the
 * columns of a matrix, and the weights multiply it. */
#include <stdlib.h>

#include "coreml/ops/op_product.h"

enum { SPACE_MAX = 3 };

/* One image, spatial dimensions filled up to three from the front. */
struct conv {
    size_t in[SPACE_MAX], out[SPACE_MAX], kernel[SPACE_MAX];
    size_t stride[SPACE_MAX], dilation[SPACE_MAX], before[SPACE_MAX];
    size_t batch, groups, channels, outs; /* channels and outs of one group */
    size_t in_count, out_count, taps;     /* products of the above */
};

static int64_t window(const struct conv *conv, int d) {
    return (int64_t)(conv->kernel[d] - 1) * (int64_t)conv->dilation[d] + 1;
}

/* Padding and output length along dimension d. 0: what does not exist. */
static int measure(struct conv *conv, int d, int pad_type, const int32_t pad[2]) {
    enum { VALID, CUSTOM, SAME, SAME_LOWER };
    int64_t before = 0, after = 0, in = (int64_t)conv->in[d], stride = (int64_t)conv->stride[d];
    if (pad_type == CUSTOM) {
        before = pad[0];
        after = pad[1];
    } else if (pad_type == SAME || pad_type == SAME_LOWER) {
        int64_t out = (in + stride - 1) / stride;
        int64_t total = (out - 1) * stride + window(conv, d) - in;
        if (total < 0) total = 0;
        before = pad_type == SAME ? total / 2 : total - total / 2;
        after = total - before;
    }
    int64_t room = in + before + after - window(conv, d);
    if (before < 0 || after < 0 || room < 0) return 0;
    conv->before[d] = (size_t)before;
    conv->out[d] = (size_t)(room / stride) + 1;
    return 1;
}

static pst_status read_shape(struct op_call *call, const struct mil_type *x,
                             const struct mil_type *weight, struct conv *conv) {
    uint32_t space = x->rank - 2;
    int32_t strides[SPACE_MAX] = {1, 1, 1}, dilations[SPACE_MAX] = {1, 1, 1};
    int32_t pad[2 * SPACE_MAX] = {0}, groups = 1;
    int pad_type = 0;
    pst_status status = op_ints_of(call, "strides", space, strides);
    if (status == PST_OK) status = op_ints_of(call, "dilations", space, dilations);
    if (status == PST_OK) status = op_ints_of(call, "pad", 2 * (size_t)space, pad);
    if (status == PST_OK) status = op_int(call, "groups", &groups);
    if (status == PST_OK)
        status = op_choice(call, "pad_type", "valid|custom|same|same_lower", &pad_type);
    if (status) return status;
    if (groups < 1 || x->dims[1] % groups || weight->dims[0] % groups ||
        x->dims[1] / groups != weight->dims[1])
        return op_error(call, PST_ERR_MODEL, "the channels of x and weight do not fit");
    conv->batch = (size_t)x->dims[0];
    conv->groups = (size_t)groups;
    conv->channels = (size_t)weight->dims[1];
    conv->outs = (size_t)weight->dims[0] / conv->groups;
    for (int d = 0; d < SPACE_MAX; d++) {
        int from = d - (SPACE_MAX - (int)space);
        conv->in[d] = conv->kernel[d] = conv->stride[d] = conv->dilation[d] = conv->out[d] = 1;
        if (from < 0) continue;
        if (strides[from] < 1 || dilations[from] < 1 || weight->dims[from + 2] < 1 ||
            weight->dims[from + 2] > INT32_MAX)
            return op_error(call, PST_ERR_MODEL, "has a stride, dilation or kernel below 1");
        conv->in[d] = (size_t)x->dims[from + 2];
        conv->kernel[d] = (size_t)weight->dims[from + 2];
        conv->stride[d] = (size_t)strides[from];
        conv->dilation[d] = (size_t)dilations[from];
        if (!measure(conv, d, pad_type, pad + 2 * from))
            return op_error(call, PST_ERR_MODEL, "the kernel is larger than the padded input");
    }
    conv->in_count = conv->in[0] * conv->in[1] * conv->in[2];
    conv->taps = conv->kernel[0] * conv->kernel[1] * conv->kernel[2];
    return PST_OK;
}

/* The input under one tap, at every output of a line: to [out[2]]. */
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
    size_t k = conv->channels * conv->taps;
    struct matmul matmul = {
        .y = y,
        .y_stride = conv->out_count,
        .m = conv->outs,
        .n = conv->out_count,
        .k = k,
        .x = weight,
        .x_stride = k,
        .w = columns,
        .w_stride = conv->out_count,
        .scale = 1,
        .w_is_kn = 1,
    };
    if (conv->out_count == 1) { /* a vector: the weights are streamed once */
        matmul.m = 1;
        matmul.n = matmul.y_stride = conv->outs;
        matmul.x = columns;
        matmul.w = weight;
        matmul.w_stride = k;
        matmul.w_is_kn = 0;
        matmul.bias = bias;
    } else if (bias) {
        matmul.accumulate = 1;
        for (size_t o = 0; o < conv->outs; o++)
            for (size_t i = 0; i < conv->out_count; i++) y[o * conv->out_count + i] = bias[o];
    }
    return op_product(call, &matmul);
}

static pst_status convolve(struct op_call *call, const struct conv *conv, float *y, const float *x,
                           const float *weight, const float *bias) {
    int plain = conv->taps == 1 && conv->in_count == conv->out_count;
    for (int d = 0; d < SPACE_MAX; d++) plain = plain && conv->stride[d] == 1 && !conv->before[d];
    float *columns = NULL;
    size_t room;
    pst_status status = PST_OK;
    if (!checked_mul(conv->channels * conv->taps, conv->out_count, &room))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    if (!plain) status = op_floats_new(call, room, &columns);
    for (size_t i = 0; status == PST_OK && i < conv->batch * conv->groups; i++) {
        size_t group = i % conv->groups;
        struct layout_job job = {conv, columns, x + i * conv->channels * conv->in_count};
        if (!plain) status = op_work(call, room, 1, 1);
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
    const struct mil_tensor *x, *weight, *bias;
    struct mil_tensor *y;
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_floats(call, "weight", &weight);
    if (status == PST_OK) status = op_optional(call, "bias", 1, &bias);
    if (status) return status;
    if (x->type.rank < 3 || x->type.rank > 2 + SPACE_MAX || weight->type.rank != x->type.rank ||
        (bias && (bias->type.rank != 1 || bias->type.dims[0] != weight->type.dims[0])))
        return op_error(call, PST_ERR_MODEL, "the shapes of x, weight and bias do not fit");
    struct conv conv = {0};
    status = read_shape(call, &x->type, &weight->type, &conv);
    if (status) return status;
    struct mil_type type = x->type;
    type.dims[1] = weight->type.dims[0];
    for (uint32_t i = 2; i < type.rank; i++)
        type.dims[i] = (int64_t)conv.out[i + SPACE_MAX - type.rank];
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    conv.out_count = conv.out[0] * conv.out[1] * conv.out[2];
    return convolve(call, &conv, y->f, x->f, weight->f, bias ? bias->f : NULL);
}

const struct op_entry op_conv_entries[] = {
    {"conv", run_conv, 0, 0},
    {0},
};
