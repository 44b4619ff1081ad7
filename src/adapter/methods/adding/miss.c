/* miss.c - MiSS: inputs are summed over blocks of `rank`, and one matrix multiplies the sums.
 *
 *     delta[o, i] = block[i % rank, o]                  block [rank, out]
 *     "mini"   block [rank, mini_r], repeated along the outputs
 *     "bat"    delta[o, i] = W[o, in its block of columns] block[o / rank, ., i % rank]
 *                            + block[o / rank, o % rank, i % rank]
 *              block [out / rank, rank, rank]
 *
 * The first two are products: a sum is a row of ones and zeros. */
#include <string.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

enum variant { PLAIN, MINI, BAT };

static pst_status read_variant(const struct adapter_walk *walk, enum variant *variant,
                               pst_error *err) {
    const struct json_file *file = &walk->config->file;
    const json_t *init = json_object_get(file->root, "init_weights");
    const char *name = json_string_value(init);
    *variant = PLAIN;
    if (!init || json_is_boolean(init)) return PST_OK;
    if (name && strcmp(name, "bat") == 0) *variant = BAT;
    if (name && strcmp(name, "mini") == 0) *variant = MINI;
    if (*variant != PLAIN) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: init_weights is %s, expected true, false, \"bat\" or \"mini\"",
                     file->path, name ? name : json_kind(init));
}

static pst_status check_sizes(const struct adapter_walk *walk, const struct module *module,
                              enum variant variant, size_t rank, size_t mini, pst_error *err) {
    const char *path = walk->config->file.path;
    if (rank > module->in)
        return error_set(err, PST_ERR_MODEL,
                         "%s: r is %zu, but %s has %u inputs (PEFT refuses it too)", path, rank,
                         module->name, module->in);
    if (variant == BAT && (module->in % rank || module->out % rank))
        return error_set(err, PST_ERR_MODEL,
                         "%s: r is %zu, which does not divide %s [%u, %u] (PEFT refuses it too)",
                         path, rank, module->name, module->out, module->in);
    if (variant == MINI && module->out % mini)
        return error_set(err, PST_ERR_MODEL,
                         "%s: mini_r is %zu, which does not divide the %u outputs of %s (PEFT "
                         "refuses it too)",
                         path, mini, module->out, module->name);
    return PST_OK;
}

static pst_status use_sums(struct adapter_walk *walk, uint32_t slot, size_t rank,
                           const float *block, size_t width, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    pst_status status = PST_OK;
    float *a = adapter_build_own(&walk->build, rank * module->in, sizeof *a, &status, err);
    float *b =
        a ? adapter_build_own(&walk->build, rank * module->out, sizeof *b, &status, err) : NULL;
    if (!b) return status;
    for (size_t i = 0; i < module->in; i++) a[i % rank * module->in + i] = 1;
    for (size_t i = 0; i < rank * module->out; i++)
        b[i] = block[i % rank * width + i / rank % width];
    return change_use_product(walk, slot, rank, a, b, 1, err);
}

static pst_status use_blocks(struct adapter_walk *walk, uint32_t slot, size_t rank,
                             const float *block, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    pst_status status = PST_OK;
    float *delta = change_new(walk, slot, &status, err);
    if (!delta) return status;
    for (size_t o = 0; o < module->out; o++) {
        const float *own = block + o / rank * rank * rank;
        for (size_t i = 0; i < module->in; i++) {
            double sum = own[o % rank * rank + i % rank];
            for (size_t k = 0; k < rank; k++)
                sum += change_base(walk, slot, o, i - i % rank + k) * own[k * rank + i % rank];
            delta[o * module->in + i] = (float)sum;
        }
    }
    walk->build.adapter->effects[slot].from_base = 1;
    return change_use_delta(walk, slot, delta, 1, err);
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    const struct json_file *file = &walk->config->file;
    size_t rank = walk->config->selection.r;
    enum variant variant;
    int64_t mini = 1; /* PEFT's default */
    int complete;
    pst_status status = read_variant(walk, &variant, err);
    if (!status) status = json_get_int(file->root, file->path, "mini_r", 1, INT32_MAX, &mini, err);
    if (!status) status = check_sizes(walk, module, variant, rank, (size_t)mini, err);
    if (status) return status;
    size_t width = variant == MINI ? (size_t)mini : module->out;
    struct part part = {.name = "miss_block", .dims = 2, .shape = {rank, width}};
    if (variant == BAT)
        part = (struct part){
            .name = "miss_block", .dims = 3, .shape = {module->out / rank, rank, rank}};
    status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    return variant == BAT ? use_blocks(walk, slot, rank, part.values, err)
                          : use_sums(walk, slot, rank, part.values, width, err);
}

const struct adapter_method MISS_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
