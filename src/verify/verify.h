/* verify.h - what the checks of model and adapter folders share: reporting, once, by file. */
#ifndef PST_VERIFY_VERIFY_H
#define PST_VERIFY_VERIFY_H

#include "base/buffer.h"
#include "formats/safetensors.h"
#include "potstill.h"

struct verifying {
    const char *dir;
    const pst_verify_options *options;
    pst_verify_summary *summary;
    struct buffer
        told; /* every finding so far, each ended by NUL: readers overlap; `failed` also when
                           memory ran out elsewhere, so that what was found need not be so */
};

/* Reports `message`. A path of the folder that it begins with becomes the finding's file; `file` (""
 * for the folder) counts when there is none. The same finding is reported once. */
void verify_tell(struct verifying *run, pst_severity severity, const char *file,
                 const char *message);
void verify_tellf(struct verifying *run, pst_severity severity, const char *file,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What a reader returned: a finding when it says something about the files, else the status itself,
 * because the check cannot go on without memory. */
pst_status verify_judge(struct verifying *run, pst_status status, const char *file,
                        const pst_error *found, pst_error *err);

/* Is there a regular file `name` in the folder? */
int verify_has(struct verifying *run, const char *name);

/* Counts the tensors of a file and reports every one that holds NaN or infinity. */
void verify_values(struct verifying *run, const char *file, const struct safetensors *tensors);

/* The names in a folder, sorted, so that findings come in the same order everywhere. */
pst_status verify_list(const char *dir, char ***names, size_t *count, pst_error *err);
void verify_list_free(char **names, size_t count);

/* Counts the files of the folder; all that is called JSON must be. */
pst_status verify_files(struct verifying *run, pst_error *err);

/* A model or an adapter folder. */
pst_status verify_folder(struct verifying *run, pst_error *err);

/* verify_model.c, verify_adapter.c: its parts. */
pst_status verify_model(struct verifying *run, pst_error *err);
pst_status verify_adapter(struct verifying *run, pst_error *err);

#endif
