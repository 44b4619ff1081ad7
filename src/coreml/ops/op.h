/* op.h - what the code of one operation sees: its arguments by name, its results to be made.
 *
 * Arguments are tensors of known shape; results are made by op_output(), which checks the declared type
 * of the program against what the operation gives, so that an operation never writes where a later one
 * does not expect it. Shapes come from hostile files: sizes are multiplied in checked arithmetic, and
 * every index is checked before it is used. */
#ifndef PST_COREML_OPS_OP_H
#define PST_COREML_OPS_OP_H

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "coreml/ops/slot.h"
#include "coreml/ops/tensor_walk.h"
#include "kernels/kernels.h"

/* What the operations of a program share: what they compute with, and what is left to them. */
struct op_resources {
    enum mil_rounding rounding;
    const struct kernels *kernels;
    struct thread_pool *pool;
    struct slot_memory memory;
    uint64_t work, work_limit; /* of this run */
    mil_trace_fn trace;
    void *trace_user;
    void *scratch; /* for packed panels, one a thread; grows */
    size_t scratch_bytes;
};

struct op_call;

/* An operation by the name programs give it. `variant` is for code that serves several. */
struct op_entry {
    const char *type; /* NULL ends a table */
    pst_status (*run)(struct op_call *call);
    int variant;
    int moves; /* results are elements of the arguments as they are */
};

struct bound_argument {
    const char *name;
    struct slot **slots; /* [count] */
    size_t count;
};

/* An operation of a program, bound to its code and to the slots it reads and writes. */
struct bound_step {
    const struct mil_op *op;
    const struct op_entry *entry;
    int folded;                       /* a constexpr: done while preparing, skipped while running */
    struct bound_argument *arguments; /* [argument_count] */
    size_t argument_count;
    struct slot **outputs; /* [output_count] */
    size_t output_count;
    struct bound_block **blocks; /* [block_count] */
    size_t block_count;
    struct slot *release; /* what nothing after this step needs */
};

struct op_call {
    struct op_resources *resources;
    const struct bound_step *step;
    pst_error *err;
};

/* What names the operation in a message: its first result, or "". */
const char *op_name(const struct op_call *call);

/* return op_error(call, PST_ERR_MODEL, "...", ...); */
#define op_error(call, code, ...) (op_record((call), (code), __VA_ARGS__), error_status(code))
void op_record(const struct op_call *call, pst_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -------------------------------------------------------------------------------------- arguments */

/* A tensor argument, which the operation cannot do without. */
pst_status op_tensor(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor);
/* The same of float type, or of integer and boolean type. */
pst_status op_floats(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor);
pst_status op_integers(const struct op_call *call, const char *name,
                       const struct mil_tensor **tensor);
/* NULL when the argument is not there. */
pst_status op_optional(const struct op_call *call, const char *name, int is_float,
                       const struct mil_tensor **tensor);
/* A single number; what `value` holds before is the default. */
pst_status op_int(const struct op_call *call, const char *name, int32_t *value);
pst_status op_float(const struct op_call *call, const char *name, float *value);
/* One of the words in "a|b|c", as an index; `choice` holds the default, -1 for none. */
pst_status op_choice(const struct op_call *call, const char *name, const char *words, int *choice);
/* A vector of up to `max` integers; `count` is -1 when the argument is not there. */
pst_status op_ints(const struct op_call *call, const char *name, size_t max, int32_t *values,
                   int *count);
/* A vector that has exactly `count` integers; without it `values` keep their defaults. */
pst_status op_ints_of(const struct op_call *call, const char *name, size_t count, int32_t *values);
/* The several tensors of `values`, all of one class of types. */
pst_status op_values(const struct op_call *call, const struct bound_argument **values);
/* The argument, or NULL. */
const struct bound_argument *op_argument(const struct op_call *call, const char *name);

/* An axis counted from the front or, when negative, from the back, as its place in [0, rank). */
pst_status op_axis(const struct op_call *call, const char *name, uint32_t rank, uint32_t *axis);
/* Axes as flags [rank]; all of them when the argument is not there. Each at most once. */
pst_status op_axes(const struct op_call *call, const char *name, uint32_t rank, int *flags);

/* ---------------------------------------------------------------------------------------- results */

/* Makes result `index` of this type; its memory is not initialised. */
pst_status op_output(struct op_call *call, size_t index, const struct mil_type *type,
                     struct mil_tensor **output);
/* The result is a copy of `x` in another shape of as many elements. */
pst_status op_copy(struct op_call *call, size_t index, const struct mil_tensor *x,
                   const struct mil_type *type);
/* Counts work before it is done. */
pst_status op_work(struct op_call *call, size_t a, size_t b, size_t c);
/* `count` floats for the time of the operation, to be freed. */
pst_status op_floats_new(struct op_call *call, size_t count, float **floats);

#endif
