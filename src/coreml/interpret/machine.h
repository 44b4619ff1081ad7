/* machine.h - the inside of the interpreter: a function prepared for running.
 *
 * Preparing gives every value of the program a slot, binds every operation to the code that
 * computes it and to the slots it reads and writes, and finds after which operation of its block a
 * value is needed no more. Running is then a walk over steps. The memory of the plan is one list,
 * freed at once; the memory of tensors comes and goes as slots are filled and released. */
#ifndef PST_COREML_INTERPRET_MACHINE_H
#define PST_COREML_INTERPRET_MACHINE_H

#include "coreml/ops/bound_block.h"

struct mil_machine {
    const struct mil_function *function;
    struct op_resources resources;
    struct bound_block *block;
    struct slot *constants; /* by next_defined */
    struct mil_model *plan; /* whose memory blocks, steps and slots lie in */
};

#endif
