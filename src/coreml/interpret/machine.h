/* machine.h - the inside of the interpreter: a function prepared for running.
 *
 * Preparing gives every value of the program a slot, binds every operation to its code and to the
 * slots it reads and writes, and finds the last step of its block that needs a value. Running is
 * then a walk over steps, which releases the memory of tensors after their last use. */
#ifndef PST_COREML_INTERPRET_MACHINE_H
#define PST_COREML_INTERPRET_MACHINE_H

#include "coreml/ops/bound_block.h"

struct mil_machine {
    const struct mil_function *function;
    struct op_resources resources;
    struct bound_block *block;
    struct slot *constants; /* by next_defined */
    struct mil_model *plan; /* owns the memory of blocks, steps and slots */
};

#endif
