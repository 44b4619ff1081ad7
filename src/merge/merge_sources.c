/* merge_sources.c - see merge_sources.h. */
#include "merge/merge_sources.h"

#include <stdlib.h>

#include "base/error.h"

pst_status merge_open(struct merge_run *run, pst_error *err) {
    pst_status status =
        model_open(&run->model, run->model_dir, run->options->processor_dir, NULL, err);
    if (!status) status = model_need_encoder(run->model, run->model_dir, err);
    if (status) return status;
    run->adapters = calloc(run->count + 1, sizeof(pst_adapter *)); /* none is no failure */
    if (!run->adapters) return error_memory(err, 0);
    pst_adapter_options adapter_options;
    pst_adapter_options_init(&adapter_options);
    adapter_options.warn = run->options->warn;
    adapter_options.user = run->options->user;
    for (size_t i = 0; i < run->count && !status; i++) {
        status = cancel_check(&run->cancel, err);
        if (!status)
            status = pst_adapter_open(run->model, run->chosen[i].dir, &adapter_options,
                                      &run->adapters[i], err);
    }
    if (status) return status;
    pst_error found;
    status = adapter_check_together(&run->model->weights, (const pst_adapter *const *)run->adapters,
                                    run->count, &found);
    /* The folders are what is wrong here, not the call. */
    return status ? error_set(err, PST_ERR_MODEL, "%s", found.message) : PST_OK;
}

void merge_close(struct merge_run *run) {
    for (size_t i = 0; run->adapters && i < run->count; i++) pst_adapter_free(run->adapters[i]);
    free(run->adapters);
    model_close(run->model);
}
