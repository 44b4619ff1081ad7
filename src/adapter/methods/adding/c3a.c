/* c3a.c - C3A: the change is made of circulant blocks, each given by one row.
 *
 *     delta[m size + s, n size + t] = kernel[m, n, (t - s) mod size] / in
 *
 * PEFT computes the product by Fourier transforms, which is the same convolution. */
#include <string.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

/* PEFT matches these patterns by ".*\.KEY$", where an alternative would reach further. */
static pst_status start(struct adapter_walk *walk, pst_error *err) {
    const struct selection_overrides *sizes = &walk->config->selection.rank_pattern;
    for (size_t i = 0; i < sizes->count; i++)
        if (strpbrk(sizes->items[i].pattern, "|^"))
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: block_size_pattern has \"%s\": patterns with | or ^ are not "
                             "supported, write one entry for each",
                             walk->config->file.path, sizes->items[i].pattern);
    return PST_OK;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t size = walk->targets[slot].rank, out = module->out, in = module->in;
    if (out % size || in % size)
        return error_set(err, PST_ERR_MODEL,
                         "%s: the block size %zu does not divide %s [%zu, %zu] (PEFT refuses it "
                         "too)",
                         walk->config->file.path, size, module->name, out, in);
    struct part part = {.name = "c3a_kernel", .dims = 3, .shape = {out / size, in / size, size}};
    int complete;
    pst_status status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    float *delta = change_new(walk, slot, &status, err);
    if (!delta) return status;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            size_t turn = (i % size + size - o % size) % size;
            size_t block = o / size * (in / size) + i / size;
            delta[o * in + i] = part.values[block * size + turn];
        }
    return change_use_delta(walk, slot, delta, 1.0 / (double)in, err);
}

const struct adapter_method C3A_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .start = start, .apply = apply, .missing = "nothing"};
