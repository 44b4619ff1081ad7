/* safetensors.h - the tensor file of Hugging Face, read and written.
 *
 *   8 bytes   N, little-endian
 *   N bytes   JSON: {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets"}}
 *   the rest  tensor bytes, little-endian, C order; data_offsets [a, b) count from here
 *
 * The reader accepts what the reference reader accepts (no holes, no overlaps, nothing left over)
 * and refuses duplicate names besides. Tensors need not be aligned. */
#ifndef PST_FORMATS_SAFETENSORS_H
#define PST_FORMATS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/file_view.h"
#include "formats/dtype.h"
#include "potstill.h"

enum { TENSOR_DIMS_MAX = 8 };

struct tensor {
    const char *name;
    enum dtype dtype;
    uint32_t dims; /* 0 for a scalar */
    size_t shape[TENSOR_DIMS_MAX];
    size_t count; /* product of shape */
    size_t bytes;
    const unsigned char *data; /* [bytes] inside the view or the copies, any alignment */
};

struct safetensors {
    struct file_view view;
    char *path;             /* for messages */
    struct tensor *tensors; /* [count], sorted by name (byte order) */
    size_t count;
    char *names;           /* storage of the names */
    char *format;          /* __metadata__.format, "" when absent */
    unsigned char *copies; /* tensors that their file holds in another order (pickle_file.h) */
};

/* Opens and validates a whole file. */
pst_status safetensors_open(struct safetensors *file, const char *path, pst_error *err);
/* The same over bytes in memory, which must outlive it; `name` is used in messages. */
pst_status safetensors_parse(struct safetensors *file, const unsigned char *bytes, size_t size,
                             const char *name, pst_error *err);
void safetensors_close(struct safetensors *file);

/* NULL when there is none. */
const struct tensor *safetensors_find(const struct safetensors *file, const char *name);

int tensor_has_shape(const struct tensor *tensor, uint32_t dims, const size_t *shape);
/* "[2, 3]" for messages; returns text. */
const char *shape_text(uint32_t dims, const size_t *shape, char text[128]);
static inline const char *tensor_shape_text(const struct tensor *tensor, char text[128]) {
    return shape_text(tensor->dims, tensor->shape, text);
}

/* Widens F32, F16, BF16 or F64 to float32: out [tensor->count]. Returns 0 for another dtype. */
int tensor_to_float(const struct tensor *tensor, float *out);

/* Can the bytes be used as float32 where they lie? */
const float *tensor_floats_in_place(const struct tensor *tensor);

/* A tensor to be written. */
struct tensor_source {
    const char *name;
    enum dtype dtype;
    uint32_t dims;
    size_t shape[TENSOR_DIMS_MAX];
    const void *data; /* C order, in the byte order of this machine (little-endian ones only) */
};

/* Writes tensors as the reference writer does: widest type first, then by name, the header padded
 * to 8 bytes, `__metadata__` {"format":"pt"}. Whole or not at all. */
pst_status safetensors_write(const char *path, const struct tensor_source *tensors, size_t count,
                             pst_error *err);

/* Makes the bytes of `source`, which must stay until the next call. */
typedef pst_status tensor_fill(void *user, const struct tensor_source *source, const void **data,
                               pst_error *err);
/* The same for tensors that are not in memory together: `fill` is called for each in the order of
 * the file, and their own `data` is not used. */
pst_status safetensors_write_by(const char *path, const struct tensor_source *tensors, size_t count,
                                tensor_fill *fill, void *user, pst_error *err);

#endif
