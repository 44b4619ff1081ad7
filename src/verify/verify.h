/* verify.h - the parts of pst_verify(), each adding to the findings of one folder. */
#ifndef PST_VERIFY_VERIFY_H
#define PST_VERIFY_VERIFY_H

#include "base/findings.h"
#include "formats/safetensors.h"

/* verify_files.c: what every kind of folder needs. */

/* Is there a regular file `name` in the folder? */
int verify_has(struct findings *findings, const char *name);

/* Counts the tensors of a file and reports every one that holds NaN or infinity. */
void verify_values(struct findings *findings, const char *file, const struct safetensors *tensors);

/* The names in a folder, sorted, so that findings come in the same order everywhere. */
pst_status verify_list(const char *dir, char ***names, size_t *count, pst_error *err);
void verify_list_free(char **names, size_t count);

/* Counts the files of the folder; all that is called JSON must be. */
pst_status verify_files(struct findings *findings, pst_error *err);

/* verify_model.c, verify_adapter.c: a kind of folder each. `model`: the adapter's base, or NULL. */
pst_status verify_model(struct findings *findings, pst_error *err);
pst_status verify_adapter(struct findings *findings, const pst_model *model, pst_error *err);

/* verify_index.c: the index of a converted model beside its packages. */
pst_status verify_index(struct findings *findings, pst_error *err);

#endif
