/* merge_sources.c - see merge_sources.h. */
#include "merge/merge_sources.h"

#include <stdlib.h>

#include "base/error.h"

pst_status merge_open(struct merging *merging, pst_error *err) {
    pst_model_options model_options;
    pst_model_options_init(&model_options);
    model_options.processor_dir = merging->options->processor_dir;
    pst_status status = pst_model_open(merging->model_dir, &model_options, &merging->model, err);
    if (status) return status;
    merging->adapters = calloc(merging->count + 1, sizeof(pst_adapter *)); /* none is no failure */
    if (!merging->adapters) return error_memory(err, 0);
    pst_adapter_options adapter_options;
    pst_adapter_options_init(&adapter_options);
    adapter_options.warn = merging->options->warn;
    adapter_options.user = merging->options->user;
    for (size_t i = 0; i < merging->count && !status; i++)
        status = pst_adapter_open(merging->model, merging->chosen[i].dir, &adapter_options,
                                  &merging->adapters[i], err);
    if (status) return status;
    pst_error found;
    status = adapter_check_together(&merging->model->weights,
                                    (const pst_adapter *const *)merging->adapters, merging->count,
                                    &found);
    /* The folders are what is wrong here, not the call. */
    return status ? error_set(err, PST_ERR_MODEL, "%s", found.message) : PST_OK;
}

void merge_close(struct merging *merging) {
    for (size_t i = 0; merging->adapters && i < merging->count; i++)
        pst_adapter_free(merging->adapters[i]);
    free(merging->adapters);
    pst_model_free(merging->model);
}
