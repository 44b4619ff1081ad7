/* shira.c - SHiRA: numbers at places of the weight, which the file names.
 *
 *     delta[row[k], column[k]] += weight[k]      indices [2, count]: rows, then columns
 *
 * There are as many numbers as LoRA of the same rank would have. */
#include <string.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

/* Indices are int32, or float32 where PEFT saved them on Windows. -1: no index. */
static int64_t index_at(const struct tensor *tensor, size_t at) {
    int32_t whole;
    float number;
    if (tensor->dtype == DTYPE_I32) {
        memcpy(&whole, tensor->data + at * sizeof whole, sizeof whole);
        return whole;
    }
    memcpy(&number, tensor->data + at * sizeof number, sizeof number);
    return number >= 0 && number <= (float)INT32_MAX ? (int64_t)number : -1;
}

static pst_status find_indices(struct adapter_walk *walk, const struct module *module, size_t count,
                               const struct tensor **indices, pst_error *err) {
    const char *path = walk->build.adapter->file.path, *name = adapter_shown(module->name);
    const size_t shape[] = {2, count};
    char is[128], needed[128];
    pst_status status = PST_OK;
    const struct tensor *found =
        adapter_build_find(&walk->build, module->name, "shira_indices", &status, err);
    *indices = found;
    if (status) return status;
    if (!found)
        return error_set(
            err, PST_ERR_MODEL,
            "%s: targeted module %s has no shira_indices: PEFT would use random places", path,
            name);
    if (!tensor_has_shape(found, 2, shape) ||
        (found->dtype != DTYPE_I32 && found->dtype != DTYPE_F32))
        return error_set(err, PST_ERR_MODEL, "%s: %s shira_indices is %s %s, expected I32 %s", path,
                         name, dtype_name(found->dtype), tensor_shape_text(found, is),
                         shape_text(2, shape, needed));
    return PST_OK;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t out = module->out, in = module->in, count = walk->config->selection.r * (out + in);
    const char *path = walk->build.adapter->file.path, *name = adapter_shown(module->name);
    if (count > out * in)
        return error_set(err, PST_ERR_MODEL,
                         "%s: r is %u, which is more numbers than %s has (PEFT refuses it too)",
                         walk->config->file.path, walk->config->selection.r, name);
    struct part part = {.name = "shira_weight", .dims = 1, .shape = {count}};
    const struct tensor *indices;
    int complete;
    pst_status status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    status = find_indices(walk, module, count, &indices, err);
    float *delta = status ? NULL : change_new(walk, slot, &status, err);
    if (!delta) return status;
    for (size_t k = 0; k < count; k++) {
        int64_t row = index_at(indices, k), column = index_at(indices, count + k);
        if (row < 0 || column < 0 || row >= (int64_t)out || column >= (int64_t)in)
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s shira_indices[%zu] is outside the weight [%zu, %zu]", path,
                             name, k, out, in);
        delta[(size_t)row * in + (size_t)column] += part.values[k];
    }
    return change_use_delta(walk, slot, delta, 1, err);
}

const struct adapter_method SHIRA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
