/* adapter_build.c - see adapter_build.h. */
#include "adapter/adapter_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

const char ADAPTER_PREFIX[] = "base_model.model.";

/* Names listed in one message; the rest are counted. */
enum { NAMES_SHOWN = 3 };

void adapter_build_warn(const struct adapter_build *build, const pst_error *note) {
    if (build->options && build->options->warn)
        build->options->warn(build->options->user, note->message);
}

const char *adapter_shown(const char *module) {
    return strncmp(module, "model.", 6) == 0 ? module + 6 : module;
}

void adapter_list_name(struct buffer *list, const char *name, size_t count) {
    if (count < NAMES_SHOWN) buffer_format(list, "%s%s", count ? ", " : "", name);
    if (count == NAMES_SHOWN) buffer_text(list, ", ...");
}

/* -------------------------------------------------------------------------------------- tensors */

const struct tensor *adapter_build_find_shared(struct adapter_build *build, const char *key) {
    const struct tensor *tensor = safetensors_find(&build->adapter->file, key);
    if (tensor) build->used[tensor - build->adapter->file.tensors] = 1;
    return tensor;
}

const struct tensor *adapter_build_find(struct adapter_build *build, const char *module,
                                        const char *part, pst_status *status, pst_error *err) {
    struct buffer key = {0};
    const struct tensor *tensor = NULL;
    buffer_format(&key, "%s%s.%s", ADAPTER_PREFIX, module, part);
    if (key.failed)
        *status = error_memory(err, 0);
    else
        tensor = adapter_build_find_shared(build, key.data);
    buffer_free(&key);
    return tensor;
}

pst_status adapter_build_skip_copy(struct adapter_build *build, const char *module,
                                   const char *part, const struct tensor *original,
                                   pst_error *err) {
    pst_status status = PST_OK;
    const struct tensor *copy = adapter_build_find(build, module, part, &status, err);
    if (!copy || (copy->dtype == original->dtype && copy->bytes == original->bytes &&
                  memcmp(copy->data, original->data, copy->bytes) == 0))
        return status;
    return error_set(err, PST_ERR_MODEL, "%s: %s differs from %s, which PEFT keeps as one tensor",
                     build->adapter->file.path, copy->name, original->name);
}

void *adapter_build_own(struct adapter_build *build, size_t count, size_t size, pst_status *status,
                        pst_error *err) {
    struct pst_adapter *adapter = build->adapter;
    void **blocks = realloc(adapter->blocks, (adapter->block_count + 1) * sizeof *blocks);
    if (blocks) adapter->blocks = blocks;
    void *block = blocks ? calloc(count ? count : 1, size) : NULL;
    if (block)
        adapter->blocks[adapter->block_count++] = block;
    else
        *status = error_memory(err, count * size);
    return block;
}

static pst_status refuse_value(const struct adapter_build *build, const struct tensor *tensor,
                               size_t at, float value, pst_error *err) {
    struct buffer place = {0};
    size_t block = tensor->count;
    for (uint32_t d = 0; d < tensor->dims; d++) {
        block /= tensor->shape[d];
        buffer_format(&place, "%s%zu", d ? ", " : "", at / block);
        at %= block;
    }
    pst_status status =
        error_set(err, PST_ERR_MODEL, "%s: %s has %s at [%s]", build->adapter->file.path,
                  tensor->name, isnan(value) ? "NaN" : "infinity", place.data ? place.data : "");
    buffer_free(&place);
    return status;
}

pst_status adapter_build_floats(struct adapter_build *build, const struct tensor *tensor,
                                const float **values, pst_error *err) {
    pst_status status = PST_OK;
    *values = tensor_floats_in_place(tensor);
    if (!*values) {
        float *copy = adapter_build_own(build, tensor->count, sizeof *copy, &status, err);
        if (!copy) return status;
        if (!tensor_to_float(tensor, copy))
            return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected F32, F16, BF16 or F64",
                             build->adapter->file.path, tensor->name, dtype_name(tensor->dtype));
        *values = copy;
    }
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite((*values)[i])) return refuse_value(build, tensor, i, (*values)[i], err);
    return PST_OK;
}

