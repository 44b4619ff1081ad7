/* op_norm.c - normalisations. Sums are in double: a group norm runs over millions of values. */
#include <stdlib.h>

#include "coreml/ops/op.h"

/* Splits the dims of a tensor into those that are flagged and the others, each walked in order. */
static void split_walks(const struct mil_type *type, const int *flags, struct walk *flagged,
                        struct walk *others) {
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(type, strides);
    *flagged = *others = (struct walk){0};
    for (uint32_t i = 0; i < type->rank; i++) {
        struct walk *walk = flags[i] ? flagged : others;
        walk->dims[walk->rank] = (size_t)type->dims[i];
        walk->stride[0][walk->rank++] = strides[i];
    }
}

static size_t walk_length(const struct walk *walk) {
    size_t length = 1;
    for (uint32_t i = 0; i < walk->rank; i++) length *= walk->dims[i];
    return length;
}

/* y = (x - mean) / sqrt(var + epsilon) over the elements that `walk` visits from `base` on. */
static void normalise(float *y, const float *x, struct walk walk, size_t n, float epsilon) {
    double sum = 0, squares = 0;
    do sum += (double)x[walk.offset[0]];
    while (walk_next(&walk));
    double mean = sum / (double)n;
    do {
        double off = (double)x[walk.offset[0]] - mean;
        squares += off * off;
    } while (walk_next(&walk));
    double scale = 1.0 / sqrt(squares / (double)n + (double)epsilon);
    do y[walk.offset[0]] = (float)(((double)x[walk.offset[0]] - mean) * scale);
    while (walk_next(&walk));
}

/* y = y * gamma + beta, both of the shape that `walk` visits. */
static void scale_and_shift(float *y, struct walk walk, const float *gamma, const float *beta) {
    size_t i = 0;
    do {
        float *at = &y[walk.offset[0]];
        *at = *at * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
        i++;
    } while (walk_next(&walk));
}

static int shaped_as(const struct mil_tensor *tensor, const struct walk *walk) {
    int fits = tensor == NULL || tensor->type.rank == walk->rank;
    for (uint32_t i = 0; fits && tensor && i < walk->rank; i++)
        fits = tensor->type.dims[i] == (int64_t)walk->dims[i];
    return fits;
}

static pst_status run_layer_norm(struct op_call *call) {
    const struct mil_tensor *x, *gamma, *beta;
    struct mil_tensor *y;
    float epsilon = 1e-5f;
    int flags[MIL_RANK_MAX];
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_optional(call, "gamma", 1, &gamma);
    if (status == PST_OK) status = op_optional(call, "beta", 1, &beta);
    if (status == PST_OK) status = op_float(call, "epsilon", &epsilon);
    if (status == PST_OK) status = op_axes(call, "axes", x->type.rank, flags);
    if (status == PST_OK) status = op_output(call, 0, &x->type, &y);
    if (status) return status;
    struct walk inner, outer;
    split_walks(&x->type, flags, &inner, &outer);
    if (!shaped_as(gamma, &inner) || !shaped_as(beta, &inner))
        return op_error(call, PST_ERR_MODEL, "gamma or beta has not the shape of the axes");
    size_t n = walk_length(&inner);
    if (n == 0 || walk_length(&outer) == 0) return PST_OK;
    do {
        normalise(y->f + outer.offset[0], x->f + outer.offset[0], inner, n, epsilon);
        if (gamma || beta)
            scale_and_shift(y->f + outer.offset[0], inner, gamma ? gamma->f : NULL,
                            beta ? beta->f : NULL);
    } while (walk_next(&outer));
    return PST_OK;
}

/* A vector of as many numbers as x has channels, or NULL. */
static pst_status channel_vector(struct op_call *call, const char *name, int64_t channels,
                                 const float **vector) {
    const struct mil_tensor *tensor;
    pst_status status = op_optional(call, name, 1, &tensor);
    *vector = NULL;
    if (status || tensor == NULL) return status;
    if (tensor->type.rank != 1 || tensor->type.dims[0] != channels)
        return op_error(call, PST_ERR_MODEL, "%s should have a number for each channel", name);
    *vector = tensor->f;
    return PST_OK;
}

