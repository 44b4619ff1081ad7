/* delora.c - DeLoRA: a product of normalised vectors, bounded by one learnt number.
 *
 *     delta = B diag(lambda / rank / (|A[r]| |B[., r]|)) A . w_norm      by column
 *
 * w_norm [in] is the length of each column of the base's weight when training began. Lengths below
 * 1e-4 count as that. */
#include <math.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "model/model.h"

static const double LENGTH_MIN = 1e-4; /* PEFT's */

static double length(const float *values, size_t step, size_t count) {
    double square = 0;
    for (size_t i = 0; i < count; i++) square += (double)values[i * step] * values[i * step];
    double root = sqrt(square);
    return root > LENGTH_MIN ? root : LENGTH_MIN;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t rank = walk->targets[slot].rank, out = module->out, in = module->in;
    struct part parts[] = {{.name = "delora_A", .dims = 2, .shape = {rank, in}},
                           {.name = "delora_B", .dims = 2, .shape = {out, rank}},
                           {.name = "delora_lambda", .dims = 1, .shape = {1}},
                           {.name = "delora_w_norm", .dims = 1, .shape = {in}}};
    int complete;
    pst_status status = adapter_walk_take(walk, module, parts, 4, &complete, err);
    if (status || !complete) return status;
    float *a = adapter_build_own(&walk->build, rank * in, sizeof *a, &status, err);
    if (!a) return status;
    for (size_t r = 0; r < rank; r++) {
        double factor =
            (double)parts[2].values[0] / (double)rank /
            (length(parts[0].values + r * in, 1, in) * length(parts[1].values + r, rank, out));
        for (size_t i = 0; i < in; i++)
            a[r * in + i] = (float)(factor * parts[0].values[r * in + i] * parts[3].values[i]);
    }
    return change_use_product(walk, slot, rank, a, parts[1].values, 1, err);
}

const struct adapter_method DELORA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
