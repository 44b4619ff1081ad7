/* ia3.c - IA3: a factor for each output of a module, or for each input of one that is called
 * feed-forward. The factor of an output applies after the bias. */
#include <string.h>

#include "adapter/adapter_walk.h"
#include "adapter/config/lora_regex.h"
#include "base/error.h"
#include "model/model.h"

static int ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* An entry of the list may end in the middle of a name: unlike those of target_modules it needs no dot
 * before it. */
static pst_status is_feedforward(const struct peft_config *config, const char *name, int *is,
                                 pst_error *err) {
    const struct lora_choice *choice = &config->feedforward_modules;
    *is = 0;
    for (size_t i = 0; i < choice->names.count && !*is; i++)
        *is = ends_with(name, choice->names.items[i]);
    if (!choice->pattern || !*choice->pattern) return PST_OK;
    struct lora_regex *regex = NULL;
    pst_status status = lora_regex_new(
        &regex, (struct lora_regex_place){config->lora.file.path, "feedforward_modules"}, "",
        choice->pattern, "", LORA_REGEX_WHOLE, err);
    if (!status) status = lora_regex_match(regex, name, is, err);
    lora_regex_free(regex);
    return status;
}

pst_status ia3_apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct pst_adapter *adapter = walk->build.adapter;
    const struct module *module = &adapter->model->weights.modules[slot];
    int inner, complete;
    pst_status status = is_feedforward(walk->config, module->name, &inner, err);
    if (status) return status;
    struct part part = {.name = "ia3_l", .dims = 2};
    part.shape[0] = inner ? 1 : module->out;
    part.shape[1] = inner ? module->in : 1;
    status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    walk->applied++;
    adapter->effects[slot] = (struct effect){.scale = 1};
    if (inner)
        adapter->effects[slot].in_scale = part.values;
    else
        adapter->effects[slot].out_scale = part.values;
    return PST_OK;
}
