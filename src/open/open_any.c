/* open_any.c - pst_model_open(): a checkpoint for the engine, or a converted model.
 *
 * It is in a folder of its own because it needs both: pipeline/ does not know packages, and coreml/
 * builds on pipeline/. */
#include "base/error.h"
#include "base/file_view.h"
#include "base/option_struct.h"
#include "coreml/run/package_model.h"
#include "pipeline/model_open.h"

void pst_model_options_init_sized(pst_model_options *options, size_t struct_size) {
    const pst_model_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static pst_status open_checkpoint(struct pst_model **model, const char *dir,
                                  const pst_model_options *options, pst_error *err) {
    if (options->units != PST_UNITS_ALL)
        return error_set(err, PST_ERR_ARGUMENT, "compute units are for a converted model");
    if (options->decoder_dir)
        return error_set(err, PST_ERR_ARGUMENT, "a decoder is for a converted model");
    *model = NULL;
    pst_status status = model_open_engine(model, dir, options, err);
    if (status == PST_ERR_MODEL && package_model_is(dir) && !path_has_file(dir, "config.json"))
        return error_set(err, PST_ERR_MODEL,
                         "%s: a converted model: the device cpu needs the model it was made from, "
                         "mil runs its packages",
                         dir);
    if (!status) status = model_need_encoder(*model, dir, err);
    if (!status) return PST_OK;
    pst_model_free(*model);
    *model = NULL;
    return status;
}

static pst_status open_packages(struct pst_model **model, const char *dir,
                                const pst_model_options *options, pst_error *err) {
    if (options->inclusive_windows)
        return error_set(err, PST_ERR_ARGUMENT, "inclusive windows are for a streaming checkpoint");
    return package_model_open(model, dir, options, err);
}

pst_status pst_model_open(const char *dir, const pst_model_options *options, pst_model **model,
                          pst_error *err) {
    pst_model_options own;
    pst_model_options_init(&own);
    if (!dir || !model) return error_set(err, PST_ERR_ARGUMENT, "dir and model must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_model_options", err);
    if (status) return status;
    switch (own.device) {
    case PST_DEVICE_AUTO:
        return (package_model_is(dir) ? open_packages : open_checkpoint)(model, dir, &own, err);
    case PST_DEVICE_CPU: return open_checkpoint(model, dir, &own, err);
    case PST_DEVICE_MIL:
    case PST_DEVICE_COREML: return open_packages(model, dir, &own, err);
    }
    return error_set(err, PST_ERR_ARGUMENT, "unknown device %d", (int)own.device);
}
