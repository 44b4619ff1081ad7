/* randlora.c - RandLoRA: a sum of many products of random matrices, scaled to full rank.
 *
 *     A [rank, 1, small], B [large, bases, rank] shared; lambda [rank, bases], gamma [bases, small]
 *     A'[k] = lambda[i, j] * gamma[j] . A[i]        k = i * bases + j
 *     B'[k] = B[., j', i']                          k = j' * rank + i'
 *     delta = scale * B' A' where small is the input, its transpose where it is the output
 *
 * `small` is the smaller side of the module. The two orders of k differ in PEFT, which is how
 * adapters are trained and must stay. */
#include <stdlib.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/adding/shared_projection.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

/* What one module uses of the shared matrices. */
struct bases {
    const float *a, *b; /* a [rank, a_stride], b [large, b_bases, rank] */
    size_t a_stride, b_bases;
    const float *lambda, *gamma;
    size_t rank, count, small, large;
};

static size_t count_bases(size_t small, size_t rank) {
    return (small + rank - 1) / rank;
}

static pst_status start(struct adapter_walk *walk, pst_error *err) {
    size_t rank = walk->config->selection.r, out, in;
    shared_projection_sizes(walk, &out, &in);
    size_t small = out < in ? out : in, large = out < in ? in : out;
    const struct part parts[2] = {
        {.name = "base_model.randlora_A", .dims = 3, .shape = {rank, 1, small}},
        {.name = "base_model.randlora_B",
         .dims = 3,
         .shape = {large, count_bases(small, rank), rank}}};
    return shared_projection_take(walk, parts, err);
}

/* row [small] of B' A', and a [rank * count, small] is A'. */
static void multiply_row(const struct bases *bases, const double *a, size_t row, double *sum) {
    for (size_t i = 0; i < bases->small; i++) sum[i] = 0;
    for (size_t k = 0; k < bases->rank * bases->count; k++) {
        double at = bases->b[row * bases->b_bases * bases->rank + k];
        for (size_t i = 0; i < bases->small; i++) sum[i] += at * a[k * bases->small + i];
    }
}

static pst_status fill(const struct bases *bases, int transposed, float *delta, pst_error *err) {
    size_t small = bases->small, rows = bases->rank * bases->count;
    double *a = malloc((rows + 1) * small * sizeof *a), *sum = a ? a + rows * small : NULL;
    if (!a) return error_memory(err, (rows + 1) * small * sizeof *a);
    for (size_t k = 0; k < rows; k++) {
        size_t i = k / bases->count, j = k % bases->count;
        for (size_t s = 0; s < small; s++)
            a[k * small + s] = (double)bases->lambda[k] * bases->a[i * bases->a_stride + s] *
                               bases->gamma[j * small + s];
    }
    for (size_t row = 0; row < bases->large; row++) {
        multiply_row(bases, a, row, sum);
        for (size_t s = 0; s < small; s++)
            delta[transposed ? s * bases->large + row : row * small + s] = (float)sum[s];
    }
    free(a);
    return PST_OK;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    int transposed = module->out < module->in, complete;
    struct bases bases = {.a = walk->shared[0],
                          .b = walk->shared[1],
                          .a_stride = walk->shared_shapes[0][2],
                          .b_bases = walk->shared_shapes[1][1],
                          .rank = walk->config->selection.r,
                          .small = transposed ? module->out : module->in,
                          .large = transposed ? module->in : module->out};
    bases.count = count_bases(bases.small, bases.rank);
    struct part parts[] = {
        {.name = "randlora_lambda", .dims = 2, .shape = {bases.rank, bases.count}},
        {.name = "randlora_gamma", .dims = 2, .shape = {bases.count, bases.small}}};
    static const char *const copies[] = {"randlora_A", "randlora_B"};
    pst_status status = PST_OK;
    for (int i = 0; i < 2 && !status; i++)
        status = adapter_build_skip_copy(&walk->build, module->name, copies[i],
                                         walk->shared_tensors[i], err);
    if (!status) status = adapter_walk_take(walk, module, parts, 2, &complete, err);
    if (status || !complete) return status;
    bases.lambda = parts[0].values;
    bases.gamma = parts[1].values;
    float *delta = change_new(walk, slot, &status, err);
    if (delta) status = fill(&bases, transposed, delta, err);
    if (status) return status;
    double scale = walk->config->selection.alpha / walk->config->selection.r;
    return change_use_delta(walk, slot, delta, scale, err);
}

const struct adapter_method RANDLORA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .start = start, .apply = apply, .missing = "nothing"};
