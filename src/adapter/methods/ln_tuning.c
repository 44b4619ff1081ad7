/* ln_tuning.c - LN_TUNING: whole modules are trained as copies, norms in the first place.
 *
 *     ln_tuning_layers.weight, .bias      of the shapes that the module has
 *     ln_tuning_layers.gamma, .log_k      of a norm and of the compression of a streaming encoder
 *
 * A copy is its own: the other side of a shared weight stays as it is. */
#include <stdio.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "model/model.h"

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct effect *effect = &walk->build.adapter->effects[slot];
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    uint32_t dims = module_dims(module);
    char name[32];
    snprintf(name, sizeof name, "ln_tuning_layers.%s", module->part);
    struct part parts[] = {
        {.name = name, .dims = dims, .shape = {module->out, module->in, module->kernel}},
        {.name = "ln_tuning_layers.bias", .dims = 1, .shape = {module->out}}};
    int complete;
    pst_status status =
        adapter_walk_take(walk, module, parts, module->bias ? 2 : 1, &complete, err);
    if (!status && complete && dims == 3)
        status = adapter_build_reorder(&walk->build, module, module->out, &parts[0].values, err);
    if (status || !complete) return status;
    effect->weight = parts[0].values;
    if (module->bias) effect->bias = parts[1].values;
    walk->applied++;
    return PST_OK;
}

const struct adapter_method LN_TUNING_METHOD = {.kinds = 1u << MODULE_LINEAR | 1u << MODULE_CONV1D |
                                                         1u << MODULE_EMBEDDING |
                                                         1u << MODULE_NORM | 1u << MODULE_NUMBER,
                                                .apply = apply,
                                                .missing = "nothing"};
