/* op_control.c - loops and branches.
 *
 * The variables of a loop live in the slots of its results. In each round a block borrows them as
 * inputs, and the outputs of the body become the variables of the next round: moved when the body
 * owns them, else copied. Unknown dimensions may change from round to round. */
#include <stdlib.h>
#include <string.h>

#include "coreml/ops/bound_block.h"
#include "coreml/ops/tensor_walk.h"

/* ---------------------------------------------------------------------------------------- rules */

/* Do the outputs of a block have the types of these values? */
static int same_outputs(struct op_call *call, const struct mil_block *block, const char *which,
                        const struct mil_value *const *values, size_t count) {
    if (block->output_count != count)
        return op_refuse(call, "the %s gives %zu values, expected %zu", which, block->output_count,
                         count);
    for (size_t i = 0; i < count; i++)
        if (!mil_types_agree(&block->outputs[i]->type, &values[i]->type))
            return op_refuse(call, "the %s gives %s another type than %s has", which,
                             block->outputs[i]->name != NULL ? block->outputs[i]->name : "?",
                             values[i]->name != NULL ? values[i]->name : "?");
    return 1;
}

static int same_inputs(struct op_call *call, const struct mil_block *block, const char *which,
                       const struct mil_argument *vars) {
    if (block->input_count != vars->count)
        return op_refuse(call, "the %s takes %zu values, expected %zu", which, block->input_count,
                         vars->count);
    for (size_t i = 0; i < vars->count; i++)
        if (!mil_types_agree(&block->inputs[i]->type, &vars->values[i]->type))
            return op_refuse(call, "the %s takes %s with another type than it is given", which,
                             block->inputs[i]->name);
    return 1;
}

static int infer_while(struct op_call *call) {
    const struct mil_argument *vars = mil_op_find(call->op, "loop_vars");
    const struct mil_block *test = call->op->blocks[0], *body = call->op->blocks[1];
    if (!same_inputs(call, test, "condition", vars) || !same_inputs(call, body, "body", vars) ||
        !same_outputs(call, body, "body", vars->values, vars->count))
        return 0;
    if (test->output_count != 1 || test->outputs[0]->type.dtype != MIL_BOOL ||
        test->outputs[0]->type.rank != 0)
        return op_refuse(call, "the condition is not one boolean");
    for (size_t i = 0; i < vars->count; i++)
        if (!op_give(call, vars->values[i]->type)) return 0;
    return 1;
}

static int infer_cond(struct op_call *call) {
    const struct mil_block *yes = call->op->blocks[0], *no = call->op->blocks[1];
    if (yes->input_count + no->input_count != 0)
        return op_refuse(call, "its blocks take values, expected none");
    if (!same_outputs(call, no, "second block", yes->outputs, yes->output_count)) return 0;
    for (size_t i = 0; i < yes->output_count; i++)
        if (!op_give(call, yes->outputs[i]->type)) return 0;
    return 1;
}

/* ----------------------------------------------------------------------------------------- code */

/* Does a slot hold what is declared? */
static pst_status check_declared(const struct op_call *call, const struct slot *slot) {
    return mil_types_agree(&slot->tensor.type, &slot->value->type)
               ? PST_OK
               : op_error(call, PST_ERR_MODEL, "'%s' does not have its declared type",
                          slot->tensor.name);
}

/* Moves or copies what `from` holds to `to`; `movable`: `from` does not need it any more. */
static pst_status take(struct op_call *call, struct slot *to, struct slot *from, int movable) {
    struct slot_memory *memory = &call->resources->memory;
    if (!movable || from->memory == NULL) {
        pst_status status = slot_fill(memory, to, &from->tensor.type, call->err);
        if (status == PST_OK) tensor_copy(&to->tensor, &from->tensor);
        return status;
    }
    slot_release(memory, to);
    slot_borrow(to, from);
    to->memory = from->memory;
    to->bytes = from->bytes;
    from->memory = NULL;
    from->bytes = 0;
    return PST_OK;
}

/* Runs a block on the variables (NULL: none) and takes its outputs. */
static pst_status run_block(struct op_call *call, const struct bound_block *block,
                            struct slot *const *variables, struct slot *outputs) {
    pst_status status = PST_OK;
    size_t inputs = variables != NULL ? block->input_count : 0;
    for (size_t i = 0; status == PST_OK && i < inputs; i++) {
        slot_release(&call->resources->memory, block->inputs[i]);
        slot_borrow(block->inputs[i], variables[i]);
        status = check_declared(call, block->inputs[i]);
    }
    if (status == PST_OK) status = bound_block_run(call->resources, block, call->err);
    for (size_t i = 0; status == PST_OK && i < block->output_count; i++) {
        struct slot *from = block->outputs[i];
        int movable = from->block == block && !from->constant;
        for (size_t j = i + 1; j < block->output_count; j++)
            movable = movable && block->outputs[j] != from;
        status = take(call, &outputs[i], from, movable);
    }
    bound_block_clear(call->resources, block);
    return status;
}

/* Runs a block, whose outputs become the results. They may depend on the results of before. */
static pst_status run_to_results(struct op_call *call, const struct bound_block *block,
                                 struct slot *const *variables) {
    struct slot *const *results = call->step->outputs;
    size_t count = block->output_count;
    struct slot *outputs = calloc(count ? count : 1, sizeof *outputs);
    if (outputs == NULL) return error_memory(call->err, count * sizeof *outputs);
    for (size_t i = 0; i < count; i++) outputs[i].tensor.name = results[i]->tensor.name;
    pst_status status = run_block(call, block, variables, outputs);
    for (size_t i = 0; i < count; i++) {
        if (status == PST_OK) status = take(call, results[i], &outputs[i], 1);
        if (status == PST_OK) status = check_declared(call, results[i]);
        slot_release(&call->resources->memory, &outputs[i]);
    }
    free(outputs);
    return status;
}

static pst_status run_while(struct op_call *call) {
    struct slot *const *variables = call->step->outputs;
    struct slot go = {.tensor = {.name = ""}};
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < call->op->output_count; i++) {
        struct slot given = {.tensor = *op_tensor_at(call, "loop_vars", i)};
        status = take(call, variables[i], &given, 0);
    }
    while (status == PST_OK) {
        status = op_work(call, 1, 1, 1);
        if (status == PST_OK) status = run_block(call, call->step->blocks[0], variables, &go);
        if (status || go.tensor.i[0] == 0) break;
        status = run_to_results(call, call->step->blocks[1], variables);
    }
    slot_release(&call->resources->memory, &go);
    return status;
}

static pst_status run_cond(struct op_call *call) {
    int taken = op_int(call, "pred", 0) != 0;
    return run_to_results(call, call->step->blocks[taken ? 0 : 1], NULL);
}

const struct op_row op_control_rows[] = {
    {"cond", 6, "pred b0", infer_cond, run_cond, 0, OP_MOVES | OP_BLOCKS},
    {"while_loop", 6, "loop_vars w*", infer_while, run_while, 0, OP_MOVES | OP_BLOCKS},
    {0},
};
