/* merge.h - the parts of pst_merge(): the weights (merge_weights.c), and what stands beside them
 * (merge_folder.c). */
#ifndef PST_MODEL_MERGE_H
#define PST_MODEL_MERGE_H

#include "model/adapter.h"
#include "model/model.h"
#include "potstill.h"

/* One run. */
struct merging {
    const char *model_dir;
    const char *processor_dir;       /* where tokenizer and processor files come from */
    const pst_merge_adapter *chosen; /* [count] */
    pst_model *model;
    pst_adapter **adapters; /* [count] */
    size_t count;
    const pst_merge_options *options;
    enum dtype dtype;
    int tied;         /* as the result will be */
    uint32_t changed; /* modules that an adapter touches */
};

/* "float32", ...: as config.json names it. */
const char *merge_dtype_name(const struct merging *merging);

/* Settles `tied` and `changed`. */
pst_status merge_settle(struct merging *merging, pst_error *err);
/* Writes <dir>/model.safetensors. */
pst_status merge_write_weights(const struct merging *merging, const char *dir, pst_error *err);
/* Writes everything else, the record of the merge last. */
pst_status merge_write_rest(const struct merging *merging, const char *dir, pst_error *err);

#endif
