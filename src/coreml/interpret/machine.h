/* machine.h - the inside of the interpreter: a function prepared for running.
 *
 * Preparing gives every value of the program a slot, binds every operation to the code that computes it
 * and to the slots it reads and writes, and finds after which operation of its block a value is needed
 * no more. Running is then a walk over steps. The memory of the plan is one list, freed at once; the
 * memory of tensors comes and goes as slots are filled and released. */
#ifndef PST_COREML_INTERPRET_MACHINE_H
#define PST_COREML_INTERPRET_MACHINE_H

#include "base/thread_pool.h"
#include "coreml/interpret/interpret.h"
#include "kernels/kernels.h"

struct body;
struct op_call;

/* The place of a value. */
struct slot {
    struct mil_tensor tensor; /* f and i are NULL while there is nothing in it */
    const struct mil_value *value;
    void *memory; /* what it owns of the tensor; NULL: borrowed, or empty */
    size_t bytes; /* of it */
    int constant; /* holds its tensor for good once there is one */
    int decoded;  /* a constant whose tensor is needed while running, not only while preparing */
    struct slot *twin;         /* a constant of the same bytes, whose tensor this one borrows */
    const struct body *body;   /* where the value is defined; NULL: a constant */
    size_t last;               /* index of the last step of `body` that needs it */
    struct slot *next_release; /* in the list of that step */
    struct slot *next_defined; /* in the list of `body`, while preparing */
};

struct step_argument {
    const char *name;
    struct slot **slots; /* [count] */
    size_t count;
};

typedef pst_status (*op_fn)(struct op_call *call);

/* An operation, bound. */
struct step {
    const struct mil_op *op;
    op_fn run;
    int variant;                     /* for run(): which of the operations it serves */
    int moves;                       /* results are elements of the arguments as they are */
    int folded;                      /* a constexpr: done while preparing, skipped while running */
    struct step_argument *arguments; /* [argument_count] */
    size_t argument_count;
    struct slot **outputs; /* [output_count] */
    size_t output_count;
    struct body **bodies; /* [body_count] */
    size_t body_count;
    struct slot *release; /* what nothing after this step needs */
};

/* A block, bound. */
struct body {
    struct slot **inputs; /* [input_count] */
    size_t input_count;
    struct step *steps; /* [step_count] */
    size_t step_count;
    struct slot **outputs; /* [output_count] */
    size_t output_count;
    struct slot *defined; /* every slot of the block */
};

struct mil_machine {
    const struct mil_model *model;
    const struct mil_function *function;
    enum mil_rounding rounding;
    const struct kernels *kernels;
    struct thread_pool *pool;
    struct body *body;
    struct slot *constants; /* by next_defined */

    struct mil_limits limits;
    size_t bytes;  /* of tensors now */
    uint64_t work; /* of this run */
    mil_trace_fn trace;
    void *trace_user;

    void *scratch; /* for packed panels, one a thread; grows */
    size_t scratch_bytes;

    struct plan_chunk *chunks; /* memory of the plan */
};

/* Zeroed memory of the plan, or NULL with `err` filled. */
void *machine_alloc(struct mil_machine *machine, size_t count, size_t size, pst_error *err);

/* Binds the function; machine_plan.c. */
pst_status machine_plan(struct mil_machine *machine, pst_error *err);
void machine_free_plan(struct mil_machine *machine);

/* Fills the slot of a constant from its bytes; machine_constant.c. A string stays as it is. */
pst_status machine_decode(struct mil_machine *machine, struct slot *slot, pst_error *err);

/* Gives an empty slot memory for a tensor of this type, all dimensions known. Contents undefined. */
pst_status slot_fill(struct mil_machine *machine, struct slot *slot, const struct mil_type *type,
                     pst_error *err);
/* Empties a slot. */
void slot_release(struct mil_machine *machine, struct slot *slot);
/* Makes `to` (empty) show what `from` holds without owning it. */
void slot_borrow(struct slot *to, const struct slot *from);

pst_status machine_run_step(struct mil_machine *machine, struct step *step, pst_error *err);
/* Runs the steps of a block whose inputs are filled. Its outputs stay filled. */
pst_status machine_run_body(struct mil_machine *machine, const struct body *body, pst_error *err);
/* Empties what is left in the block. */
void machine_clear_body(struct mil_machine *machine, const struct body *body);

int mil_is_float(enum mil_dtype dtype); /* F16, F32: what a tensor has in `f` */
/* Elements of a type of known dimensions; 0 when it does not fit a size. */
int type_count(const struct mil_type *type, size_t *count);
/* Rounds to the nearest float16, ties to even; too large: infinity. */
void round_to_f16(float *x, size_t n);

#endif
