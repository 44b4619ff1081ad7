/* lora.c - a LoRA adapter's two files, against each other and against the model.
 *
 * The config decides which modules are adapted and how strongly (lora_targets.h); the tensor file must
 * hold exactly the matrices these modules need. Tensors left over are either of a kind that PEFT would
 * have applied, and then refused, or of no effect there either, and then mentioned. */
#include "model/lora.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/adapter_build.h"
#include "model/lora_targets.h"
#include "model/model.h"

/* One run of lora_resolve(). */
struct resolving {
    struct adapter_build build;
    const struct lora_config *config;
    struct lora_target *targets; /* [module_count] */
    uint32_t applied;            /* targets with tensors */
};

/* ------------------------------------------------------------------------------ foreign tensors */

static int ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* Is `key` (after ADAPTER_PREFIX) the weight or bias of a module of the base? PEFT would load it there. */
static int is_base_tensor(const struct pst_model *model, const char *key) {
    for (uint32_t i = 0; i < model->weights.module_count; i++) {
        const char *name = model->weights.modules[i].name;
        size_t length = strlen(name);
        if (strncmp(key, name, length) != 0) continue;
        const char *rest = key + length;
        if (strncmp(rest, ".base_layer", 11) == 0) rest += 11;
        if (strcmp(rest, ".weight") == 0 || strcmp(rest, ".bias") == 0) return 1;
    }
    return 0;
}

/* Why a tensor of this name means more than plain LoRA; NULL when it does not. */
static const char *foreign_kind(const struct pst_model *model, const char *name) {
    if (strstr(name, "lora_magnitude_vector")) return "it belongs to DoRA (use_dora)";
    if (strstr(name, "lora_embedding_")) return "it adapts an embedding";
    if (ends_with(name, ".lora_B.bias")) return "it is a bias of lora_B (lora_bias)";
    if (strstr(name, "trainable_tokens")) return "it replaces rows of the embedding";
    if (strstr(name, ".modules_to_save.") || strstr(name, ".base_layer."))
        return "it replaces a tensor of the base";
    if (strncmp(name, ADAPTER_PREFIX, strlen(ADAPTER_PREFIX)) == 0 &&
        is_base_tensor(model, name + strlen(ADAPTER_PREFIX)))
        return "it replaces a tensor of the base (bias, modules_to_save or save_embedding_layers)";
    return NULL;
}

static pst_status check_kinds(const struct resolving *run, pst_error *err) {
    const struct safetensors *file = &run->build.adapter->file;
    for (size_t i = 0; i < file->count; i++) {
        const char *why = foreign_kind(run->build.adapter->model, file->tensors[i].name);
        if (why)
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: tensor %s: %s: not supported",
                             file->path, file->tensors[i].name, why);
    }
    return PST_OK;
}

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

static void warn_unused(const struct resolving *run) {
    const struct safetensors *file = &run->build.adapter->file;
    struct buffer names = {0};
    const char *hint = "";
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (run->build.used[i]) continue;
        if (count == 0) hint = unused_hint(file->tensors[i].name);
        adapter_list_name(&names, file->tensors[i].name, count++);
    }
    pst_error note;
    error_set(&note, PST_OK, "%s: %zu of %zu tensors belong to no adapted module: %s%s", file->path,
              count, file->count, names.data ? names.data : "", hint);
    if (count > 0) adapter_build_warn(&run->build, &note);
    buffer_free(&names);
}

/* ------------------------------------------------------------------------------------- matrices */

/* Is `tensor` lora_A [rank, in] or, with `is_b`, lora_B [out, rank]? Which of the two sizes is wrong
 * tells the config from the model. */
static pst_status check_shape(const struct resolving *run, const struct module *module,
                              const struct tensor *tensor, int is_b, size_t rank, pst_error *err) {
    size_t rows = is_b ? module->out : rank, columns = is_b ? rank : module->in;
    char text[128];
    if (tensor->dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns) return PST_OK;
    int fits = tensor->dims == 2 && (is_b ? tensor->shape[0] == rows : tensor->shape[1] == columns);
    return error_set(err, PST_ERR_MODEL, "%s: %s %s is %s, %s [%zu, %zu]%s",
                     run->build.adapter->file.path, adapter_shown(module->name),
                     is_b ? "lora_B" : "lora_A", tensor_shape_text(tensor, text),
                     fits ? "the rank in adapter_config.json needs" : "the base model needs", rows,
                     columns, fits ? "" : " (is this adapter for another size?)");
}

