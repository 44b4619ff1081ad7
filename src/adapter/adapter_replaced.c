/* adapter_replaced.c - tensors of an adapter file that replace tensors of the base.
 *
 * Three features of PEFT end here, which its loader does not distinguish either: modules_to_save,
 * whose modules are copied before they are trained; biases, which are trained in place; and
 * embeddings stored whole because they were adapted or resized. It makes a difference when proj_out
 * shares its weight with embed_tokens: a tensor trained in place changes both, a copy one of them.
 *
 * A tensor that equals the base's changes nothing and is not kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_build.h"
#include "base/error.h"
#include "base/text.h"
#include "model/model.h"

/* Does the name of the module, or of one that contains it, end with an entry of modules_to_save?
 * PEFT compares letters, not parts: "norm" means layer_norm too. */
static int is_saved(const struct adapter_saved *saved, const char *name) {
    for (size_t i = 0; i < saved->count; i++) {
        for (size_t at = 0; name[at]; at++)
            if (name[at] == '.' && text_ends_with(name, at, saved->names[i])) return 1;
        if (text_ends_with(name, strlen(name), saved->names[i])) return 1;
    }
    return 0;
}

static pst_status check_shape(const struct adapter_build *build, const struct module *module,
                              const struct tensor *tensor, const size_t *shape, uint32_t dims,
                              pst_error *err) {
    char found[128], wanted[128];
    if (tensor_has_shape(tensor, dims, shape)) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: %s is %s, the base model needs %s%s",
                     build->adapter->file.path, tensor->name, tensor_shape_text(tensor, found),
                     shape_text(dims, shape, wanted),
                     module->out != tensor->shape[0] && module->kind == MODULE_EMBEDDING
                         ? " (was its vocabulary resized?)"
                         : " (is this adapter for another size?)");
}

/* The values of `tensor` in the order of the network; NULL when they are the base's. */
static pst_status take(struct adapter_build *build, const struct module *module,
                       const struct tensor *tensor, const float *base, const float **values,
                       pst_error *err) {
    pst_status status = adapter_build_floats(build, tensor, values, err);
    if (status) return status;
    if (memcmp(*values, base, tensor->count * sizeof **values) == 0) {
        *values = NULL;
        return PST_OK;
    }
    return tensor->dims == 3 ? adapter_build_reorder(build, module, module->out, values, err)
                             : PST_OK;
}

static pst_status take_weight(struct adapter_build *build, const struct module *module,
                              const struct tensor *tensor, const float **values, pst_error *err) {
    size_t shape[] = {module->out, module->in, module->kernel};
    uint32_t dims = module_dims(module);
    if (module->kind == MODULE_NUMBER && tensor->dims == 1) dims = 1; /* torch takes [1] for [] */
    pst_status status = check_shape(build, module, tensor, shape, dims, err);
    return status ? status : take(build, module, tensor, module->weight, values, err);
}

static pst_status take_bias(struct adapter_build *build, const struct module *module,
                            const struct tensor *tensor, const float **values, pst_error *err) {
    size_t shape[] = {module->out};
    pst_status status = check_shape(build, module, tensor, shape, 1, err);
    return status ? status : take(build, module, tensor, module->bias, values, err);
}

static pst_status miss(const struct adapter_build *build, const struct module *module,
                       const char *part, pst_error *err) {
    return error_set(err, PST_ERR_MODEL,
                     "%s: modules_to_save means %s, but the file has no %s of it",
                     build->adapter->file.path, module->name, part);
}

/* The tensors of a module, below "<module>." or, when an adapter wraps it,
 * "<module>.base_layer." */
static pst_status take_module(struct adapter_build *build, uint32_t slot, int wrapped, int saved,
                              pst_error *err) {
    const struct module *module = &build->adapter->model->weights.modules[slot];
    struct effect *effect = &build->adapter->effects[slot];
    pst_status status = PST_OK;
    char weight_name[32];
    snprintf(weight_name, sizeof weight_name, "%s%s", wrapped ? "base_layer." : "", module->part);
    const char *bias_name = wrapped ? "base_layer.bias" : "bias";
    const struct tensor *weight =
        adapter_build_find(build, module->name, weight_name, &status, err);
    const struct tensor *bias = NULL;
    if (module->bias) bias = adapter_build_find(build, module->name, bias_name, &status, err);
    if (status) return status;
    if (saved && !weight) return miss(build, module, module->part, err);
    if (saved && module->bias && !bias) return miss(build, module, "bias", err);
    if (weight) status = take_weight(build, module, weight, &effect->weight, err);
    if (bias && !status) status = take_bias(build, module, bias, &effect->bias, err);
    return status;
}

static int is_output(const struct module *module) {
    return strcmp(module->name, "proj_out") == 0;
}

/* proj_out and embed_tokens may share their weight: what was loaded in place into one is then in
 * the other too. When both were loaded, the output's stays, as it is loaded last. */
static void share(struct pst_adapter *adapter, const unsigned char *saved) {
    const struct weights *weights = &adapter->model->weights;
    uint32_t output = weights->proj_out.slot, embedding = weights->embed_tokens.slot;
    if (!adapter->model->config.tie_word_embeddings) return;
    const float *in_place = saved[output] ? NULL : adapter->effects[output].weight;
    if (!in_place && !saved[embedding]) in_place = adapter->effects[embedding].weight;
    if (!in_place) return;
    if (!saved[output]) adapter->effects[output].weight = in_place;
    if (!saved[embedding]) adapter->effects[embedding].weight = in_place;
}

static pst_status take_all(struct adapter_build *build, const struct adapter_saved *saved,
                           unsigned char *is_copy, pst_error *err) {
    const struct weights *weights = &build->adapter->model->weights;
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < weights->module_count && !status; i++) {
        const struct module *module = &weights->modules[i];
        is_copy[i] = (unsigned char)(is_saved(saved, module->name) ||
                                     (saved->ties_output && is_output(module)));
        if (is_copy[i] && saved->wrapped[i])
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: modules_to_save and target_modules both mean %s",
                             build->adapter->file.path, module->name);
        status = take_module(build, i, saved->wrapped[i], is_copy[i], err);
    }
    if (!status) share(build->adapter, is_copy);
    return status;
}

pst_status adapter_build_replaced(struct adapter_build *build, const struct adapter_saved *saved,
                                  pst_error *err) {
    uint32_t count = build->adapter->model->weights.module_count;
    unsigned char *is_copy = calloc((size_t)count + 1, 1);
    if (!is_copy) return error_memory(err, count);
    pst_status status = take_all(build, saved, is_copy, err);
    free(is_copy);
    return status;
}
