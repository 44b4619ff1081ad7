/* mil_tensor.h - tensors of a running program; how they are rounded, limited and traced. */
#ifndef PST_COREML_MIL_MIL_TENSOR_H
#define PST_COREML_MIL_MIL_TENSOR_H

#include "coreml/mil/mil_type.h"

/* Float types as float, integers and booleans as int32_t. */
struct mil_tensor {
    const char *name;
    struct mil_type type; /* all dimensions known */
    float *f;             /* [elements], or NULL */
    int32_t *i;           /* [elements], or NULL */
    int rounded;          /* an input: its numbers are known to be numbers of its type */
};

/* Operations compute in float32; in MIL_ROUND_F16 each result of type float16 is rounded to it. */
enum mil_rounding { MIL_ROUND_NONE, MIL_ROUND_F16 };

/* What a run may use: bytes of tensors alive at once, constants included, and work, counted in
 * elements written and products made. A program that needs more ends in an error: packages come
 * from anywhere. */
struct mil_limits {
    size_t bytes;
    uint64_t work;
};

/* Called after every operation that runs, once for each of its results. */
typedef void (*mil_trace_fn)(void *user, const char *type, const struct mil_tensor *result);

#endif
