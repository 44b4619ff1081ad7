/* lora.c - a LoRA adapter's two files, against each other and against the model.
 *
 * The config decides which modules are adapted and how strongly (lora_targets.h); the tensor file must
 * hold what these modules need (lora_matrices.c and its neighbours in lora_build.h). Tensors left over
 * have no effect in PEFT either, and are mentioned. */
#include "adapter/methods/lora.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/methods/lora_build.h"
#include "base/error.h"
#include "model/model.h"

/* What is odd about a key that no module uses; "" when nothing is known. */
static const char *unused_hint(const char *name) {
    const char *infix = strstr(name, ".lora_A.");
    if (!infix) infix = strstr(name, ".lora_B.");
    if (strncmp(name, ADAPTER_PREFIX, strlen(ADAPTER_PREFIX)) != 0)
        return "; keys begin with base_model.model. in files that PEFT writes";
    if (infix && strcmp(infix + 8, "weight") != 0)
        return "; keys hold no adapter name between lora_A or lora_B and weight in files that PEFT "
               "writes";
    return "";
}

static void warn_unused(const struct lora_build *lora) {
    const struct safetensors *file = &lora->build.adapter->file;
    struct buffer names = {0};
    const char *hint = "";
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (lora->build.used[i]) continue;
        if (count == 0) hint = unused_hint(file->tensors[i].name);
        adapter_list_name(&names, file->tensors[i].name, count++);
    }
    pst_error note;
    error_set(&note, PST_OK, "%s: %zu of %zu tensors belong to no adapted module: %s%s", file->path,
              count, file->count, names.data ? names.data : "", hint);
    if (count > 0) adapter_build_warn(&lora->build, &note);
    buffer_free(&names);
}

static pst_status refuse_nothing_applied(const struct lora_build *lora, pst_error *err) {
    const struct safetensors *file = &lora->build.adapter->file;
    const char *first = file->count ? file->tensors[0].name : "nothing";
    uint32_t slot = 0; /* of the first target: lora_targets_find() saw to it that there is one */
    while (lora->targets[slot].rank == 0) slot++;
    const struct module *module = &lora->build.adapter->model->weights.modules[slot];
    return error_set(err, PST_ERR_MODEL,
                     "%s: holds none of the tensors that adapter_config.json targets, such as "
                     "%s%s.%s; it has %s%s",
                     file->path, ADAPTER_PREFIX, module->name,
                     module->kind == MODULE_EMBEDDING ? "lora_embedding_B" : "lora_B.weight", first,
                     file->count ? unused_hint(first) : "");
}

static void warn_missing(const struct lora_build *lora) {
    const struct adapter_build *build = &lora->build;
    pst_error note;
    error_set(&note, PST_OK,
              "%s: no lora_B for %u of %u targeted modules, which stay as they are: %s",
              build->adapter->file.path, build->missing_count, build->missing_count + lora->applied,
              build->missing.data ? build->missing.data : "");
    if (build->missing_count > 0) adapter_build_warn(build, &note);
}

pst_status lora_take_replaced(struct lora_build *lora, pst_error *err) {
    const struct lora_config *config = lora->config;
    uint32_t count = lora->build.adapter->model->weights.module_count;
    unsigned char *wrapped = calloc((size_t)count + 1, 1);
    if (!wrapped) return error_memory(err, count);
    struct adapter_saved saved = {.names = config->modules_to_save.items,
                                  .count = config->modules_to_save.count,
                                  .wrapped = wrapped};
    for (uint32_t i = 0; i < count; i++) wrapped[i] = lora->targets[i].rank > 0;
    for (size_t i = 0; i < saved.count; i++)
        if (config->ensure_weight_tying && strcmp(saved.names[i], "embed_tokens") == 0)
            saved.ties_output = lora->build.adapter->model->config.tie_word_embeddings;
    pst_status status = adapter_build_replaced(&lora->build, &saved, err);
    free(wrapped);
    return status;
}

static pst_status apply(struct lora_build *lora, pst_error *err) {
    struct pst_adapter *adapter = lora->build.adapter;
    uint32_t count = adapter->model->weights.module_count;
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < count && !status; i++)
        if (lora->targets[i].rank > 0) status = lora_take_matrices(lora, i, err);
    if (!status) status = lora_take_replaced(lora, err);
    if (!status) status = lora_take_tokens(lora, err);
    if (!status && lora->applied == 0) status = refuse_nothing_applied(lora, err);
    for (uint32_t i = 0; i < count && !status; i++) {
        status = lora_correct_base(lora, i, err);
        if (!status) status = lora_find_norms(lora, i, err);
    }
    if (status) return status;
    warn_missing(lora);
    warn_unused(lora);
    adapter->info.peft_type = "LORA";
    adapter->info.rslora = lora->config->use_rslora;
    return PST_OK;
}

static pst_status resolve(struct lora_build *lora, pst_error *err) {
    const struct weights *weights = &lora->build.adapter->model->weights;
    uint32_t adapted = 0;
    lora->targets = calloc((size_t)weights->module_count + 1, sizeof *lora->targets);
    if (!lora->targets) return error_memory(err, 0);
    pst_status status = lora_targets_find(lora->config, weights->modules, weights->module_count,
                                          lora->targets, &adapted, err);
    return status ? status : apply(lora, err);
}

pst_status lora_resolve(const struct pst_model *model, const struct lora_config *config,
                        struct safetensors *file, const pst_adapter_options *options,
                        struct pst_adapter **adapter, pst_error *err) {
    struct lora_build lora = {.config = config};
    pst_status status =
        adapter_build_start(&lora.build, model, file, config->base_model, options, err);
    if (!status) status = resolve(&lora, err);
    free(lora.targets);
    return adapter_build_end(&lora.build, status, adapter, err);
}
