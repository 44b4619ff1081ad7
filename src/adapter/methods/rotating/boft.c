/* boft.c - BOFT: the inputs are rotated in blocks, and the outputs scaled.
 *
 *     boft_R [factors, blocks, size, size], of which S = (R - RT) / 2; boft_s [out, 1]
 *     W' = s . (W QT)      by row; the bias stays
 *
 * More factors than one, with permutations between them, exist only where PEFT finds its extension
 * for CUDA; elsewhere it makes and loads adapters of one factor, whatever the config says. */
#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "adapter/methods/rotating/block_rotation.h"
#include "base/error.h"
#include "model/model.h"

static pst_status find_size(const struct adapter_walk *walk, const struct module *module,
                            size_t *size, pst_error *err) {
    const json_t *root = walk->config->file.root;
    const char *path = walk->config->file.path;
    int64_t block = 4, count = 0; /* PEFT's defaults */
    pst_status status =
        json_get_int(root, path, "boft_block_size", 0, SELECTION_RANK_MAX, &block, err);
    if (!status)
        status = json_get_int(root, path, "boft_block_num", 0, SELECTION_RANK_MAX, &count, err);
    if (status) return status;
    size_t given = (size_t)(block ? block : count);
    if ((block == 0) == (count == 0) || module->in % given)
        return error_set(
            err, PST_ERR_MODEL,
            "%s: boft_block_size is %d and boft_block_num is %d, expected one of them "
            "to be 0 and the other to divide the %u inputs of %s (PEFT refuses it too)",
            path, (int)block, (int)count, module->in, module->name);
    *size = block ? given : module->in / given;
    return PST_OK;
}

/* A file that another kind of machine made is refused by what it is. */
static pst_status check_factors(struct adapter_walk *walk, const struct module *module,
                                pst_error *err) {
    pst_status status = PST_OK;
    const struct tensor *tensor =
        adapter_build_find(&walk->build, module->name, "boft_R", &status, err);
    if (status || !tensor || tensor->dims != 4 || tensor->shape[0] == 1) return status;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: %s boft_R has %zu factors, which PEFT computes with its extension for "
                     "CUDA only: not supported; there, model.merge_and_unload()"
                     ".save_pretrained(DIR) makes a model that can be used",
                     walk->build.adapter->file.path, adapter_shown(module->name), tensor->shape[0]);
}

static void fill(struct block_rotation *rotation, const float *values) {
    size_t n = rotation->size;
    for (size_t b = 0; b < rotation->count; b++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                size_t at = b * n * n;
                rotation->blocks[at + i * n + j] =
                    0.5 * ((double)values[at + i * n + j] - values[at + j * n + i]);
            }
}

static pst_status turn(struct adapter_walk *walk, uint32_t slot, struct block_rotation *rotation,
                       const float *scale, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    pst_status status = block_rotation_cayley(rotation, 0, err);
    float *weight = status ? NULL : change_new(walk, slot, &status, err);
    if (!weight) return status;
    block_rotation_turn(walk, slot, rotation, weight);
    for (size_t i = 0; i < (size_t)module->out * module->in; i++)
        weight[i] *= scale[i / module->in];
    return change_use_weight(walk, slot, weight, err);
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct block_rotation rotation;
    size_t size = 1;
    int complete;
    pst_status status = find_size(walk, module, &size, err);
    if (!status) status = check_factors(walk, module, err);
    size_t count = module->in / size;
    struct part parts[] = {{.name = "boft_R", .dims = 4, .shape = {1, count, size, size}},
                           {.name = "boft_s", .dims = 2, .shape = {module->out, 1}}};
    if (!status) status = adapter_walk_take(walk, module, parts, 2, &complete, err);
    if (status || !complete) return status;
    status = block_rotation_new(&rotation, size, count, err);
    if (status) return status;
    fill(&rotation, parts[0].values);
    status = turn(walk, slot, &rotation, parts[1].values, err);
    block_rotation_free(&rotation);
    return status;
}

const struct adapter_method BOFT_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
