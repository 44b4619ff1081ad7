/* lora_matrices.c - the matrices of one module: names and shapes by its kind.
 *
 *                  lora_A               lora_B
 *     linear       [rank, in]           [out, rank]
 *     convolution  [rank, in, kernel]   [out, rank, 1]
 *     embedding    [rank, vocab]        [dim, rank]
 *
 * An embedding has lora_embedding_A and lora_embedding_B, without ".weight". */
#include <stdio.h>
#include <string.h>

#include "adapter/methods/lora_steps.h"
#include "base/error.h"
#include "model/model.h"

/* A tensor as the config and the model want it. */
struct want {
    const char *part;
    uint32_t dims, rank_at; /* shape[rank_at] is the rank, the rest is the model's */
    size_t shape[3];
};

static struct want want_a(const struct module *module, size_t rank) {
    if (module->kind == MODULE_EMBEDDING)
        return (struct want){"lora_embedding_A", 2, 0, {rank, module->out}};
    if (module->kind == MODULE_CONV1D)
        return (struct want){"lora_A.weight", 3, 0, {rank, module->in, module->kernel}};
    return (struct want){"lora_A.weight", 2, 0, {rank, module->in}};
}

static struct want want_b(const struct module *module, size_t rank) {
    if (module->kind == MODULE_EMBEDDING)
        return (struct want){"lora_embedding_B", 2, 1, {module->in, rank}};
    if (module->kind == MODULE_CONV1D)
        return (struct want){"lora_B.weight", 3, 1, {module->out, rank, 1}};
    return (struct want){"lora_B.weight", 2, 1, {module->out, rank}};
}

/* The size that is wrong shows which of config and model the file contradicts. */
static pst_status check_shape(const struct adapter_walk *walk, const struct module *module,
                              const struct tensor *tensor, const struct want *want,
                              pst_error *err) {
    char found[128], wanted[128];
    if (tensor_has_shape(tensor, want->dims, want->shape)) return PST_OK;
    int fits = tensor->dims == want->dims;
    for (uint32_t d = 0; d < want->dims && fits; d++)
        fits = d == want->rank_at || tensor->shape[d] == want->shape[d];
    return error_set(err, PST_ERR_MODEL, "%s: %s %.*s is %s, %s %s%s",
                     walk->build.adapter->file.path, adapter_shown(module->name),
                     (int)strcspn(want->part, "."), want->part, tensor_shape_text(tensor, found),
                     fits ? "the rank in adapter_config.json needs" : "the base model needs",
                     shape_text(want->dims, want->shape, wanted),
                     fits ? "" : " (is this adapter for another size?)");
}

/* PEFT creates a module's matrices before it loads them. One that is not stored keeps its
 * initial value: a zero lora_B (of an embedding, lora_A) switches the module off,
 * anything else is random. */
static pst_status miss_matrix(struct adapter_walk *walk, const struct module *module,
                              const struct tensor *a, const struct tensor *b, pst_error *err) {
    int embeds = module->kind == MODULE_EMBEDDING;
    int off = walk->config->lora.init_zeroes_b && !(embeds ? a : b) && !walk->config->lora.use_dora;
    if (!off)
        return error_set(err, PST_ERR_MODEL,
                         "%s: targeted module %s has no %s%s: PEFT would use random numbers for it",
                         walk->build.adapter->file.path, adapter_shown(module->name),
                         embeds ? "lora_embedding_" : "lora_",
                         (embeds ? !a : !b) == embeds ? "A" : "B");
    adapter_list_name(&walk->build.missing, adapter_shown(module->name),
                      walk->build.missing_count++);
    return PST_OK;
}

/* A vector with a value for each output: `part` of the module, required. */
static pst_status take_vector(struct adapter_walk *walk, const struct module *module,
                              const char *part, size_t count, const float **values,
                              pst_error *err) {
    char text[128];
    pst_status status = PST_OK;
    const struct tensor *tensor =
        adapter_build_find(&walk->build, module->name, part, &status, err);
    const char *path = walk->build.adapter->file.path;
    if (status) return status;
    if (!tensor)
        return error_set(err, PST_ERR_MODEL, "%s: targeted module %s has no %s", path,
                         adapter_shown(module->name), part);
    if (tensor->count != count || tensor->dims == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s %s is %s, the base model needs %zu values (is this adapter for "
                         "another size?)",
                         path, adapter_shown(module->name), part, tensor_shape_text(tensor, text),
                         count);
    return adapter_build_floats(&walk->build, tensor, values, err);
}

/* Options that PEFT has for some kinds of module only. */
static pst_status check_kind(const struct adapter_walk *walk, const struct module *module,
                             pst_error *err) {
    const struct lora_config *config = &walk->config->lora;
    const char *path = walk->config->file.path;
    if (module->kind == MODULE_EMBEDDING && config->lora_bias)
        return error_set(err, PST_ERR_MODEL,
                         "%s: lora_bias is set and target_modules matches %s, an embedding (PEFT "
                         "refuses it too)",
                         path, module->name);
    if (module->kind != MODULE_LINEAR &&
        (config->blocks.count || config->correction == LORA_CORRECTION_KASA))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is set and target_modules matches %s, which is no linear module "
                         "(PEFT refuses it too)",
                         path, config->blocks.count ? "use_bdlora" : "kasa_config", module->name);
    if (module->kind == MODULE_CONV1D && config->init && !config->init_is_gaussian)
        return error_set(err, PST_ERR_MODEL,
                         "%s: init_lora_weights is \"%s\" and target_modules matches %s, a "
                         "convolution (PEFT refuses it too)",
                         path, config->init, module->name);
    return PST_OK;
}

