/* merge_sources.c - see merge_sources.h. */
#include "merge/merge_sources.h"

#include <stdlib.h>

#include "base/error.h"

pst_status merge_open(struct merging *merging, pst_error *err) {
    pst_status status =
        model_open(&merging->model, merging->model_dir, merging->options->processor_dir, NULL, err);
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
    model_close(merging->model);
}
