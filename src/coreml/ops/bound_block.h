/* bound_block.h - a block that is prepared for running: its operations in order, bound to slots. */
#ifndef PST_COREML_OPS_BOUND_BLOCK_H
#define PST_COREML_OPS_BOUND_BLOCK_H

#include "coreml/ops/op.h"

struct bound_block {
    struct slot **inputs; /* [input_count] */
    size_t input_count;
    struct bound_step *steps; /* [step_count] */
    size_t step_count;
    struct slot **outputs; /* [output_count] */
    size_t output_count;
    struct slot *defined; /* every slot of the block */
};

pst_status bound_step_run(struct op_resources *resources, struct bound_step *step, pst_error *err);
/* Runs the steps of a block whose inputs are filled. Its outputs stay filled. */
pst_status bound_block_run(struct op_resources *resources, const struct bound_block *block,
                           pst_error *err);
/* Empties what is left in the block. */
void bound_block_clear(struct op_resources *resources, const struct bound_block *block);

#endif
