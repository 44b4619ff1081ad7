/* hira.c - HiRA: the base's weight times a product of two matrices, entry by entry.
 *
 *                  hira_A               hira_B
 *     linear       [rank, in]           [out, rank]
 *     convolution  [rank, in, kernel]   [out, rank, 1]
 *     embedding    [rank, vocab]        [dim, rank]      called hira_embedding_A, _B
 *
 *     delta = W . (B A) */
#include <stdlib.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

static void list_parts(const struct module *module, size_t rank, struct part parts[2]) {
    if (module->kind == MODULE_EMBEDDING) {
        parts[0] =
            (struct part){.name = "hira_embedding_A", .dims = 2, .shape = {rank, module->out}};
        parts[1] =
            (struct part){.name = "hira_embedding_B", .dims = 2, .shape = {module->in, rank}};
        return;
    }
    uint32_t dims = module->kind == MODULE_CONV1D ? 3 : 2;
    parts[0] =
        (struct part){.name = "hira_A", .dims = dims, .shape = {rank, module->in, module->kernel}};
    parts[1] = (struct part){.name = "hira_B", .dims = dims, .shape = {module->out, rank, 1}};
    if (dims == 2) parts[0].shape[2] = parts[1].shape[2] = 0;
}

/* sum [columns]: a row of B A, in the order of the checkpoint. */
static void product_row(const struct module *module, const struct part parts[2], size_t rank,
                        size_t row, double *sum) {
    size_t columns = module_columns(module);
    for (size_t i = 0; i < columns; i++) sum[i] = 0;
    for (size_t r = 0; r < rank; r++)
        for (size_t i = 0; i < columns; i++)
            sum[i] +=
                module->kind == MODULE_EMBEDDING
                    ? (double)parts[0].values[r * module->out + row] * parts[1].values[i * rank + r]
                    : (double)parts[1].values[row * rank + r] * parts[0].values[r * columns + i];
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t rank = walk->targets[slot].rank, columns = module_columns(module);
    struct part parts[2];
    int complete;
    list_parts(module, rank, parts);
    pst_status status = adapter_walk_take(walk, module, parts, 2, &complete, err);
    if (status || !complete) return status;
    float *delta = change_new(walk, slot, &status, err);
    double *sum = delta ? malloc(columns * sizeof *sum) : NULL;
    if (!sum) return status ? status : error_memory(err, columns * sizeof *sum);
    for (size_t o = 0; o < module->out; o++) {
        product_row(module, parts, rank, o, sum);
        for (size_t i = 0; i < columns; i++) {
            size_t at = module_network_column(module, i);
            delta[o * columns + at] = (float)(sum[i] * change_base(walk, slot, o, at));
        }
    }
    free(sum);
    walk->build.adapter->effects[slot].from_base = 1;
    return change_use_delta(walk, slot, delta, 1, err);
}

const struct adapter_method HIRA_METHOD = {.kinds = 1u << MODULE_LINEAR | 1u << MODULE_CONV1D |
                                                    1u << MODULE_EMBEDDING,
                                           .apply = apply,
                                           .missing = "nothing"};