/* What batch_norm and instance_norm share: x [n, channels, ...]. */
struct channels {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    const float *gamma, *beta;
    float epsilon;
    size_t rows, count, inner; /* n, channels, elements of one */
};

static pst_status read_channels(struct op_call *call, struct channels *c) {
    pst_status status = op_floats(call, "x", &c->x);
    if (status) return status;
    const struct mil_type *type = &c->x->type;
    if (type->rank < 3) return op_error(call, PST_ERR_MODEL, "x should have rank 3 or more");
    c->epsilon = 1e-5f;
    status = channel_vector(call, "gamma", type->dims[1], &c->gamma);
    if (status == PST_OK) status = channel_vector(call, "beta", type->dims[1], &c->beta);
    if (status == PST_OK) status = op_float(call, "epsilon", &c->epsilon);
    if (status == PST_OK) status = op_output(call, 0, type, &c->y);
    c->rows = (size_t)type->dims[0];
    c->count = (size_t)type->dims[1];
    c->inner = span_of(type, 2, type->rank);
    return status;
}

static pst_status run_instance_norm(struct op_call *call) {
    struct channels c;
    pst_status status = read_channels(call, &c);
    if (status || c.inner == 0) return status;
    struct walk walk = {.rank = 1, .dims = {c.inner}, .stride = {{1}}};
    for (size_t i = 0; i < c.rows * c.count; i++) {
        float *y = c.y->f + i * c.inner;
        normalise(y, c.x->f + i * c.inner, walk, c.inner, c.epsilon);
        float gamma = c.gamma ? c.gamma[i % c.count] : 1, beta = c.beta ? c.beta[i % c.count] : 0;
        for (size_t j = 0; j < c.inner; j++) y[j] = y[j] * gamma + beta;
    }
    return PST_OK;
}

static pst_status run_batch_norm(struct op_call *call) {
    struct channels c;
    const float *mean, *variance;
    pst_status status = read_channels(call, &c);
    if (status == PST_OK) status = channel_vector(call, "mean", c.x->type.dims[1], &mean);
    if (status == PST_OK) status = channel_vector(call, "variance", c.x->type.dims[1], &variance);
    if (status) return status;
    if (mean == NULL || variance == NULL)
        return op_error(call, PST_ERR_MODEL, "needs mean and variance");
    for (size_t i = 0; i < c.rows * c.count; i++) {
        size_t channel = i % c.count;
        float scale = (c.gamma ? c.gamma[channel] : 1) / sqrtf(variance[channel] + c.epsilon);
        float shift = c.beta ? c.beta[channel] : 0;
        for (size_t j = i * c.inner; j < (i + 1) * c.inner; j++)
            c.y->f[j] = (c.x->f[j] - mean[channel]) * scale + shift;
    }
    return PST_OK;
}

static pst_status run_l2_norm(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    float epsilon = 1e-6f;
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_float(call, "epsilon", &epsilon);
    if (status == PST_OK) status = op_output(call, 0, &x->type, &y);
    if (status) return status;
    if (x->type.rank < 3) return op_error(call, PST_ERR_MODEL, "x should have rank 3 or more");
    /* Over the last three dimensions. */
    size_t n = span_of(&x->type, x->type.rank - 3, x->type.rank);
    size_t rows = n ? span_of(&x->type, 0, x->type.rank - 3) : 0;
    for (size_t i = 0; i < rows; i++) {
        double squares = (double)epsilon;
        for (size_t j = i * n; j < (i + 1) * n; j++) squares += (double)x->f[j] * (double)x->f[j];
        double scale = 1.0 / sqrt(squares);
        for (size_t j = i * n; j < (i + 1) * n; j++) y->f[j] = (float)((double)x->f[j] * scale);
    }
    return PST_OK;
}

const struct op_entry op_norm_entries[] = {
    {"layer_norm", run_layer_norm, 0, 0},
    {"instance_norm", run_instance_norm, 0, 0},
    {"batch_norm", run_batch_norm, 0, 0},
    {"l2_norm", run_l2_norm, 0, 0},
    {0},
};
