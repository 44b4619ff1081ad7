/* pickle.h - the state dict in the data.pkl of a torch archive.
 *
 * A pickle is a program for a stack machine that builds Python objects by calling whatever it
 * names: running one from a stranger is running the stranger's code. This machine knows the
 * instructions that torch.save() writes for a dict from name to tensor, and five names to call,
 * each of which only fills in a record. Anything else is refused by its name. */
#ifndef PST_FORMATS_PICKLE_H
#define PST_FORMATS_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/safetensors.h"
#include "potstill.h"

/* A tensor as described, not yet compared with its storage. Texts are in the pickle, UTF-8 without
 * NUL, and not NUL-terminated. */
struct pickle_tensor {
    const char *name; /* [name_bytes] */
    size_t name_bytes;
    enum dtype dtype;
    const char *storage; /* [storage_bytes] name of the archive's entry below data/ */
    size_t storage_bytes;
    size_t storage_count; /* elements that the storage claims to have */
    size_t offset;        /* of the first element, in elements */
    uint32_t dims;
    size_t shape[TENSOR_DIMS_MAX];
    size_t strides[TENSOR_DIMS_MAX]; /* in elements */
};

struct pickle {
    struct pickle_tensor *tensors; /* [count] in the order of the dict */
    size_t count;
};

/* `path` is for messages. The bytes must outlive the pickle. */
pst_status pickle_read(struct pickle *pickle, const unsigned char *bytes, size_t size,
                       const char *path, pst_error *err);
void pickle_free(struct pickle *pickle);

#endif
