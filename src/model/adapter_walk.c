/* adapter_walk.c - see adapter_walk.h. */
#include "model/adapter_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* --------------------------------------------------------------------------------------- parts */

static pst_status check_shape(const struct adapter_walk *walk, const struct module *module,
                              const struct part *part, const struct tensor *tensor,
                              pst_error *err) {
    struct tensor wanted = {.dims = part->dims};
    char is[128], needed[128];
    int fits = tensor->dims == part->dims;
    for (uint32_t d = 0; d < part->dims; d++) {
        wanted.shape[d] = part->shape[d];
        fits = fits && tensor->shape[d] == part->shape[d];
    }
    if (fits) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: %s %s is %s, the base model and adapter_config.json need %s",
                     walk->build.adapter->file.path, adapter_shown(module->name), part->name,
                     tensor_shape_text(tensor, is), tensor_shape_text(&wanted, needed));
}

pst_status adapter_walk_take(struct adapter_walk *walk, const struct module *module,
                             struct part *parts, size_t count, int *complete, pst_error *err) {
    struct adapter_build *build = &walk->build;
    const struct part *missing = NULL;
    size_t found = 0;
    *complete = 0;
    for (size_t i = 0; i < count; i++) {
        pst_status status = PST_OK;
        const struct tensor *tensor =
            adapter_build_find(build, module->name, parts[i].name, &status, err);
        if (!tensor) missing = &parts[i];
        if (tensor) status = check_shape(walk, module, &parts[i], tensor, err);
        if (tensor && !status) status = adapter_build_floats(build, tensor, &parts[i].values, err);
        if (status) return status;
        found += tensor != NULL;
    }
    *complete = found == count;
    if (*complete) return PST_OK;
    if (found > 0 || walk->config->random_init)
        return error_set(err, PST_ERR_MODEL,
                         "%s: targeted module %s has no %s: PEFT would use random numbers for it",
                         build->adapter->file.path, adapter_shown(module->name), missing->name);
    adapter_list_name(&build->missing, adapter_shown(module->name), build->missing_count++);
    return PST_OK;
}

/* ----------------------------------------------------------------------------------- resolving */

/* AdaLoRA and IA3 are for linear modules, LoHa and LoKr for convolutions too: PEFT refuses the rest. */
static pst_status check_kinds(const struct adapter_walk *walk, pst_error *err) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    int convolutions = walk->config->method == PEFT_LOHA || walk->config->method == PEFT_LOKR;
    for (uint32_t i = 0; i < weights->module_count; i++) {
        enum module_kind kind = weights->modules[i].kind;
        if (walk->targets[i].rank == 0 || kind == MODULE_LINEAR ||
            (kind == MODULE_CONV1D && convolutions))
            continue;
        return error_set(err, PST_ERR_MODEL,
                         "%s: target_modules matches %s, which %s cannot adapt (PEFT refuses it "
                         "too)",
                         walk->config->lora.file.path, weights->modules[i].name,
                         peft_method_name(walk->config->method));
    }
    return PST_OK;
}

/* Is `key` the weight or bias of a module of the base? PEFT would load it there. */
static int is_base_tensor(const struct weights *weights, const char *key) {
    size_t prefix = strlen(ADAPTER_PREFIX);
    if (strncmp(key, ADAPTER_PREFIX, prefix) != 0) return 0;
    for (uint32_t i = 0; i < weights->module_count; i++) {
        size_t length = strlen(weights->modules[i].name);
        if (strncmp(key + prefix, weights->modules[i].name, length) != 0) continue;
        const char *rest = key + prefix + length;
        if (strncmp(rest, ".base_layer", 11) == 0) rest += 11;
        if (strcmp(rest, ".weight") == 0 || strcmp(rest, ".bias") == 0) return 1;
    }
    return 0;
}