/* KaSA: a factor for each rank, put into A. */
static pst_status scale_ranks(struct adapter_walk *walk, const struct module *module,
                              struct effect *effect, pst_error *err) {
    size_t rank = effect->rank, in = module->in;
    const float *diagonal;
    pst_status status = take_vector(walk, module, "lora_diag", rank, &diagonal, err);
    float *a = status ? NULL : adapter_build_own(&walk->build, rank * in, sizeof *a, &status, err);
    for (size_t i = 0; a && i < rank * in; i++) a[i] = effect->a[i] * diagonal[i / in];
    effect->a = a;
    return status;
}

/* BD-LoRA: matrix [rows, block columns], whose rows are in blocks, becomes [rows, columns]. */
static pst_status lay_out(struct adapter_walk *walk, size_t rows, size_t columns,
                          const float **matrix, pst_error *err) {
    size_t count = (size_t)walk->config->lora.blocks.count, width = columns / count;
    pst_status status = PST_OK;
    float *whole = adapter_build_own(&walk->build, rows * columns, sizeof *whole, &status, err);
    for (size_t i = 0; whole && i < rows * width; i++) {
        size_t row = i / width, block = row / (rows / count);
        whole[row * columns + block * width + i % width] = (*matrix)[i];
    }
    *matrix = whole;
    return status;
}

/* The matrix of `module` that is stored in blocks: its shape, before it is looked for. */
static pst_status want_blocks(const struct adapter_walk *walk, const struct module *module,
                              size_t rank, struct want wants[2], enum lora_blocked *blocked,
                              pst_error *err) {
    const struct lora_blocks *blocks = &walk->config->lora.blocks;
    const char *path = walk->config->file.path;
    pst_status status = lora_blocks_find(blocks, path, module->name, blocked, err);
    if (status || *blocked == LORA_BLOCKED_NONE) return status;
    size_t count = (size_t)blocks->count,
           side = *blocked == LORA_BLOCKED_A ? module->in : module->out;
    if (rank % count || side % count)
        return error_set(err, PST_ERR_MODEL,
                         "%s: nblocks is %zu, which does not divide the rank %zu or a side of %s "
                         "[%u, %u] (PEFT refuses it too)",
                         path, count, rank, module->name, module->out, module->in);
    wants[*blocked == LORA_BLOCKED_B].shape[1] /= count;
    return PST_OK;
}

static pst_status take_rest(struct adapter_walk *walk, const struct module *module,
                            struct effect *effect, pst_error *err) {
    const struct lora_config *config = &walk->config->lora;
    pst_status status = PST_OK;
    if (!selection_is_off(json_object_get(walk->config->file.root, "velora_config")))
        adapter_build_find(&walk->build, module->name, "lora_velora_embed", &status, err);
    if (module->kind == MODULE_CONV1D && !status)
        status = adapter_build_reorder(&walk->build, module, effect->rank, &effect->a, err);
    if (!status && config->correction == LORA_CORRECTION_KASA)
        status = scale_ranks(walk, module, effect, err);
    if (!status && config->lora_bias)
        status = take_vector(walk, module, "lora_B.bias", module->out, &effect->b_bias, err);
    if (!status && config->use_dora)
        status = take_vector(walk, module, "lora_magnitude_vector",
                             module->kind == MODULE_EMBEDDING ? module->in : module->out,
                             &effect->magnitude, err);
    return status;
}

pst_status lora_take_matrices(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct adapter_build *build = &walk->build;
    const struct module *module = &build->adapter->model->weights.modules[slot];
    const struct target *target = &walk->targets[slot];
    struct effect effect = build->adapter->effects[slot]; /* with what the file replaces */
    effect.rank = target->rank;
    effect.scale = target->scale;
    struct want wants[] = {want_a(module, target->rank), want_b(module, target->rank)};
    const struct tensor *found[2] = {0};
    const float **values[] = {&effect.a, &effect.b};
    enum lora_blocked blocked;
    pst_status status = check_kind(walk, module, err);
    if (!status) status = want_blocks(walk, module, target->rank, wants, &blocked, err);
    for (int i = 0; i < 2 && !status; i++) {
        found[i] = adapter_build_find(build, module->name, wants[i].part, &status, err);
        if (found[i]) status = check_shape(walk, module, found[i], &wants[i], err);
    }
    if (!status && (!found[0] || !found[1]))
        return miss_matrix(walk, module, found[0], found[1], err);
    for (int i = 0; i < 2 && !status; i++)
        status = adapter_build_floats(build, found[i], values[i], err);
    if (!status && blocked == LORA_BLOCKED_A)
        status = lay_out(walk, effect.rank, module->in, &effect.a, err);
    if (!status && blocked == LORA_BLOCKED_B)
        status = lay_out(walk, module->out, effect.rank, &effect.b, err);
    if (!status) status = take_rest(walk, module, &effect, err);
    if (!status) build->adapter->effects[slot] = effect;
    walk->applied += !status;
    return status;
}
