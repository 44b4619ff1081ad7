/* trainer_adapter.c - see trainer_adapter.h. */
#include "adapter/methods/trainer_adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_build.h"
#include "adapter/config/peft_config.h"
#include "base/error.h"
#include "base/file_view.h"
#include "formats/json_file.h"
#include "model/model.h"

static const char *const ROLES[] = {"q_proj", "k_proj", "v_proj"};
enum { ROLE_COUNT = 3, KEY_MAX = 64 };

static pst_status take(struct adapter_build *build, const char *key, size_t rows, size_t columns,
                       const float **values, pst_error *err) {
    const struct safetensors *file = &build->adapter->file;
    const struct tensor *tensor = safetensors_find(file, key);
    char text[128];
    if (!tensor) return error_set(err, PST_ERR_MODEL, "%s: %s is missing", file->path, key);
    build->used[tensor - file->tensors] = 1;
    if (tensor->dims != 2 || tensor->shape[0] != rows || tensor->shape[1] != columns)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is %s, the base model needs [%zu, %zu] (is this adapter for "
                         "another model? the trainer's are for streaming ones)",
                         file->path, key, tensor_shape_text(tensor, text), rows, columns);
    return adapter_build_floats(build, tensor, values, err);
}

/* Only the down-projection of a layer shows its rank. */
static pst_status read_rank(const struct safetensors *file, const char *key, uint32_t *rank,
                            pst_error *err) {
    const struct tensor *down = safetensors_find(file, key);
    char text[128];
    if (!down)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is missing, expected one for each layer (is this adapter for "
                         "another model?)",
                         file->path, key);
    if (down->dims != 2 || down->shape[0] == 0 || down->shape[0] > SELECTION_RANK_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected [rank, dim]", file->path, key,
                         tensor_shape_text(down, text));
    *rank = (uint32_t)down->shape[0];
    return PST_OK;
}

static pst_status apply_layer(struct adapter_build *build, const char *stack, uint32_t layer,
                              double scale, pst_error *err) {
    const struct weights *weights = &build->adapter->model->weights;
    const float *down = NULL;
    uint32_t rank = 0;
    char key[KEY_MAX], name[MODULE_NAME_MAX];
    for (int role = 0; role < ROLE_COUNT; role++) {
        snprintf(name, sizeof name, "model.%s.layers.%u.self_attn.%s", stack, layer, ROLES[role]);
        const struct module *module = weights_find_module(weights, name);
        if (!module)
            return error_set(err, PST_ERR_MODEL, "%s: the base model has no %s",
                             build->adapter->file.path, name);
        snprintf(key, sizeof key, "%s.%u.down", stack, layer);
        pst_status status = read_rank(&build->adapter->file, key, &rank, err);
        if (!status && !down) status = take(build, key, rank, module->in, &down, err);
        struct effect effect = {.rank = rank, .a = down, .scale = scale, .merged_in_float = 1};
        snprintf(key, sizeof key, "%s.%u.%s.up", stack, layer, ROLES[role]);
        if (!status) status = take(build, key, module->out, rank, &effect.b, err);
        if (status) return status;
        build->adapter->effects[module - weights->modules] = effect;
    }
    return PST_OK;
}

/* Other tensors in the file belong to another model. */
static pst_status check_rest(const struct adapter_build *build, pst_error *err) {
    const struct safetensors *file = &build->adapter->file;
    const struct config *config = &build->adapter->model->config;
    for (size_t i = 0; i < file->count; i++)
        if (!build->used[i])
            return error_set(err, PST_ERR_MODEL,
                             "%s: has %s, which a base model of %u encoder and %u decoder layers "
                             "has no place for (is this adapter for another model?)",
                             file->path, file->tensors[i].name, config->encoder_layers,
                             config->decoder_layers);
    return PST_OK;
}

static int has_stack(const struct safetensors *file, const char *stack) {
    size_t length = strlen(stack);
    for (size_t i = 0; i < file->count; i++)
        if (strncmp(file->tensors[i].name, stack, length) == 0 &&
            file->tensors[i].name[length] == '.')
            return 1;
    return 0;
}

/* The trainer adapts the decoder, the encoder or both: of a stack that is there every layer is. */
static pst_status apply_all(struct adapter_build *build, pst_error *err) {
    const struct pst_adapter *adapter = build->adapter;
    const pst_adapter_options *options = build->options;
    const struct config *config = &adapter->model->config;
    int encoder = has_stack(&adapter->file, "encoder");
    int decoder = has_stack(&adapter->file, "decoder") || !encoder;
    double given = options ? options->adapter_scale : 0, scale = given != 0 ? given : 1;
    pst_status status = PST_OK;
    for (uint32_t i = 0; encoder && i < config->encoder_layers && !status; i++)
        status = apply_layer(build, "encoder", i, scale, err);
    for (uint32_t i = 0; decoder && i < config->decoder_layers && !status; i++)
        status = apply_layer(build, "decoder", i, scale, err);
    if (!status) status = check_rest(build, err);
    pst_error note;
    error_set(&note, PST_OK,
              "%s: stores no scale: 1 is assumed, which is right when alpha was the rank in "
              "training (adapter_scale sets another)",
              adapter->file.path);
    if (!status && given == 0) adapter_build_warn(build, &note);
    return status;
}

pst_status trainer_adapter_resolve(const struct pst_model *model, const char *base_model,
                                   struct safetensors *file, const pst_adapter_options *options,
                                   struct pst_adapter **adapter, pst_error *err) {
    struct adapter_build build;
    pst_status status = adapter_build_start(&build, model, file, base_model, options, err);
    if (!status) status = apply_all(&build, err);
    if (!status) build.adapter->info.peft_type = "MOONSHINE_VOICE";
    return adapter_build_end(&build, status, adapter, err);
}

/* The base model that summary.json names; "" when it does not. The rest of that file are
 * measurements of the trainer, so nothing about it is an error. */
static char *read_summary(const char *dir) {
    char *path = path_join(dir, "summary.json");
    struct json_file file = {0};
    const char *model = NULL;
    if (path && json_file_open(&file, path, PEFT_CONFIG_BYTES_MAX, NULL) == PST_OK)
        model = json_string_value(json_object_get(file.root, "model"));
    char *copy = strdup(model ? model : "");
    json_file_close(&file);
    free(path);
    return copy;
}

pst_status trainer_adapter_open(const struct pst_model *model, const char *dir,
                                const pst_adapter_options *options, struct pst_adapter **adapter,
                                pst_error *err) {
    struct safetensors file = {0};
    char *path = path_join(dir, "adapter.safetensors"), *base_model = read_summary(dir);
    pst_status status = PST_OK;
    if (!path || !base_model) status = error_memory(err, 0);
    if (!status) status = safetensors_open(&file, path, err);
    if (!status) status = trainer_adapter_resolve(model, base_model, &file, options, adapter, err);
    free(path);
    free(base_model);
    return status;
}
