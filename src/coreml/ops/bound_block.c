/* bound_block.c - see bound_block.h. */
#include "coreml/ops/bound_block.h"

#include "coreml/ops/op_product.h"
#include "coreml/ops/round_f16.h"

/* Elements that a thread rounds at a time: some tens of microseconds. */
enum { ROUND_PIECE = 1 << 16 };

static void round_piece(void *context, size_t first, size_t count) {
    float *x = context;
    round_f16(x + first, count);
}

pst_status bound_step_run(struct op_resources *resources, struct bound_step *step, pst_error *err) {
    struct op_call call = {resources, step, err};
    pst_status status = op_work(&call, 1, 1, 1);
    if (status == PST_OK) status = step->entry->run(&call);
    if (status) return status;
    for (size_t i = 0; i < step->output_count; i++) {
        struct slot *slot = step->outputs[i];
        if (!slot_is_filled(slot))
            return op_error(&call, PST_ERR_MODEL, "declares more results than the operation gives");
        size_t count = 0;
        /* What is only moved has been rounded before. */
        if (resources->rounding == MIL_ROUND_F16 && slot->tensor.type.dtype == MIL_F16 &&
            !step->entry->moves && mil_type_count(&slot->tensor.type, &count))
            op_spread(&call, count, ROUND_PIECE, round_piece, slot->tensor.f);
        if (resources->trace)
            resources->trace(resources->trace_user, step->op->type, &slot->tensor);
    }
    return PST_OK;
}

pst_status bound_block_run(struct op_resources *resources, const struct bound_block *block,
                           pst_error *err) {
    for (size_t i = 0; i < block->step_count; i++) {
        struct bound_step *step = &block->steps[i];
        if (step->folded) continue;
        pst_status status = bound_step_run(resources, step, err);
        if (status) return status;
        for (struct slot *slot = step->release; slot; slot = slot->next_release)
            slot_release(&resources->memory, slot);
    }
    return PST_OK;
}

void bound_block_clear(struct op_resources *resources, const struct bound_block *block) {
    for (struct slot *slot = block->defined; slot; slot = slot->next_defined)
        if (!slot->constant) slot_release(&resources->memory, slot);
}
