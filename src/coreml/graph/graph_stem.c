/* graph_stem.c - samples to frames of the first family: three convolutions and a group norm.
 *
 * The convolutions look forward only, so the frames of a clip come out the same whatever fills it
 * up; in the group norm's means `frame_weights` keep what is behind the clip out. */
#include "coreml/graph/graph.h"

/* The group norm is taken of 4 times its input, which changes nothing but that epsilon times 16 is
 * a normal number of float16: a device that flushes others to 0 would divide silence by 0. */
static const float GROUP_NORM_SCALE = 4.0f;

/* Samples as blocks of 64 in 64 channels: a convolution over two blocks then is the first one, its
 * 127 taps filled up to 128, and no axis passes the 16,384 that the Neural Engine takes. */
static struct mil_value *blocks(struct graph *g, const struct mil_value *samples, int64_t count) {
    const struct mil_value *x = samples;
    if (x && x->type.rank == 2) x = graph_reshape(g, "rows", x, SHAPE(1, 1, count, STEM_STRIDE1));
    return graph_transpose(g, "blocks", x, (const int32_t[]){0, 3, 1, 2});
}

/* The mean over channels, then over frames: sums stay small. */
static struct mil_value *mean(struct graph *g, const char *name, const struct mil_value *x,
                              const struct mil_value *frame_weights) {
    struct mil_model *model = g->model;
    struct mil_value *y =
        graph_reduce(g, "reduce_mean", mil_text(model, "%s_of_frame", name), x, 1);
    if (frame_weights)
        y = graph_binary(g, "mul", mil_text(model, "%s_weighted", name), y, frame_weights);
    return graph_reduce(g, "reduce_mean", name, y, 3);
}

static struct mil_value *group_norm(struct graph *g, const struct mil_value *x,
                                    const struct mil_value *frame_weights) {
    const struct stored_module *module = &g->stored->modules[g->weights->groupnorm.slot];
    int64_t dim = g->config->dim;
    struct mil_value *scale = graph_float(g, "group_norm_scale", GROUP_NORM_SCALE);
    struct mil_value *scaled = graph_binary(g, "mul", "scaled", x, scale);
    struct mil_value *middle = mean(g, "mean", scaled, frame_weights);
    struct mil_value *centred = graph_binary(g, "sub", "centred", scaled, middle);
    struct mil_value *squares = graph_binary(g, "mul", "squares", centred, centred);
    struct mil_value *variance = mean(g, "variance", squares, frame_weights);
    struct mil_value *epsilon = graph_float(
        g, "group_norm_epsilon", (float)NORM_EPSILON * GROUP_NORM_SCALE * GROUP_NORM_SCALE);
    if (!variance) return NULL;
    struct mil_value *factor =
        graph_op(g, "rsqrt", "factor", variance->type, "x", variance, "epsilon", epsilon, NULL);
    struct mil_value *gamma = graph_stored(g, "weight", &module->weight, SHAPE(1, dim, 1, 1));
    struct mil_value *beta = graph_stored(g, "bias", &module->bias, SHAPE(1, dim, 1, 1));
    factor = graph_binary(g, "mul", "stretch", factor, gamma);
    return graph_binary(g, "add", "shifted", graph_binary(g, "mul", "normed", centred, factor),
                        beta);
}

struct mil_value *graph_stem(struct graph *g, const struct mil_value *samples, int64_t count,
                             const struct mil_value *frame_weights) {
    const struct weights *weights = g->weights;
    graph_name(g, "stem");
    struct mil_value *x = blocks(g, samples, count / STEM_STRIDE1);
    x = graph_conv(g, "conv1", x, weights->conv1.slot, 2, 1);
    x = graph_unary(g, "tanh", "tanh", x);
    graph_name(g, "stem_groupnorm");
    x = group_norm(g, x, frame_weights);
    graph_name(g, "stem");
    x = graph_conv(g, "conv2", x, weights->conv2.slot, STEM_KERNEL2, STEM_STRIDE2);
    x = graph_gelu(g, "gelu2", x);
    x = graph_conv(g, "conv3", x, weights->conv3.slot, STEM_KERNEL3, STEM_STRIDE3);
    return graph_gelu(g, "gelu3", x);
}
