/* op.h - what the code of one operation sees: its arguments by name, its results to be made.
 *
 * Arguments are tensors of known shape; results are made by op_output(), which checks the declared type
 * of the program against what the operation gives, so that an operation never writes where a later one
 * does not expect it. Shapes come from hostile files: sizes are multiplied in checked arithmetic, and
 * every index is checked before it is used. */
#ifndef PST_COREML_INTERPRET_OP_H
#define PST_COREML_INTERPRET_OP_H

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "coreml/interpret/machine.h"

struct op_call {
    struct mil_machine *machine;
    const struct step *step;
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
pst_status op_values(const struct op_call *call, const struct step_argument **values);
/* The argument, or NULL. */
const struct step_argument *op_argument(const struct op_call *call, const char *name);

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

/* Runs task(context, first, count) over [0, total) in pieces of `piece`, on all threads. */
void op_spread(struct op_call *call, size_t total, size_t piece,
               void (*task)(void *context, size_t first, size_t count), void *context);

/* y = (accumulate ? y : 0) + x * w^T, cut and spread over the threads; see kernels.h. */
pst_status op_product(struct op_call *call, const struct matmul *product);

/* ----------------------------------------------------------------------------------------- walking */

/* An index that runs over dims in row-major order, with an offset in each of up to three tensors. */
struct walk {
    uint32_t rank;
    size_t dims[MIL_RANK_MAX], index[MIL_RANK_MAX];
    ptrdiff_t stride[3][MIL_RANK_MAX];
    ptrdiff_t offset[3];
};

/* Advances; 0 at the end. */
int walk_next(struct walk *walk);

/* Strides of a dense tensor. */
void strides_of(const struct mil_type *type, ptrdiff_t *strides);
/* Product of dims [from, to). */
size_t span_of(const struct mil_type *type, uint32_t from, uint32_t to);
/* The shape that two shapes broadcast to; 0: they do not. */
int broadcast_type(const struct mil_type *a, const struct mil_type *b, struct mil_type *type);
/* Strides of `from` seen with the shape `to` that it broadcasts to. */
void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides);

/* Elements of either class are of four bytes, so that moving them is one code. `strides` are counted in
 * elements, over dims [rank]; 0 dimensions: one element. */
struct place {
    void *data;
    ptrdiff_t base;
    ptrdiff_t strides[MIL_RANK_MAX];
};
void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from);
/* The whole of a tensor as a place. */
struct place place_of(const struct mil_tensor *tensor);

/* ---------------------------------------------------------------------------------------- the table */

/* An operation by the name programs give it. `variant` is for code that serves several. */
struct op_entry {
    const char *type; /* NULL ends a table */
    op_fn run;
    int variant;
    int moves; /* results are elements of the arguments as they are */
};

extern const struct op_entry op_unary_entries[];     /* op_unary.c */
extern const struct op_entry op_binary_entries[];    /* op_binary.c */
extern const struct op_entry op_cast_entries[];      /* op_cast.c */
extern const struct op_entry op_matmul_entries[];    /* op_matmul.c */
extern const struct op_entry op_conv_entries[];      /* op_conv.c */
extern const struct op_entry op_norm_entries[];      /* op_norm.c */
extern const struct op_entry op_reduce_entries[];    /* op_reduce.c */
extern const struct op_entry op_sort_entries[];      /* op_sort.c */
extern const struct op_entry op_shape_entries[];     /* op_shape.c */
extern const struct op_entry op_slice_entries[];     /* op_slice.c */
extern const struct op_entry op_join_entries[];      /* op_join.c */
extern const struct op_entry op_fill_entries[];      /* op_fill.c */
extern const struct op_entry op_gather_entries[];    /* op_gather.c */
extern const struct op_entry op_constexpr_entries[]; /* op_constexpr.c */
extern const struct op_entry op_control_entries[];   /* op_control.c */
extern const struct op_entry op_recurrent_entries[]; /* op_recurrent.c */

/* NULL: not supported. */
const struct op_entry *op_find(const char *type);

#endif
