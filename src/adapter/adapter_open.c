/* adapter_open.c - from a folder to an adapter: its files, who wrote them, by which method. */
#include "adapter/adapter_open.h"

#include <math.h>
#include <stdlib.h>

#include "adapter/adapter_folder.h"
#include "adapter/methods/methods.h"
#include "adapter/methods/trainer_adapter.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "model/model.h"

void pst_adapter_options_init_sized(pst_adapter_options *options, size_t struct_size) {
    const pst_adapter_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static const struct adapter_method *const METHODS[] = {
    [PEFT_LORA] = &LORA_METHOD,
    [PEFT_ADALORA] = &ADALORA_METHOD,
    [PEFT_LOHA] = &LYCORIS_METHOD,
    [PEFT_LOKR] = &LYCORIS_METHOD,
    [PEFT_IA3] = &IA3_METHOD,
    [PEFT_VERA] = &VERA_METHOD,
    [PEFT_PVERA] = &VERA_METHOD,
    [PEFT_RANDLORA] = &RANDLORA_METHOD,
    [PEFT_MISS] = &MISS_METHOD,
    [PEFT_C3A] = &C3A_METHOD,
    [PEFT_SHIRA] = &SHIRA_METHOD,
    [PEFT_DELORA] = &DELORA_METHOD,
    [PEFT_HIRA] = &HIRA_METHOD,
    [PEFT_GRALORA] = &GRALORA_METHOD,
    [PEFT_HRA] = &HRA_METHOD,
    [PEFT_OFT] = &OFT_METHOD,
    [PEFT_BOFT] = &BOFT_METHOD,
    [PEFT_ROAD] = &ROAD_METHOD,
    [PEFT_BEFT] = &BEFT_METHOD,
    [PEFT_LN_TUNING] = &LN_TUNING_METHOD,
    [PEFT_TRAINABLE_TOKENS] = &TRAINABLE_TOKENS_METHOD,
};
_Static_assert(sizeof METHODS / sizeof *METHODS == PEFT_METHOD_COUNT, "a method has no row");

pst_status adapter_resolve(const struct pst_model *model, const struct peft_config *config,
                           struct safetensors *file, const pst_adapter_options *options,
                           struct pst_adapter **adapter, pst_error *err) {
    return adapter_walk_all(METHODS[config->method], model, config, file, options, adapter, err);
}

static pst_status open_config(struct peft_config *config, const char *dir,
                              const pst_adapter_options *options, pst_error *err) {
    char *path = path_join(dir, "adapter_config.json");
    if (!path) return error_memory(err, 0);
    pst_status status = peft_config_open(config, path, options, err);
    free(path);
    return status;
}

/* An adapter of PEFT has its scale in its config, so none may be given. */
static pst_status open_peft(const pst_model *model, const char *dir,
                            const pst_adapter_options *options, pst_adapter **adapter,
                            pst_error *err) {
    struct peft_config config = {0};
    struct safetensors file = {0};
    if (options->adapter_scale != 0)
        return error_set(err, PST_ERR_ARGUMENT,
                         "%s: an adapter scale is given, but this adapter stores its own", dir);
    /* The config first: what is wrong with it says more than what is wrong with tensor names. */
    pst_status status = open_config(&config, dir, options, err);
    if (!status) status = adapter_tensors_open(&file, dir, err);
    if (!status) status = adapter_resolve(model, &config, &file, options, adapter, err);
    peft_config_close(&config);
    return status;
}

pst_status pst_adapter_open(const pst_model *model, const char *dir,
                            const pst_adapter_options *options, pst_adapter **adapter,
                            pst_error *err) {
    struct adapter_folder folder;
    if (!model || !dir || !adapter)
        return error_set(err, PST_ERR_ARGUMENT, "pst_adapter_open: model, dir or adapter is NULL");
    pst_adapter_options own;
    pst_adapter_options_init(&own);
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_adapter_options", err);
    if (status) return status;
    if (!isfinite(own.adapter_scale))
        return error_set(err, PST_ERR_ARGUMENT, "pst_adapter_open: adapter_scale is not finite");
    status = model_need_weights(model, err);
    if (!status) status = adapter_folder_find(&folder, dir, err);
    if (status) return status;
    if (folder.by_trainer)
        status = trainer_adapter_open(model, folder.path, &own, adapter, err);
    else
        status = open_peft(model, folder.path, &own, adapter, err);
    adapter_folder_free(&folder);
    return status;
}
