/* beft.c - BEFT: a bias beside that of the base.
 *
 *     beft_bias [1, out]
 *
 * To be merged it needs a bias in the base, as in PEFT. */
#include "adapter/methods/methods.h"
#include "model/model.h"

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct effect *effect = &walk->build.adapter->effects[slot];
    struct part part = {.name = "beft_bias", .dims = 2, .shape = {1, module->out}};
    int complete;
    pst_status status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    effect->b_bias = part.values;
    effect->scale = 1;
    walk->applied++;
    return PST_OK;
}

const struct adapter_method BEFT_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
