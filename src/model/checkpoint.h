/* checkpoint.h - the tensor files of a model folder, one or many, as one set of names. */
#ifndef PST_MODEL_CHECKPOINT_H
#define PST_MODEL_CHECKPOINT_H

#include <stdint.h>

#include "formats/safetensors.h"
#include "potstill.h"

struct checkpoint {
    struct safetensors *files; /* [count] */
    uint32_t count;
    char *path; /* of the file that names the tensors, for messages */
    uint64_t parameters, bytes;
    uint32_t tensors;
    enum dtype dtype; /* of most values */
};

/* Opens <dir>/model.safetensors, else the shards of <dir>/model.safetensors.index.json, else the
 * pickles pytorch_model.bin or pytorch_model.bin.index.json. */
pst_status checkpoint_open(struct checkpoint *checkpoint, const char *dir, pst_error *err);
void checkpoint_close(struct checkpoint *checkpoint);
/* Reads this part in place of its mapping, by file_view_detach(); memory outside the mapped files
 * is left alone. */
pst_status checkpoint_detach(struct checkpoint *checkpoint, const void *first, size_t length,
                             pst_error *err);
/* The name of the file that it opens; NULL: the folder has none. */
const char *checkpoint_name(const char *dir);
/* Tells the system that this part will not be read for long; memory outside the mapped files is
 * left alone. */
void checkpoint_release(const struct checkpoint *checkpoint, const void *first, size_t length);

/* The tensor `name`, or `name` without its leading "model." (a checkpoint saved from the bare
 * model); NULL when there is none. */
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);
/* Is there a tensor of `part` ("encoder", "decoder"), whether or not names begin with "model."? */
int checkpoint_has_part(const struct checkpoint *checkpoint, const char *part);

#endif
