/* ia3.c - IA3: a factor for each output of a module, or for each input of one that is called
 * feed-forward. The factor of an output applies after the bias. */
#include "adapter/config/config_regex.h"
#include "adapter/methods/methods.h"
#include "base/text.h"
#include "model/model.h"

/* An entry of the list may end in the middle of a name: unlike in target_modules, no dot has to
 * come before it. */
static pst_status is_feedforward(const struct peft_config *config, const char *name, int *is,
                                 pst_error *err) {
    const struct selection_rule *choice = &config->feedforward_modules;
    *is = 0;
    for (size_t i = 0; i < choice->names.count && !*is; i++)
        *is = text_ends_with(name, strlen(name), choice->names.items[i]);
    if (!choice->pattern || !*choice->pattern) return PST_OK;
    struct config_regex *regex = NULL;
    pst_status status = config_regex_new(
        &regex, (struct config_regex_place){config->file.path, "feedforward_modules"}, "",
        choice->pattern, "", CONFIG_REGEX_WHOLE, err);
    if (!status) status = config_regex_match(regex, name, is, err);
    config_regex_free(regex);
    return status;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct pst_adapter *adapter = walk->build.adapter;
    const struct module *module = &adapter->model->weights.modules[slot];
    int by_input, complete;
    pst_status status = is_feedforward(walk->config, module->name, &by_input, err);
    if (status) return status;
    struct part part = {.name = "ia3_l", .dims = 2};
    part.shape[0] = by_input ? 1 : module->out;
    part.shape[1] = by_input ? module->in : 1;
    status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    walk->applied++;
    adapter->effects[slot].scale = 1;
    if (by_input)
        adapter->effects[slot].in_scale = part.values;
    else
        adapter->effects[slot].out_scale = part.values;
    return PST_OK;
}

const struct adapter_method IA3_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
