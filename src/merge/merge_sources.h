/* merge_sources.h - a model and the adapters to fold into it, open and checked against each other:
 * what pst_merge() writes a folder from, and pst_convert() packages. */
#ifndef PST_MERGE_MERGE_SOURCES_H
#define PST_MERGE_MERGE_SOURCES_H

#include <jansson.h>

#include "adapter/adapter.h"
#include "base/cancel.h"
#include "model/model.h"
#include "potstill_tools.h"

/* What one run reads, and what it will store. */
struct merge_run {
    const char *model_dir;
    const char *processor_dir;       /* where tokenizer and processor files come from */
    const pst_merge_adapter *chosen; /* [count] */
    pst_model *model;
    pst_adapter **adapters; /* [count] */
    size_t count;
    const pst_merge_options *options;
    struct cancel cancel;
    enum dtype dtype;
    int tied;         /* as the result will be */
    uint32_t changed; /* modules that an adapter touches */
    int decoder_only; /* tensors of the encoder are not written */
};

/* Opens the model and the adapters named in `run` and checks that they go together; `options` and
 * `dtype` are set. merge_close() in any case. */
pst_status merge_open(struct merge_run *run, pst_error *err);
void merge_close(struct merge_run *run);

/* merge_weights.c: resolves `tied` and `changed`. */
pst_status merge_resolve(struct merge_run *run, pst_error *err);
/* The merged module in double precision, in the checkpoint's order, for free() in any case; *bias
 * NULL: none. Modules may be asked for by several threads at once. */
pst_status merge_values(const struct merge_run *run, uint32_t slot, double **weight, double **bias,
                        pst_error *err);

/* merge_folder.c: the SHA-256 of every file read, into `record` as "model" and "adapters". */
pst_status merge_record_sources(const struct merge_run *run, json_t *record, pst_error *err);

#endif
