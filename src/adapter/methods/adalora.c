/* adalora.c - AdaLoRA: a product with a factor for each rank, some of them cut off in training.
 *
 *     delta = scale * B (E . A)      A [rank, in], E [rank, 1], B [out, rank]
 *     scale = lora_alpha / (init_r + 1e-5), both sides float32 in PEFT
 *
 * rank_pattern holds a mask of init_r booleans for each module; a saved file has only the
 * ranks that are true. The divisor stays init_r all the same: PEFT creates a module at that
 * rank and keeps its number when it cuts it. An alpha that is not positive means the rank
 * itself, of what is left then. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/methods/methods.h"
#include "base/error.h"
#include "base/text.h"
#include "model/model.h"

/* The slot of the module that `key` names: "<module>.lora_E" or, not yet renamed by
 * save_pretrained(), "<module>.lora_E.default". */
static pst_status find_slot(const struct adapter_walk *walk, const char *key, uint32_t *slot,
                            pst_error *err) {
    static const char *const endings[] = {".lora_E", ".lora_E.default"};
    const struct weights *weights = &walk->build.adapter->model->weights;
    size_t length = strlen(key);
    for (int e = 0; e < 2; e++) {
        size_t ending = strlen(endings[e]);
        if (!text_ends_with(key, length, endings[e])) continue;
        for (*slot = 0; *slot < weights->module_count; ++*slot) {
            const char *name = weights->modules[*slot].name;
            if (walk->targets[*slot].rank > 0 && strlen(name) == length - ending &&
                strncmp(name, key, length - ending) == 0)
                return PST_OK;
        }
    }
    return error_set(err, PST_ERR_MODEL,
                     "%s: rank_pattern has %s, expected \"<targeted module>.lora_E\"",
                     walk->config->file.path, key);
}

/* How many ranks a mask keeps. */
static pst_status count_ranks(const struct adapter_walk *walk, const char *key, const json_t *mask,
                              uint32_t *rank, pst_error *err) {
    uint32_t init_r = walk->config->selection.r;
    if (!json_is_array(mask) || json_array_size(mask) != init_r)
        return error_set(err, PST_ERR_MODEL,
                         "%s: rank_pattern: %s is not a list of %u booleans (init_r)",
                         walk->config->file.path, key, init_r);
    *rank = 0;
    for (size_t i = 0; i < init_r; i++) {
        const json_t *kept = json_array_get(mask, i);
        if (!json_is_boolean(kept))
            return error_set(err, PST_ERR_MODEL,
                             "%s: rank_pattern: %s[%zu] is %s, expected true "
                             "or false",
                             walk->config->file.path, key, i, json_kind(kept));
        *rank += json_is_true(kept);
    }
    return PST_OK;
}

/* Sets the targets' ranks to what their masks leave. */
static pst_status start(struct adapter_walk *walk, pst_error *err) {
    uint32_t modules = walk->build.adapter->model->weights.module_count;
    uint32_t *ranks = malloc(((size_t)modules + 1) * sizeof *ranks);
    if (!ranks) return error_memory(err, ((size_t)modules + 1) * sizeof *ranks);
    for (uint32_t i = 0; i < modules; i++) ranks[i] = walk->targets[i].rank;
    pst_status status = PST_OK;
    const char *key;
    json_t *mask; /* without masks the loop does not begin */
    json_object_foreach((json_t *)walk->config->rank_masks, key, mask) {
        uint32_t slot = 0;
        if (!status) status = find_slot(walk, key, &slot, err);
        if (!status) status = count_ranks(walk, key, mask, &ranks[slot], err);
    }
    for (uint32_t i = 0; i < modules && !status; i++) walk->targets[i].rank = ranks[i];
    free(ranks);
    return status;
}

static double scale_of(const struct peft_config *config, uint32_t rank) {
    float divisor = (float)config->selection.r + 1e-5f;
    return (config->selection.alpha > 0 ? config->selection.alpha : rank) / (double)divisor;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    struct adapter_build *build = &walk->build;
    const struct module *module = &build->adapter->model->weights.modules[slot];
    uint32_t rank = walk->targets[slot].rank;
    struct part parts[] = {{.name = "lora_A", .dims = 2, .shape = {rank, module->in}},
                           {.name = "lora_B", .dims = 2, .shape = {module->out, rank}},
                           {.name = "lora_E", .dims = 2, .shape = {rank, 1}}};
    int complete;
    pst_status status = adapter_walk_take(walk, module, parts, 3, &complete, err);
    if (status || !complete) return status;
    if (rank == 0) return PST_OK; /* all of it was cut off */
    walk->applied++;
    float *a = adapter_build_own(build, (size_t)rank * module->in, sizeof *a, &status, err);
    if (!a) return status;
    for (size_t i = 0; i < (size_t)rank * module->in; i++) {
        a[i] = parts[0].values[i] * parts[2].values[i / module->in];
        if (!isfinite(a[i]))
            return error_set(err, PST_ERR_MODEL,
                             "%s: lora_A and lora_E of %s multiply to numbers beyond float32",
                             build->adapter->file.path, adapter_shown(module->name));
    }
    struct effect *effect = &build->adapter->effects[slot];
    effect->rank = rank;
    effect->a = a;
    effect->b = parts[1].values;
    effect->scale = scale_of(walk->config, rank);
    return PST_OK;
}

const struct adapter_method ADALORA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .start = start, .apply = apply, .missing = "nothing"};
