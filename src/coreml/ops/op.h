/* op.h - one operation of a program, as its rule and its code see it.
 *
 * The idea to hold: the rule is asked twice. When a program is checked, it knows the declared types
 * and the constants. Before a step runs, it knows all types and numbers. What the rule has accepted
 * the code does not check again: arguments have the types that the row says, and results have been
 * made with the types that the rule gave. The code only refuses numbers in tensors, such as an
 * index outside of its axis. */
#ifndef PST_COREML_OPS_OP_H
#define PST_COREML_OPS_OP_H

#include "base/error.h"
#include "base/thread_pool.h"
#include "coreml/ops/slot.h"
#include "kernels/kernels.h"

struct op_call;

/* A row of the table of operations. */
struct op_row {
    const char *name;
    int32_t since; /* the first specification that has it */
    /* Parameters, separated by ", ": NAME[?][!] CODE[RANK][*][@SINCE]. "?": may be left out, "!":
     * must be known when the program is loaded, "*": several values. Codes:
     *   F N A  the element type T of the operation: float, number, any
     *   f g    any float; T below iOS 17, then any float
     *   i q b s w  an integer; 8 bits; boolean; text; any tensor */
    const char *parameters;
    int (*infer)(struct op_call *call); /* the rule: 1, or 0 with a reason */
    pst_status (*run)(struct op_call *call);
    int variant; /* for code that serves several operations */
    int flags;
};

enum {
    OP_MOVES = 1, /* results are elements of the arguments, which have been rounded before */
    OP_BLOCKS = 2 /* it has two blocks, and its code makes the results */
};

/* What the operations of a program share: what they compute with, and their limits. */
struct op_resources {
    int32_t specification; /* of the program */
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

/* An operation of a program, bound to its row and to the slots it reads and writes. */
struct bound_step {
    const struct mil_op *op;
    const struct op_row *row;
    struct slot ***arguments;    /* [op->argument_count][values of the argument] */
    struct slot **outputs;       /* [op->output_count] */
    struct bound_block **blocks; /* [op->block_count] */
    struct slot *release;        /* slots that no later step needs */
    int folded;                  /* a constexpr: done while preparing, skipped while running */
    int fixed;                   /* the rule has the same answer in every run, */
    int settled;                 /* and has given it: the outputs have their types */
};

enum { OP_REASON_SIZE = 256 };

struct op_call {
    const struct mil_op *op;
    const struct op_row *row;
    int32_t specification;
    char *reason; /* [OP_REASON_SIZE], of the rule */
    size_t given; /* results of the rule so far */
    /* NULL while a program is only checked: */
    const struct bound_step *step;
    struct op_resources *resources;
    pst_error *err;
};

/* -------------------------------------------------------------------------------------- arguments
 * For the rule and for the code. `name` is one that the row has. */

/* How many values the argument has; 0: it is not there. */
size_t op_count(const struct op_call *call, const char *name);
/* The type of value `index` of an argument that is there. */
const struct mil_type *op_type_at(const struct op_call *call, const char *name, size_t index);
const struct mil_type *op_type(const struct op_call *call, const char *name); /* NULL: not there */

/* Element `index` of an integer argument; 0: it does not exist, or is not known yet. */
int op_element(const struct op_call *call, const char *name, size_t index, int64_t *element);
/* All elements, one for a scalar. Returns how many; -1: not there, not known yet, or too many. */
enum { OP_INTS_MAX = 16 };
int op_ints(const struct op_call *call, const char *name, int64_t ints[OP_INTS_MAX]);
/* A scalar, or `missing`. */
int64_t op_int(const struct op_call *call, const char *name, int64_t missing);
const char *op_text(const struct op_call *call, const char *name); /* "": not there */

/* ---------------------------------------------------------------------------------------- rules */

/* Gives the type of the next result; 0 with a reason when another type is declared. */
int op_give(struct op_call *call, struct mil_type type);
/* Always 0: return op_refuse(call, "...", ...); */
int op_refuse(struct op_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next four return -1 with a reason when there is no such axis or word.
 * An axis of a tensor of this rank, counted from the front. */
int op_axis_of(struct op_call *call, int64_t axis, uint32_t rank);
int op_axis(struct op_call *call, uint32_t rank); /* the argument `axis` */
/* The argument `axes` as bits, each axis once. */
int op_axes(struct op_call *call, uint32_t rank);
/* The word of the argument, as its index in "a|b|c". */
int op_choice(struct op_call *call, const char *name, const char *words);

/* Does the vector `name`, if it is there, have so many elements? 0 with a reason. */
int op_has_length(struct op_call *call, const char *name, int64_t length);
/* The shape that both broadcast to, with the dtype of `a`; 0 with a reason when they do not fit. */
int op_broadcast(struct op_call *call, const struct mil_type *a, const struct mil_type *b,
                 struct mil_type *result);

/* The most common rule: the result has the type of x. */
int op_infer_same(struct op_call *call);
/* And there is an argument `axis`, which is one of x. */
int op_infer_along_axis(struct op_call *call);

/* ----------------------------------------------------------------------------------------- code */

const struct mil_tensor *op_tensor(const struct op_call *call,
                                   const char *name); /* NULL: not there */
const struct mil_tensor *op_tensor_at(const struct op_call *call, const char *name, size_t index);
/* A number of float type, or `missing`. */
float op_float(const struct op_call *call, const char *name, float missing);
struct mil_tensor *op_result(const struct op_call *call, size_t index);

/* return op_error(call, PST_ERR_MODEL, "...", ...); */
#define op_error(call, code, ...) (op_record((call), (code), __VA_ARGS__), error_status(code))
void op_record(const struct op_call *call, pst_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Counts work before it is done. */
pst_status op_work(struct op_call *call, size_t a, size_t b, size_t c);
/* `count` floats for the time of the operation, to be freed. */
pst_status op_floats_new(struct op_call *call, size_t count, float **floats);

/* ------------------------------------------------------------------------------------------- table
 * The rows of each family, ended by one without a name; op_table.h has them all. */
extern const struct op_row op_attention_rows[], op_binary_rows[], op_cast_rows[],
    op_constexpr_rows[], op_control_rows[], op_conv_rows[], op_fill_rows[], op_gather_rows[],
    op_join_rows[], op_lstm_rows[], op_matmul_rows[], op_norm_rows[], op_reduce_rows[],
    op_shape_rows[], op_slice_rows[], op_sort_rows[], op_state_rows[], op_unary_rows[];

#endif
