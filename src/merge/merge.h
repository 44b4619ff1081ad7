/* merge.h - what pst_merge() writes: the weights (merge_weights.c), and what stands beside them
 * (merge_folder.c). */
#ifndef PST_MERGE_MERGE_H
#define PST_MERGE_MERGE_H

#include "merge/merge_sources.h"

/* Writes <dir>/model.safetensors. */
pst_status merge_write_weights(const struct merge_run *run, const char *dir, pst_error *err);
/* Writes <dir>/config.json and generation_config.json. */
pst_status merge_write_configs(const struct merge_run *run, const char *dir, pst_error *err);
/* Writes everything else, these two among it, the record of the merge last. */
pst_status merge_write_rest(const struct merge_run *run, const char *dir, pst_error *err);

#endif
