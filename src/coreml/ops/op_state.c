/* op_state.c - states: what a program keeps from one call to the next. */
#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

static int state_type(struct op_call *call, struct mil_type *type) {
    *type = *op_type(call, "input");
    if (!type->state) return op_refuse(call, "input is not a state");
    type->state = 0;
    return 1;
}

static int infer_read_state(struct op_call *call) {
    struct mil_type type;
    return state_type(call, &type) && op_give(call, type);
}

static pst_status run_read_state(struct op_call *call) {
    tensor_copy(op_result(call, 0), op_tensor(call, "input"));
    return PST_OK;
}

static int infer_write_state(struct op_call *call) {
    struct mil_type type;
    if (!state_type(call, &type)) return 0;
    return mil_types_agree(&type, op_type(call, "data")) ||
           op_refuse(call, "data has another type than the state");
}

static pst_status run_write_state(struct op_call *call) {
    struct mil_tensor state = *op_tensor(call, "input"); /* its memory is to be written */
    tensor_copy(&state, op_tensor(call, "data"));
    return PST_OK;
}

const struct op_row op_state_rows[] = {
    {"read_state", 9, "input w", infer_read_state, run_read_state, 0, OP_MOVES},
    {"write_state", 9, "input w, data w", infer_write_state, run_write_state, 0, OP_MOVES},
    {0},
};
