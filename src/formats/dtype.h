/* dtype.h - the number types of tensor files, and their widening to float32. */
#ifndef PST_FORMATS_DTYPE_H
#define PST_FORMATS_DTYPE_H

#include <stddef.h>

/* In the reverse of the order in which the reference writer places tensors. */
enum dtype {
    DTYPE_BOOL,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_I16,
    DTYPE_U16,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I32,
    DTYPE_U32,
    DTYPE_F32,
    DTYPE_C64,
    DTYPE_F64,
    DTYPE_I64,
    DTYPE_U64,
    DTYPE_COUNT
};

/* "F32", ...: the names of safetensors. */
const char *dtype_name(enum dtype dtype);
/* Returns 0 when `name` is none of them. */
int dtype_parse(const char *name, enum dtype *dtype);
/* "float32", "float16", "bfloat16": torch's names of the types of models; NULL: another type. */
const char *dtype_torch_name(enum dtype dtype);
size_t dtype_bytes(enum dtype dtype);

/* Widens F32, F16, BF16 or F64 at `data` (any alignment) to out [count]; 0 for another type. */
int dtype_to_float(enum dtype dtype, const unsigned char *data, size_t count, float *out);

/* Rounds doubles to F32, F16 or BF16 at `out`, once, to the nearest and to even between two; what
 * is too large becomes infinity. Returns the index of the first result that is not finite,
 * `count` when there is none. */
size_t dtype_from_double(enum dtype dtype, const double *values, size_t count, void *out);

#endif
