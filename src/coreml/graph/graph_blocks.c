/* graph_blocks.c - what encoder and decoder are made of: norm, projection, rotary
 * positions, attention. */
#include <math.h>

#include "coreml/graph/graph.h"

/* The smallest number above 0 of float16. */
static const float F16_LEAST = 0x1p-24f;

/* Where the stream has no scale (convert_range.c), a position whose largest magnitude is over this
 * is scaled down to it before its norm. The residual stream of the published models reaches
 * thousands, whose squares are beyond float16; those of 8, summed over 1,000 channels, are not. A
 * position on the way to the norm keeps its relative precision, and the norm's epsilon is the exact
 * one below the limit and under 1e-4 of the variance above. */
static const float NORM_LIMIT = 8.0f;

static struct mil_value *limit(struct graph *g, const char *name, const struct mil_value *x) {
    struct mil_model *model = g->model;
    struct mil_value *bound = graph_float(g, "norm_limit", NORM_LIMIT), *y;
    y = graph_unary(g, "abs", mil_text(model, "%s_abs", name), x);
    y = graph_reduce(g, "reduce_max", mil_text(model, "%s_largest", name), y, 1);
    y = graph_binary(g, "maximum", mil_text(model, "%s_bound", name), y, bound);
    y = graph_binary(g, "real_div", mil_text(model, "%s_scale", name), bound, y);
    return graph_binary(g, "mul", mil_text(model, "%s_limited", name), x, y);
}

/* How many times the stream is halved. */
static int halvings(const struct graph *g) {
    return g->residual > 0 ? -ilogbf(g->residual) : 0;
}

struct mil_value *graph_begin_residual(struct graph *g, struct mil_value *x) {
    if (halvings(g) == 0) return x;
    struct mil_value *scale =
        graph_float(g, mil_text(g->model, "residual_scale_%d", halvings(g)), g->residual);
    return graph_binary(g, "mul", "residual", x, scale);
}

/* The variance is that of the scaled stream. */
static struct mil_value *epsilon_of(struct graph *g) {
    float value = ldexpf((float)NORM_EPSILON, -2 * halvings(g));
    if (halvings(g) == 0) return graph_float(g, "epsilon", value);
    if (value < F16_LEAST) value = F16_LEAST;
    return graph_float(g, mil_text(g->model, "epsilon_%d", halvings(g)), value);
}

struct mil_value *graph_layer_norm(struct graph *g, const char *name, const struct mil_value *x,
                                   const struct norm *norm) {
    const struct stored *stored = &g->stored->modules[norm->slot].weight;
    int32_t channels = 1;
    if (!x) return NULL;
    const struct mil_value *in = g->dtype == MIL_F16 && g->residual == 0 ? limit(g, name, x) : x;
    struct mil_value *axes = graph_ints(g, &channels, 1);
    struct mil_value *epsilon = epsilon_of(g);
    struct mil_value *gamma =
        graph_stored(g, mil_text(g->model, "%s_weight", name), stored, SHAPE(x->type.dims[1]));
    return graph_op(g, "layer_norm", name, x->type, "x", in, "axes", axes, "gamma", gamma,
                    "epsilon", epsilon, NULL);
}

struct mil_value *graph_project(struct graph *g, const char *name, const struct mil_value *x,
                                const struct linear *linear) {
    return graph_conv(g, name, x, linear->slot, 1, 1);
}

/* ------------------------------------------------------------------------------------ positions */

/* The rows of a head are stored as even members of the pairs, odd members, and the rest that is not
 * rotated (stored_weights.c). So the partners of all rows are the same rows in another order, and
 * the tables have a row for each: cos, cos, 1 and -sin, sin, 0. */
void graph_rotary_tables(const struct config *config, size_t positions, float *cosine, float *sine,
                         size_t position_stride, size_t row_stride) {
    size_t pairs = config->rotary_pairs;
    rotary_angles(config, positions, cosine, sine, position_stride, row_stride);
    for (size_t p = 0; p < positions; p++) {
        float *c = cosine + p * position_stride, *s = sine + p * position_stride;
        for (size_t even = 0; even < pairs; even++) {
            size_t odd = pairs + even;
            c[odd * row_stride] = c[even * row_stride];
            s[odd * row_stride] = s[even * row_stride];
            s[even * row_stride] *= -1;
        }
        for (size_t row = 2 * pairs; row < config->head_dim; row++) {
            c[row * row_stride] = 1;
            s[row * row_stride] = 0;
        }
    }
}

/* x [1, heads, head_dim, positions] */
static struct mil_value *rotate(struct graph *g, const char *name, const struct mil_value *x,
                                const struct mil_value *cosine, const struct mil_value *sine) {
    struct mil_model *model = g->model;
    int32_t pairs = (int32_t)g->config->rotary_pairs, width = (int32_t)g->config->head_dim;
    int32_t sizes[] = {pairs, pairs, width - 2 * pairs};
    size_t count = sizes[2] ? 3 : 2;
    struct mil_value *parts[3] = {0};
    graph_split(g, mil_text(model, "%s_part", name), x, 2, sizes, count, parts);
    const struct mil_value *swapped[] = {parts[1], parts[0], parts[2]};
    struct mil_value *partners =
        graph_concat(g, mil_text(model, "%s_partners", name), swapped, count, 2);
    struct mil_value *own = graph_binary(g, "mul", mil_text(model, "%s_own", name), x, cosine);
    partners = graph_binary(g, "mul", mil_text(model, "%s_other", name), partners, sine);
    return graph_binary(g, "add", name, own, partners);
}

void graph_rotate(struct graph *g, struct mil_value **q, struct mil_value **k,
                  const struct mil_value *cosine, const struct mil_value *sine) {
    const struct mil_value *both[] = {*q, *k};
    int32_t head_dim = (int32_t)g->config->head_dim;
    struct mil_value *parts[2] = {0};
    struct mil_value *x = graph_concat(g, "qk", both, 2, 1);
    if (x) {
        int32_t heads[] = {(int32_t)(*q)->type.dims[1] / head_dim,
                           (int32_t)(*k)->type.dims[1] / head_dim};
        x = rotate(g, "qk_rotated", graph_heads(g, "qk_heads", x, g->config->head_dim), cosine,
                   sine);
        graph_split(g, "qk_part", x, 1, heads, 2, parts);
    }
    *q = parts[0];
    *k = parts[1];
}

/* ------------------------------------------------------------------------------------ attention */

struct mil_value *graph_heads(struct graph *g, const char *name, const struct mil_value *x,
                              uint32_t head_dim) {
    if (!x) return NULL;
    const int64_t *dims = x->type.dims;
    return graph_reshape(g, name, x, SHAPE(1, dims[1] / head_dim, head_dim, dims[3]));
}

struct mil_value *graph_attend(struct graph *g, const char *name, const struct mil_value *q,
                               const struct mil_value *k, const struct mil_value *v,
                               const struct mil_value *mask) {
    struct mil_model *model = g->model;
    if (!q) return NULL;
    int64_t width = q->type.dims[1] * q->type.dims[2], queries = q->type.dims[3];
    struct mil_value *y = graph_matmul(g, mil_text(model, "%s_scores", name), q, k, 1, 0);
    if (mask) y = graph_binary(g, "add", mil_text(model, "%s_masked", name), y, mask);
    y = graph_softmax(g, mil_text(model, "%s_probs", name), y);
    y = graph_matmul(g, mil_text(model, "%s_context", name), v, y, 0, 1);
    return graph_reshape(g, name, y, SHAPE(1, width, 1, queries));
}