static pst_status check_base_tensors(const struct adapter_walk *walk, pst_error *err) {
    const struct pst_adapter *adapter = walk->build.adapter;
    for (size_t i = 0; i < adapter->file.count; i++)
        if (is_base_tensor(&adapter->model->weights, adapter->file.tensors[i].name))
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: tensor %s: it replaces a tensor of the base: supported with LORA "
                             "only",
                             adapter->file.path, adapter->file.tensors[i].name);
    return PST_OK;
}

static void note_missing(const struct adapter_walk *walk) {
    const struct adapter_build *build = &walk->build;
    pst_error note;
    if (build->missing_count == 0) return;
    error_set(&note, PST_OK,
              "%s: nothing for %u of %u targeted modules, which stay as they are: %s",
              build->adapter->file.path, build->missing_count, build->missing_count + walk->applied,
              build->missing.data ? build->missing.data : "");
    adapter_build_warn(build, &note);
}

static void note_unused(const struct adapter_walk *walk) {
    const struct safetensors *file = &walk->build.adapter->file;
    struct buffer names = {0};
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++)
        if (!walk->build.used[i]) adapter_list_name(&names, file->tensors[i].name, count++);
    pst_error note;
    error_set(&note, PST_OK, "%s: %zu of %zu tensors belong to no adapted module: %s", file->path,
              count, file->count, names.data ? names.data : "");
    if (count > 0) adapter_build_warn(&walk->build, &note);
    buffer_free(&names);
}

static pst_status refuse_nothing_applied(const struct adapter_walk *walk, pst_error *err) {
    const struct safetensors *file = &walk->build.adapter->file;
    return error_set(err, PST_ERR_MODEL,
                     "%s: holds none of the tensors of %s that adapter_config.json targets; it has "
                     "%s",
                     file->path, peft_method_name(walk->config->method),
                     file->count ? file->tensors[0].name : "nothing");
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    switch (walk->config->method) {
    case PEFT_ADALORA: return adalora_apply(walk, slot, err);
    case PEFT_IA3: return ia3_apply(walk, slot, err);
    default: return lycoris_apply(walk, slot, err);
    }
}

static pst_status resolve(struct adapter_walk *walk, pst_error *err) {
    struct pst_adapter *adapter = walk->build.adapter;
    const struct weights *weights = &adapter->model->weights;
    uint32_t adapted = 0;
    walk->targets = calloc((size_t)weights->module_count + 1, sizeof *walk->targets);
    if (!walk->targets) return error_memory(err, 0);
    pst_status status = lora_targets_find(&walk->config->lora, weights->modules,
                                          weights->module_count, walk->targets, &adapted, err);
    if (!status) status = check_kinds(walk, err);
    if (!status) status = check_base_tensors(walk, err);
    unsigned char *targeted = status ? NULL : calloc((size_t)weights->module_count + 1, 1);
    if (!status && !targeted) status = error_memory(err, 0);
    for (uint32_t i = 0; targeted && i < weights->module_count; i++)
        targeted[i] = walk->targets[i].rank > 0; /* a mask may leave rank 0 */
    if (!status && walk->config->rank_masks) status = adalora_mask(walk, err);
    for (uint32_t i = 0; i < weights->module_count && !status; i++)
        if (targeted[i]) status = apply(walk, i, err);
    free(targeted);
    if (status) return status;
    if (walk->applied == 0) return refuse_nothing_applied(walk, err);
    note_missing(walk);
    note_unused(walk);
    adapter->info.peft_type = peft_method_name(walk->config->method);
    return PST_OK;
}

pst_status adapter_walk_resolve(const struct pst_model *model, const struct peft_config *config,
                                struct safetensors *file, const pst_adapter_options *options,
                                struct pst_adapter **adapter, pst_error *err) {
    struct adapter_walk walk = {.config = config};
    pst_status status =
        adapter_build_start(&walk.build, model, file, config->lora.base_model, options, err);
    if (!status) status = resolve(&walk, err);
    free(walk.targets);
    return adapter_build_end(&walk.build, status, adapter, err);
}
