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

/* Makes results of the types that the rule gives. `*empty`: they have no elements. */
static pst_status make_results(struct op_call *call, struct bound_step *step, int *empty) {
    size_t count = call->op->output_count, elements = 0;
    if (!step->settled && !call->row->infer(call))
        return op_error(call, PST_ERR_MODEL, "%s", call->reason);
    step->settled = step->fixed;
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = call->step->outputs[i];
        struct mil_type type = slot->tensor.type;
        pst_status status = slot_fill(&call->resources->memory, slot, &type, call->err);
        if (status == PST_OK) status = op_work(call, mil_elements(&type), 1, 1);
        if (status) return status;
        elements += mil_elements(&type);
    }
    *empty = count != 0 && elements == 0;
    return PST_OK;
}

pst_status bound_step_run(struct op_resources *resources, struct bound_step *step, pst_error *err) {
    char reason[OP_REASON_SIZE];
    struct op_call call = {.op = step->op,
                           .row = step->row,
                           .specification = resources->specification,
                           .reason = reason,
                           .step = step,
                           .resources = resources,
                           .err = err};
    int empty = 0;
    pst_status status = op_work(&call, 1, 1, 1);
    if (status == PST_OK && (step->row->flags & OP_BLOCKS) == 0)
        status = make_results(&call, step, &empty);
    if (status == PST_OK && !empty) status = step->row->run(&call);
    if (status) return status;
    for (size_t i = 0; i < step->op->output_count; i++) {
        const struct mil_tensor *result = &step->outputs[i]->tensor;
        if (resources->rounding == MIL_ROUND_F16 && result->type.dtype == MIL_F16 &&
            (step->row->flags & OP_MOVES) == 0)
            op_spread(&call, mil_elements(&result->type), ROUND_PIECE, round_piece, result->f);
        if (resources->trace) resources->trace(resources->trace_user, step->op->type, result);
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
