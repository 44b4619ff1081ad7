/* op_norm.c - normalisations. Sums are in double: a group norm runs over millions of values. */
#include <math.h>
#include <stdlib.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

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

/* ----------------------------------------------------------------------------------- layer norm */

static int infer_layer_norm(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *gamma = op_type(call, "gamma");
    const struct mil_type *beta = op_type(call, "beta");
    struct mil_type expected = {.dtype = x->dtype};
    int bits = op_axes(call, x->rank);
    if (bits < 0) return 0;
    if (bits == 0)
        return op_refuse(call, "axes has 0 elements for a tensor of rank %u", (unsigned)x->rank);
    for (uint32_t i = 0; i < x->rank; i++)
        if ((bits >> i & 1) != 0) expected.dims[expected.rank++] = x->dims[i];
    if ((gamma != NULL && !mil_types_agree(gamma, &expected)) ||
        (beta != NULL && !mil_types_agree(beta, &expected)))
        return op_refuse(call, "gamma or beta does not have the shape of the axes");
    return op_give(call, *x);
}

/* y = y * gamma + beta, both of the shape that `walk` visits. */
static void scale_and_shift(float *y, struct walk walk, const struct mil_tensor *gamma,
                            const struct mil_tensor *beta) {
    size_t i = 0;
    do {
        float *at = &y[walk.offset[0]];
        *at = *at * (gamma ? gamma->f[i] : 1) + (beta ? beta->f[i] : 0);
        i++;
    } while (walk_next(&walk));
}

static pst_status run_layer_norm(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *gamma = op_tensor(call, "gamma");
    const struct mil_tensor *beta = op_tensor(call, "beta");
    float *y = op_result(call, 0)->f, epsilon = op_float(call, "epsilon", 0);
    struct walk inner, outer;
    walk_split(&x->type, (unsigned)op_axes(call, x->type.rank), &inner, &outer);
    size_t n = walk_length(&inner);
    do {
        ptrdiff_t at = outer.offset[0];
        normalise(y + at, x->f + at, inner, n, epsilon);
        if (gamma || beta) scale_and_shift(y + at, inner, gamma, beta);
    } while (walk_next(&outer));
    return PST_OK;
}

/* ---------------------------------------------------------------------- norms of whole channels */

/* x [n, channels, ...] */
static int infer_channel_norm(struct op_call *call) {
    static const char *const names[] = {"mean", "variance", "gamma", "beta"};
    const struct mil_type *x = op_type(call, "x");
    if (x->rank < 3 || x->rank > 5)
        return op_refuse(call, "x has rank %u, expected 3 to 5", (unsigned)x->rank);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (x->dims[1] >= 0 && !op_has_length(call, names[i], x->dims[1])) return 0;
    return op_give(call, *x);
}

static float of_channel(const struct mil_tensor *vector, size_t channel, float missing) {
    return vector != NULL ? vector->f[channel] : missing;
}

enum { BATCH, INSTANCE };

static pst_status run_channel_norm(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *mean = op_tensor(call, "mean");
    const struct mil_tensor *variance = op_tensor(call, "variance");
    const struct mil_tensor *gamma = op_tensor(call, "gamma"), *beta = op_tensor(call, "beta");
    float *y = op_result(call, 0)->f, epsilon = op_float(call, "epsilon", 0);
    size_t rows = (size_t)x->type.dims[0], channels = (size_t)x->type.dims[1];
    size_t inner = span_of(&x->type, 2, x->type.rank);
    struct walk walk = {.rank = 1, .dims = {inner}, .stride = {{1}}};
    for (size_t i = 0; i < rows * channels; i++) {
        size_t channel = i % channels;
        const float *from = x->f + i * inner;
        float *to = y + i * inner, middle = 0;
        float scale = of_channel(gamma, channel, 1), shift = of_channel(beta, channel, 0);
        if (call->row->variant == INSTANCE) {
            normalise(to, from, walk, inner, epsilon);
            from = to;
        } else {
            scale /= sqrtf(variance->f[channel] + epsilon);
            middle = mean->f[channel];
        }
        for (size_t j = 0; j < inner; j++) to[j] = (from[j] - middle) * scale + shift;
    }
    return PST_OK;
}

/* ------------------------------------------------------------------------------------- soft-max */

static pst_status run_softmax(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, x->type.rank);
    size_t n = (size_t)x->type.dims[axis], inner = span_of(&x->type, axis + 1, x->type.rank);
    size_t outer = span_of(&x->type, 0, axis);
    float *row = NULL;
    pst_status status = inner > 1 ? op_floats_new(call, n, &row) : PST_OK;
    if (status) return status;
    tensor_copy(y, x);
    for (size_t i = 0; i < outer * inner; i++) {
        float *at = y->f + i / inner * n * inner + i % inner;
        if (inner == 1) {
            call->resources->kernels->softmax(at, n);
            continue;
        }
        for (size_t j = 0; j < n; j++) row[j] = at[j * inner];
        call->resources->kernels->softmax(row, n);
        for (size_t j = 0; j < n; j++) at[j * inner] = row[j];
    }
    free(row);
    return PST_OK;
}

const struct op_row op_norm_rows[] = {
    {"batch_norm", 6, "x F, mean! F1, variance! F1, gamma?! F1, beta?! F1, epsilon! g0",
     infer_channel_norm, run_channel_norm, BATCH, 0},
    {"instance_norm", 6, "x F, gamma?! F1, beta?! F1, epsilon! g0", infer_channel_norm,
     run_channel_norm, INSTANCE, 0},
    {"layer_norm", 6, "x F, axes! i1, gamma?! F, beta?! F, epsilon! g0", infer_layer_norm,
     run_layer_norm, 0, 0},
    {"softmax", 6, "x F, axis! i0", op_infer_along_axis, run_softmax, 0, 0},
    {0},
};