pst_status adapter_build_reorder(struct adapter_build *build, const struct module *module,
                                 size_t rows, const float **values, pst_error *err) {
    size_t columns = module_columns(module);
    pst_status status = PST_OK;
    if (module->in == 1) return PST_OK; /* the same in either order */
    float *copy = adapter_build_own(build, rows * columns, sizeof *copy, &status, err);
    for (size_t i = 0; copy && i < rows * columns; i++)
        copy[i / columns * columns + module_network_column(module, i % columns)] = (*values)[i];
    *values = copy;
    return status;
}

/* ------------------------------------------------------------------------------------- the walk */

pst_status adapter_build_start(struct adapter_build *build, const struct pst_model *model,
                               struct safetensors *file, const char *base_model,
                               const pst_adapter_options *options, pst_error *err) {
    *build = (struct adapter_build){.options = options};
    struct pst_adapter *adapter = calloc(1, sizeof *adapter);
    if (!adapter) {
        safetensors_close(file);
        return error_memory(err, sizeof *adapter);
    }
    build->adapter = adapter;
    adapter->model = model;
    adapter->file = *file;
    *file = (struct safetensors){0};
    uint32_t modules = model->weights.module_count;
    build->used = calloc(adapter->file.count + 1, 1);
    adapter->effects = calloc((size_t)modules + 1, sizeof *adapter->effects);
    adapter->slots = calloc((size_t)modules + 1, sizeof *adapter->slots);
    adapter->base_model = strdup(base_model);
    int complete = build->used && adapter->effects && adapter->slots && adapter->base_model;
    if (!complete) return error_memory(err, 0);
    if (!model->read_files) return PST_OK;
    const struct file_view *view = &adapter->file.view;
    return file_view_detach(&adapter->file.view, adapter->file.path, view->data, view->size, err);
}

/* Lists the changed slots and what they come to. */
static void summarise(struct adapter_build *build) {
    struct pst_adapter *adapter = build->adapter;
    pst_adapter_info *info = &adapter->info;
    for (uint32_t i = 0; i < adapter->model->weights.module_count; i++) {
        const struct effect *effect = &adapter->effects[i];
        if (!effect_changes(effect)) continue;
        adapter->slots[adapter->slot_count++] = i;
        uint32_t rank = effect_rank(effect);
        if (rank && (rank < info->rank_min || !info->rank_min)) info->rank_min = rank;
        if (rank > info->rank_max) info->rank_max = rank;
    }
    info->modules = adapter->slot_count;
    info->base_model = adapter->base_model;
    info->file_bytes = adapter->file.view.size;
    for (size_t i = 0; i < adapter->file.count; i++)
        if (build->used[i]) info->parameters += adapter->file.tensors[i].count;
}

/* Norms of the streaming encoder are stored less by 1; the network wants them whole. */
static pst_status add_offsets(struct adapter_build *build, pst_error *err) {
    const struct weights *weights = &build->adapter->model->weights;
    pst_status status = PST_OK;
    for (uint32_t i = 0; i < weights->module_count && !status; i++) {
        const struct module *module = &weights->modules[i];
        struct effect *effect = &build->adapter->effects[i];
        if (!effect->weight || strcmp(module->part, "gamma") != 0) continue;
        float *scale = adapter_build_own(build, module->out, sizeof *scale, &status, err);
        for (uint32_t j = 0; scale && j < module->out; j++) scale[j] = effect->weight[j] + 1.0f;
        effect->norm_scale = scale;
    }
    return status;
}

pst_status adapter_build_end(struct adapter_build *build, pst_status status,
                             struct pst_adapter **adapter, pst_error *err) {
    if (!status && build->missing.failed) status = error_memory(err, 0);
    if (!status) status = add_offsets(build, err);
    if (status) {
        pst_adapter_free(build->adapter);
    } else {
        summarise(build);
        *adapter = build->adapter;
    }
    free(build->used);
    buffer_free(&build->missing);
    return status;
}

void pst_adapter_free(pst_adapter *adapter) {
    if (!adapter) return;
    for (uint32_t i = 0; i < adapter->block_count; i++) free(adapter->blocks[i]);
    free(adapter->blocks);
    free(adapter->effects);
    free(adapter->slots);
    free(adapter->base_model);
    safetensors_close(&adapter->file);
    free(adapter);
}
