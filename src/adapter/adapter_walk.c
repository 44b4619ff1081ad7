/* adapter_walk.c - see adapter_walk.h. */
#include "adapter/adapter_walk.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_keys.h"
#include "base/error.h"
#include "model/model.h"

/* --------------------------------------------------------------------------------------- parts */

static pst_status check_shape(const struct adapter_walk *walk, const struct module *module,
                              const struct part *part, const struct tensor *tensor,
                              pst_error *err) {
    char is[128], needed[128];
    if (tensor_has_shape(tensor, part->dims, part->shape)) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: %s %s is %s, the base model and adapter_config.json need %s",
                     walk->build.adapter->file.path, adapter_shown(module->name), part->name,
                     tensor_shape_text(tensor, is), shape_text(part->dims, part->shape, needed));
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
    if (found > 0 || walk->random_init)
        return error_set(err, PST_ERR_MODEL,
                         "%s: targeted module %s has no %s: PEFT would use random numbers for it",
                         build->adapter->file.path, adapter_shown(module->name), missing->name);
    adapter_list_name(&build->missing, adapter_shown(module->name), build->missing_count++);
    return PST_OK;
}

/* ------------------------------------------------------------------------------------ messages */

/* PEFT refuses to adapt modules of a kind that the method is not for. */
static pst_status check_kinds(const struct adapter_walk *walk, unsigned kinds, pst_error *err) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    for (uint32_t i = 0; i < weights->module_count; i++) {
        const struct module *module = &weights->modules[i];
        if (walk->targets[i].rank > 0 && !(kinds & 1u << module->kind))
            return error_set(err, PST_ERR_MODEL,
                             "%s: target_modules matches %s, which %s cannot adapt (PEFT refuses "
                             "it too)",
                             walk->config->file.path, module->name,
                             peft_method_name(walk->config->method));
    }
    return PST_OK;
}

static void warn_missing(const struct adapter_walk *walk, const char *missing) {
    const struct adapter_build *build = &walk->build;
    pst_error note;
    error_set(&note, PST_OK, "%s: %s for %u of %u targeted modules, which stay as they are: %s",
              build->adapter->file.path, missing, build->missing_count,
              build->missing_count + walk->applied, build->missing.data ? build->missing.data : "");
    if (build->missing_count > 0) adapter_build_warn(build, &note);
}

/* Puts into `hint` what is wrong with the name of a tensor that no module uses. */
static const char *find_hint(const char *name, struct buffer *hint) {
    struct buffer mended = {0};
    if (adapter_key_mend(name, &mended))
        buffer_format(hint, "; PEFT looks for %s and runs the base without it", mended.data);
    buffer_free(&mended);
    return hint->data && !hint->failed ? hint->data : "";
}

/* PEFT ignores tensors left over too. */
static void warn_unused(const struct adapter_walk *walk) {
    const struct safetensors *file = &walk->build.adapter->file;
    struct buffer names = {0}, hint = {0};
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (walk->build.used[i]) continue;
        if (!first) first = file->tensors[i].name;
        adapter_list_name(&names, file->tensors[i].name, count++);
    }
    pst_error note;
    error_set(&note, PST_OK, "%s: %zu of %zu tensors belong to no adapted module: %s%s", file->path,
              count, file->count, names.data ? names.data : "",
              first ? find_hint(first, &hint) : "");
    if (count > 0) adapter_build_warn(&walk->build, &note);
    buffer_free(&names);
    buffer_free(&hint);
}

static pst_status refuse_nothing_applied(const struct adapter_walk *walk,
                                         const struct adapter_method *method, pst_error *err) {
    const struct safetensors *file = &walk->build.adapter->file;
    const char *first = file->count ? file->tensors[0].name : "nothing";
    struct buffer hint = {0}, example = {0};
    uint32_t slot = 0; /* of the first target: targets_find() made sure that there is one */
    while (walk->targets[slot].rank == 0) slot++;
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    if (method->example)
        buffer_format(&example, "such as %s%s.%s", ADAPTER_PREFIX, module->name,
                      method->example(module));
    else
        buffer_format(&example, "as %s has them", peft_method_name(walk->config->method));
    pst_status status =
        example.failed
            ? error_memory(err, 0)
            : error_set(err, PST_ERR_MODEL,
                        "%s: holds none of the tensors that adapter_config.json targets, %s; it "
                        "has %s%s",
                        file->path, example.data, first, find_hint(first, &hint));
    buffer_free(&example);
    buffer_free(&hint);
    return status;
}

/* ------------------------------------------------------------------------------------ the walk */

/* `targeted` [module_count]: what the config means, also where a mask of AdaLoRA leaves rank 0. */
static pst_status apply_all(struct adapter_walk *walk, const struct adapter_method *method,
                            const unsigned char *targeted, pst_error *err) {
    const struct peft_config *config = walk->config;
    const struct pst_model *model = walk->build.adapter->model;
    const struct selection_names *names = &config->selection.modules_to_save;
    struct adapter_saved saved = {
        .names = names->items, .count = names->count, .wrapped = targeted};
    for (size_t i = 0; i < saved.count; i++)
        if (config->lora.ensure_weight_tying && strcmp(saved.names[i], "embed_tokens") == 0)
            saved.ties_output = model->config.tie_word_embeddings;
    pst_status status = method->start ? method->start(walk, err) : PST_OK;
    if (!status) status = adapter_build_replaced(&walk->build, &saved, err);
    for (uint32_t i = 0; i < model->weights.module_count && !status; i++)
        if (targeted[i]) status = method->apply(walk, i, err);
    if (!status && method->finish) status = method->finish(walk, err);
    if (!status && walk->applied == 0) status = refuse_nothing_applied(walk, method, err);
    if (status) return status;
    warn_missing(walk, method->missing);
    warn_unused(walk);
    walk->build.adapter->info.peft_type = peft_method_name(config->method);
    walk->build.adapter->info.rslora = config->selection.use_rslora;
    return PST_OK;
}

static pst_status resolve(struct adapter_walk *walk, const struct adapter_method *method,
                          pst_error *err) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    uint32_t count = weights->module_count, adapted = 0;
    walk->targets = calloc((size_t)count + 1, sizeof *walk->targets);
    unsigned char *targeted = calloc((size_t)count + 1, 1);
    pst_status status = walk->targets && targeted ? PST_OK : error_memory(err, 0);
    if (!status)
        status = targets_find(&walk->config->selection, weights->modules, count, walk->targets,
                              &adapted, err);
    if (!status) status = check_kinds(walk, method->kinds, err);
    for (uint32_t i = 0; i < count && !status; i++) targeted[i] = walk->targets[i].rank > 0;
    if (!status) status = apply_all(walk, method, targeted, err);
    free(targeted);
    return status;
}

pst_status adapter_walk_all(const struct adapter_method *method, const struct pst_model *model,
                            const struct peft_config *config, struct safetensors *file,
                            const pst_adapter_options *options, struct pst_adapter **adapter,
                            pst_error *err) {
    struct adapter_walk walk = {.config = config, .random_init = config->random_init};
    pst_status status =
        adapter_build_start(&walk.build, model, file, config->base_model, options, err);
    if (!status) status = resolve(&walk, method, err);
    free(walk.targets);
    return adapter_build_end(&walk.build, status, adapter, err);
}