/* PEFT creates a module's matrices before it loads them. One that is not stored keeps its initial
 * value: a zero lora_B switches the module off, anything else is random. */
static pst_status miss_matrix(struct resolving *run, const char *module, const struct tensor *b,
                              pst_error *err) {
    if (b || !run->config->init_zeroes_b)
        return error_set(err, PST_ERR_MODEL,
                         "%s: targeted module %s has no %s: PEFT would use random numbers for it",
                         run->build.adapter->file.path, adapter_shown(module),
                         b ? "lora_A" : "lora_B");
    adapter_list_name(&run->build.missing, adapter_shown(module), run->build.missing_count++);
    return PST_OK;
}

/* Fills the effect of one targeted module. */
static pst_status apply(struct resolving *run, uint32_t slot, pst_error *err) {
    struct adapter_build *build = &run->build;
    const struct module *module = &build->adapter->model->weights.modules[slot];
    const struct lora_target *target = &run->targets[slot];
    struct effect effect = {.rank = target->rank, .scale = target->scale};
    pst_status status = PST_OK;
    const struct tensor *a = adapter_build_find(build, module->name, "lora_A.weight", &status, err);
    const struct tensor *b = adapter_build_find(build, module->name, "lora_B.weight", &status, err);
    if (status) return status;
    if (a) status = check_shape(run, module, a, 0, target->rank, err);
    if (b && !status) status = check_shape(run, module, b, 1, target->rank, err);
    if (!status && (!a || !b)) return miss_matrix(run, module->name, b, err);
    if (!status) status = adapter_build_floats(build, a, &effect.a, err);
    if (!status) status = adapter_build_floats(build, b, &effect.b, err);
    if (!status) build->adapter->effects[slot] = effect;
    run->applied += !status;
    return status;
}

/* ------------------------------------------------------------------------------------ resolving */

static pst_status refuse_nothing_applied(const struct resolving *run, pst_error *err) {
    const struct safetensors *file = &run->build.adapter->file;
    const char *first = file->count ? file->tensors[0].name : "nothing";
    uint32_t slot = 0; /* of the first target: lora_targets_find() saw to it that there is one */
    while (run->targets[slot].rank == 0) slot++;
    return error_set(err, PST_ERR_MODEL,
                     "%s: holds none of the tensors that adapter_config.json targets, such as "
                     "%s%s.lora_B.weight; it has %s%s",
                     file->path, ADAPTER_PREFIX,
                     run->build.adapter->model->weights.modules[slot].name, first,
                     file->count ? unused_hint(first) : "");
}

static pst_status apply_all(struct resolving *run, pst_error *err) {
    struct pst_adapter *adapter = run->build.adapter;
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < adapter->model->weights.module_count && !status; i++)
        if (run->targets[i].rank > 0) status = apply(run, i, err);
    if (status) return status;
    if (run->applied == 0) return refuse_nothing_applied(run, err);
    pst_error note;
    error_set(&note, PST_OK,
              "%s: no lora_B for %u of %u targeted modules, which stay as they are: %s",
              adapter->file.path, run->build.missing_count, run->build.missing_count + run->applied,
              run->build.missing.data ? run->build.missing.data : "");
    if (run->build.missing_count > 0) adapter_build_warn(&run->build, &note);
    warn_unused(run);
    adapter->info.peft_type = "LORA";
    adapter->info.rslora = run->config->use_rslora;
    return PST_OK;
}

static pst_status resolve(struct resolving *run, pst_error *err) {
    const struct weights *weights = &run->build.adapter->model->weights;
    uint32_t adapted = 0;
    run->targets = calloc((size_t)weights->module_count + 1, sizeof *run->targets);
    if (!run->targets) return error_memory(err, 0);
    pst_status status = lora_targets_find(run->config, weights->modules, weights->module_count,
                                          run->targets, &adapted, err);
    if (!status) status = check_kinds(run, err);
    return status ? status : apply_all(run, err);
}

pst_status lora_resolve(const struct pst_model *model, const struct lora_config *config,
                        struct safetensors *file, const pst_adapter_options *options,
                        struct pst_adapter **adapter, pst_error *err) {
    struct resolving run = {.config = config};
    pst_status status =
        adapter_build_start(&run.build, model, file, config->base_model, options, err);
    if (!status) status = resolve(&run, err);
    free(run.targets);
    return adapter_build_end(&run.build, status, adapter, err);
}
