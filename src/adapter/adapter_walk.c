/* adapter_walk.c - see adapter_walk.h. */
#include "adapter/adapter_walk.h"

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

static pst_status apply_all(struct adapter_walk *walk, const unsigned char *targeted,
                            pst_error *err) {
    const struct lora_names *names = &walk->config->lora.modules_to_save;
    const struct adapter_saved saved = {
        .names = names->items, .count = names->count, .wrapped = targeted};
    uint32_t modules = walk->build.adapter->model->weights.module_count;
    pst_status status = PST_OK;
    if (walk->config->rank_masks) status = adalora_mask(walk, err);
    for (uint32_t i = 0; i < modules && !status; i++)
        if (targeted[i]) status = apply(walk, i, err);
    if (!status) status = adapter_build_replaced(&walk->build, &saved, err);
    if (!status && walk->applied == 0) status = refuse_nothing_applied(walk, err);
    if (status) return status;
    note_missing(walk);
    note_unused(walk);
    walk->build.adapter->info.peft_type = peft_method_name(walk->config->method);
    return PST_OK;
}

static pst_status resolve(struct adapter_walk *walk, pst_error *err) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    uint32_t adapted = 0;
    walk->targets = calloc((size_t)weights->module_count + 1, sizeof *walk->targets);
    if (!walk->targets) return error_memory(err, 0);
    pst_status status = lora_targets_find(&walk->config->lora, weights->modules,
                                          weights->module_count, walk->targets, &adapted, err);
    if (!status) status = check_kinds(walk, err);
    if (status) return status;
    unsigned char *targeted = calloc((size_t)weights->module_count + 1, 1);
    if (!targeted) return error_memory(err, 0);
    for (uint32_t i = 0; i < weights->module_count; i++)
        targeted[i] = walk->targets[i].rank > 0; /* now: a mask of AdaLoRA may leave rank 0 */
    status = apply_all(walk, targeted, err);
    free(targeted);
    return status;
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
