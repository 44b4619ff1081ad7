/* graph_embedder.c - samples to frames of the streaming family: frames of 80 samples brought to
 * unit power and compressed, a linear layer, two convolutions that look back only.
 *
 * Up to the compressed frames everything is float32, as the samples are: the power of a quiet
 * frame is below what float16 knows, and the numbers are few. A frame of zeros gives zeros up to
 * the first convolution: that is what the time after a clip has to be. */
#include "coreml/graph/graph.h"
#include "model/streaming.h"

/* asinh, which Core ML does not have: sign(x) log(|x| + sqrt(x^2 + 1)). */
static struct mil_value *asinh_of(struct graph *g, const struct mil_value *x) {
    struct mil_value *size = graph_unary(g, "abs", "size", x);
    struct mil_value *sign = graph_unary(g, "sign", "sign", x);
    struct mil_value *one = graph_float(g, "wide_one", 1), *none = graph_float(g, "wide_zero", 0);
    struct mil_value *y = graph_binary(g, "mul", "size_squared", size, size);
    y = graph_unary(g, "sqrt", "root", graph_binary(g, "add", "under_root", y, one));
    y = graph_binary(g, "add", "size_and_root", size, y);
    if (!y) return NULL;
    y = graph_op(g, "log", "logarithm", y->type, "x", y, "epsilon", none, NULL);
    return graph_binary(g, "mul", "compressed", sign, y);
}

/* asinh(k c / sqrt(mean(c^2) + epsilon)), c = x - mean(x), of frames [1, 1, frames, 80]. */
static struct mil_value *compress(struct graph *g, const struct mil_value *x) {
    const struct weights *weights = g->weights;
    const struct stored *log_k = &g->stored->modules[weights->compression_slot].weight;
    struct mil_value *k = graph_float(g, "compression", expf(*(const float *)log_k->data));
    struct mil_value *epsilon = graph_float(g, "power_epsilon", (float)STREAM_CMVN_EPSILON);
    struct mil_value *mean = graph_reduce(g, "reduce_mean", "mean", x, 3);
    struct mil_value *centred = graph_binary(g, "sub", "centred", x, mean);
    struct mil_value *power = graph_binary(g, "mul", "squares", centred, centred);
    power = graph_reduce(g, "reduce_mean", "power", power, 3);
    if (!power) return NULL;
    struct mil_value *factor =
        graph_op(g, "rsqrt", "factor", power->type, "x", power, "epsilon", epsilon, NULL);
    factor = graph_binary(g, "mul", "stretch", factor, k);
    return asinh_of(g, graph_binary(g, "mul", "stretched", centred, factor));
}

/* Samples [1, count] to [1, dim, 1, count / 80]. */
static struct mil_value *frames(struct graph *g, const struct mil_value *samples, int64_t count) {
    const enum mil_dtype dtype = g->dtype;
    int64_t rows = count / STREAM_FRAME_SAMPLES;
    g->dtype = MIL_F32;
    struct mil_value *x =
        graph_reshape(g, "frames", samples, SHAPE(1, 1, rows, STREAM_FRAME_SAMPLES));
    x = compress(g, x);
    g->dtype = dtype;
    if (dtype != MIL_F32) x = graph_cast(g, "compressed_inside", x, dtype);
    x = graph_transpose(g, "frames_last", x, (const int32_t[]){0, 3, 1, 2});
    x = graph_project(g, "linear", x, &g->weights->frames);
    return graph_unary(g, "silu", "silu", x);
}

/* x with the rows before it: zeros, or the last rows of the piece before, of which *tail becomes
 * those of this one. */
static struct mil_value *after(struct graph *g, const char *name, struct mil_value *x,
                               struct mil_value **tail) {
    if (!tail) return graph_pad(g, name, x, STREAM_PAD, 0, 0);
    const struct mil_value *parts[] = {*tail, x};
    int64_t rows = x ? x->type.dims[3] : 0;
    x = graph_concat(g, name, parts, 2, 3);
    *tail = graph_cut(g, mil_text(g->model, "%s_kept", name), x, rows, STREAM_PAD);
    return x;
}

struct mil_value *graph_embedder(struct graph *g, const struct mil_value *samples, int64_t count,
                                 struct graph_tails *tails) {
    const struct weights *weights = g->weights;
    graph_name(g, "embedder");
    struct mil_value *x = frames(g, samples, count);
    x = after(g, "frames_padded", x, tails ? &tails->frames : NULL);
    x = graph_conv(g, "conv1", x, weights->conv1.slot, STREAM_KERNEL, STREAM_STRIDE);
    x = graph_unary(g, "silu", "silu1", x);
    x = after(g, "conv1_padded", x, tails ? &tails->conv1 : NULL);
    return graph_conv(g, "conv2", x, weights->conv2.slot, STREAM_KERNEL, STREAM_STRIDE);
}
