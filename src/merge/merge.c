/* merge.c - pst_merge(): adapters folded into their model, as a folder of its own.
 *
 * What merge_and_unload() and save_pretrained() of the reference stack give, but computed in double
 * and rounded once, and with one difference of meaning: an adapter on one side of tied weights
 * changes that side only, as it does unmerged, and the result is stored untied. */
#include "merge/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_writer.h"
#include "base/folder_writer.h"
#include "base/option_struct.h"
#include "model/model_folder.h"

void pst_merge_options_init_sized(pst_merge_options *options, size_t struct_size) {
    const pst_merge_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

/* The type to store: the one asked for, else the model's, float32 if that is none of the three. */
static pst_status resolve_dtype(struct merge_run *run, pst_error *err) {
    static const enum dtype known[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    const char *asked = run->options->dtype;
    enum dtype own = run->model->weights.checkpoint.dtype;
    run->dtype = !asked && dtype_torch_name(own) ? own : DTYPE_F32;
    if (!asked) return PST_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(asked, dtype_torch_name(known[i])) != 0) continue;
        run->dtype = known[i];
        return PST_OK;
    }
    return error_set(err, PST_ERR_ARGUMENT,
                     "dtype is \"%s\", expected float32, float16 or bfloat16", asked);
}

static pst_status write_folder(struct merge_run *run, const char *target_dir, pst_error *err) {
    struct folder_writer writer;
    pst_status status = folder_writer_open(&writer, target_dir,
                                           run->options->force ? &MODEL_FOLDER_FILES : NULL, err);
    if (status) return status;
    status = merge_write_weights(run, writer.temporary.path, err);
    if (!status) status = merge_write_rest(run, writer.temporary.path, err);
    if (!status) status = cancel_check(&run->cancel, err);
    if (!status) return folder_writer_commit(&writer, err);
    folder_writer_abort(&writer);
    return status;
}

static pst_status check_arguments(const pst_merge_adapter *adapters, size_t count,
                                  const char *target_dir, pst_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (!adapters[i].dir || !isfinite(adapters[i].weight))
            return error_set(err, PST_ERR_ARGUMENT,
                             "pst_merge: adapter %zu has no folder, or a weight that is not finite",
                             i);
        pst_status status = model_folder_check_target(target_dir, adapters[i].dir, err);
        if (status) return status;
    }
    return PST_OK;
}

pst_status pst_merge(const char *model_dir, const pst_merge_adapter *adapters, size_t count,
                     const char *target_dir, const pst_merge_options *options, pst_error *err) {
    pst_merge_options own;
    pst_merge_options_init(&own);
    if (!model_dir || !adapters || count == 0 || !target_dir || !*target_dir)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_merge needs a model, at least one adapter and a target folder");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_merge_options", err);
    if (!status) status = check_arguments(adapters, count, target_dir, err);
    if (!status) status = model_folder_check_target(target_dir, model_dir, err);
    if (!status)
        status = folder_writer_check(target_dir, own.force ? &MODEL_FOLDER_FILES : NULL, err);
    if (status) return status;
    struct merge_run run = {
        .model_dir = model_dir,
        .processor_dir = own.processor_dir ? own.processor_dir : model_dir,
        .chosen = adapters,
        .count = count,
        .options = &own,
        .cancel = {own.cancelled, own.user},
    };
    status = merge_open(&run, err);
    if (!status) status = resolve_dtype(&run, err);
    if (!status) status = merge_resolve(&run, err);
    if (!status) status = write_folder(&run, target_dir, err);
    merge_close(&run);
    return status;
}
