/* mil.h - a Core ML program in memory: what the graphs are built in, packages are written from and
 * read into, and the interpreter runs.
 *
 * A model owns everything in it: one allocation list, freed at once by mil_model_free(). A value is
 * defined once: as an input of a function, as the result of an operation, or as a constant.
 * Operations point to the values they use, so names matter only when a program is written. */
#ifndef PST_COREML_MIL_MIL_H
#define PST_COREML_MIL_MIL_H

#include "base/file_view.h"
#include "coreml/mil/mil_type.h"
#include "potstill.h"

struct mil_op;

struct mil_value {
    const char *name; /* unique in its function */
    struct mil_type type;
    /* A constant: elements in memory order, little endian, sub-byte types packed from the lowest
     * bit up; a string is its bytes with a NUL behind. NULL: computed. */
    const void *data;
    size_t bytes;
    /* Where it stands in the weight file: the offset of its record. 0: in the program itself. The
     * writer puts constants of 10 elements and more there; equal bytes may share a record. */
    uint64_t blob_offset;
    const char *label;       /* a const's name for its operation; NULL: `name` */
    int inlined;             /* read from a binding or an attribute; not an operation `const` */
    const struct mil_op *op; /* what computes it; NULL: an input or a constant */
};

struct mil_argument {
    const char *name;                /* "x", "weight", "values" */
    const struct mil_value **values; /* [count]; more than one for concat and its like */
    size_t count;
    int attribute; /* written as an attribute: parameters of a constexpr below iOS 18 */
};

struct mil_block;

struct mil_op {
    const char *type;               /* "conv" */
    const char *name;               /* NULL: that of its first output */
    struct mil_argument *arguments; /* [argument_count] */
    size_t argument_count;
    struct mil_value **outputs; /* [output_count]; none: write_state */
    size_t output_count;
    struct mil_block **blocks; /* [block_count]: while_loop (condition, body), cond */
    size_t block_count;
};

struct mil_block {
    struct mil_value **inputs; /* [input_count]: of a nested block */
    size_t input_count;
    /* [item_count] in order of execution: an operation, or, with `constant`, a const of its own. */
    struct mil_item {
        struct mil_op *op;
        struct mil_value *constant;
    } * items;
    size_t item_count;
    const struct mil_value **outputs; /* [output_count] */
    size_t output_count;
};

struct mil_function {
    const char *name;          /* "main" */
    const char *opset;         /* "CoreML6" */
    struct mil_value **inputs; /* [input_count] with states */
    size_t input_count;
    struct mil_block *block;
};

/* An entry of a model's description: what an app sees. */
struct mil_feature {
    const char *name, *description;
    struct mil_type type; /* as declared outside: F16, F32, I32 */
    int optional;
    /* Flexible inputs: lower and upper bounds by dimension; upper -1: unbounded. NULL: fixed. */
    const int64_t *lower, *upper;
    int enumerated;  /* shapes are listed, in `lower` [enumerated, rank] */
    int has_default; /* an optional input has this value when it is not given */
    double default_value;
};

struct mil_interface {
    const char *function; /* NULL: the description of the whole model */
    struct mil_feature *inputs, *outputs, *states;
    size_t input_count, output_count, state_count;
};

struct mil_pair {
    const char *key, *value;
};

struct mil_model {
    int32_t specification;           /* 6: iOS 15, 7: iOS 16, 8: iOS 17, 9: iOS 18 */
    struct mil_function **functions; /* [function_count] */
    size_t function_count;
    struct mil_interface *interfaces; /* [interface_count]: one, or one a function */
    size_t interface_count;
    const char *default_function; /* NULL when there is one interface for all */
    const char *short_description, *version, *author, *license;
    struct mil_pair *user_defined; /* [user_defined_count] */
    size_t user_defined_count;

    struct file_view weights; /* of a package that was read: constants point into it */
    size_t program_bytes;     /* of its model.mlmodel; 0: it was not read */
    struct mil_chunk *chunks; /* memory of all the above, newest first */
    int failed;               /* an allocation failed: do not use the model */
};

/* ------------------------------------------------------------------------------------- building
 * Builders do not report errors one by one: when memory runs out they set `failed` and return NULL
 * or do nothing. They accept NULL, so mil_model_check() needs to be asked only once, at the end.
 * Strings and data are copied except where `borrowed` says so. */

struct mil_model *mil_model_new(void); /* NULL: out of memory */
void mil_model_free(struct mil_model *model);
pst_status mil_model_check(const struct mil_model *model, pst_error *err);

/* Zeroed memory that lives as long as the model. */
void *mil_alloc(struct mil_model *model, size_t bytes);
/* A list [count] of items of `size` bytes that has grown from nothing, with space for one more;
 * NULL: out of memory. */
void *mil_grow(struct mil_model *model, void *list, size_t count, size_t size);
/* Appends a pointer to the list of pointers at `list`; 0: out of memory. */
int mil_append(struct mil_model *model, void *list, size_t *count, const void *item);
const char *mil_text(struct mil_model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct mil_function *mil_function_new(struct mil_model *model, const char *name, const char *opset);
struct mil_value *mil_function_input(struct mil_model *model, struct mil_function *function,
                                     const char *name, struct mil_type type);
void mil_block_output(struct mil_model *model, struct mil_block *block,
                      const struct mil_value *value);
struct mil_block *mil_block_new(struct mil_model *model);
struct mil_value *mil_block_input(struct mil_model *model, struct mil_block *block,
                                  const char *name, struct mil_type type);

/* A constant of `block`; `borrowed`: data outlives the model and is not copied. With `block` NULL
 * it is an inline one, for mil_op_attribute() or, bound where it is used, for mil_op_argument(). */
struct mil_value *mil_const(struct mil_model *model, struct mil_block *block, const char *name,
                            struct mil_type type, const void *data, size_t bytes, int borrowed);

/* An operation at the end of `block`. Arguments are added in the order of calls; the result's type
 * is declared by the caller and checked (check.h) against what the operation gives. */
struct mil_op *mil_op_new(struct mil_model *model, struct mil_block *block, const char *type);
void mil_op_argument(struct mil_model *model, struct mil_op *op, const char *name,
                     const struct mil_value *value);
void mil_op_arguments(struct mil_model *model, struct mil_op *op, const char *name,
                      const struct mil_value *const *values, size_t count);
void mil_op_attribute(struct mil_model *model, struct mil_op *op, const char *name,
                      struct mil_value *value);
struct mil_value *mil_op_output(struct mil_model *model, struct mil_op *op, const char *name,
                                struct mil_type type);
void mil_op_block(struct mil_model *model, struct mil_op *op, struct mil_block *block);

/* Calls `visit` for every constant, in the order of the program: those of blocks by their names,
 * and inlined ones by what they are to their operations. Ends at the first status. */
pst_status mil_each_constant(const struct mil_model *model,
                             pst_status (*visit)(void *user, struct mil_value *value,
                                                 const char *name),
                             void *user);

/* Widens the numbers of a float16 or float32 constant from the one at `from` on. Returns how many;
 * 0: there are no more, or it is of another type. */
enum { MIL_FLOATS = 256 };
size_t mil_floats(const struct mil_value *value, size_t from, float numbers[MIL_FLOATS]);

/* The function called `name`, or NULL. */
struct mil_function *mil_function_find(const struct mil_model *model, const char *name);
/* The argument called `name`, or NULL. */
const struct mil_argument *mil_op_find(const struct mil_op *op, const char *name);
/* Its only value, or NULL. */
const struct mil_value *mil_op_value(const struct mil_op *op, const char *name);

#endif
