/* op_control.c - loops, branches, and states.
 *
 * The variables of a loop live outside of its blocks: each round borrows them as inputs, and what the
 * body gives becomes the next round's, moved where the body owns it and copied where it does not. */
#include <stdlib.h>

#include "coreml/ops/bound_block.h"

/* Variables of one loop. */
enum { VARIABLES_MAX = 256 };

/* Lends the variables to a block as its inputs. */
static void lend(struct slot_memory *memory, const struct bound_block *body,
                 const struct slot *from) {
    for (size_t i = 0; i < body->input_count; i++) {
        slot_release(memory, body->inputs[i]);
        slot_borrow(body->inputs[i], &from[i]);
    }
}

/* Takes what `from` holds into the empty slot `to`; `movable`: `from` is not needed afterwards. */
static pst_status take(struct op_call *call, struct slot *to, struct slot *from, int movable) {
    size_t count = 0;
    if (from->tensor.f == NULL && from->tensor.i == NULL)
        return op_error(call, PST_ERR_MODEL, "a block gives '%s', which is no tensor",
                        from->tensor.name);
    if (movable && from->memory) {
        to->memory = from->memory;
        to->bytes = from->bytes;
        slot_borrow(to, from);
        from->memory = NULL;
        from->bytes = 0;
        return PST_OK;
    }
    pst_status status = slot_fill(&call->resources->memory, to, &from->tensor.type, call->err);
    if (status || !mil_type_count(&from->tensor.type, &count)) return status;
    if (to->tensor.f)
        memcpy(to->tensor.f, from->tensor.f, count * sizeof(float));
    else
        memcpy(to->tensor.i, from->tensor.i, count * sizeof(int32_t));
    return PST_OK;
}

/* Does the value have the type that the slot was declared with? */
static pst_status check_declared(const struct op_call *call, const struct slot *slot,
                                 const struct mil_type *declared) {
    const struct mil_type *type = &slot->tensor.type;
    int fits = type->dtype == declared->dtype && type->rank == declared->rank;
    for (uint32_t d = 0; fits && d < type->rank; d++)
        fits = declared->dims[d] < 0 || declared->dims[d] == type->dims[d];
    return fits ? PST_OK
                : op_error(call, PST_ERR_MODEL, "'%s' has not the type that is declared",
                           slot->tensor.name);
}

/* The outputs of a block that has run, into `to` [count]. */
static pst_status collect(struct op_call *call, const struct bound_block *body, struct slot *to,
                          size_t count) {
    if (body->output_count != count)
        return op_error(call, PST_ERR_MODEL, "a block gives %zu results, not %zu",
                        body->output_count, count);
    for (size_t i = 0; i < count; i++) {
        struct slot *from = body->outputs[i];
        int movable = from->block == body && !from->constant;
        for (size_t j = i + 1; j < count; j++) movable = movable && body->outputs[j] != from;
        pst_status status = take(call, &to[i], from, movable);
        if (status) return status;
    }
    return PST_OK;
}

static void release_all(struct slot_memory *memory, struct slot *slots, size_t count) {
    for (size_t i = 0; i < count; i++) slot_release(memory, &slots[i]);
}

/* Hands the slots [count] over to the results of the operation. */
static pst_status give_results(struct op_call *call, struct slot *slots, size_t count) {
    if (call->step->output_count != count)
        return op_error(call, PST_ERR_MODEL, "declares %zu results where it gives %zu",
                        call->step->output_count, count);
    for (size_t i = 0; i < count; i++) {
        struct slot *to = call->step->outputs[i];
        pst_status status = check_declared(call, &slots[i], &to->value->type);
        if (status) return status;
        slot_release(&call->resources->memory, to);
        status = take(call, to, &slots[i], 1);
        if (status) return status;
    }
    return PST_OK;
}

/* Runs a block on the variables. It stays filled: the caller clears it. */
static pst_status run_block(struct op_call *call, const struct bound_block *body,
                            const struct slot *variables, size_t count) {
    if (body->input_count != count)
        return op_error(call, PST_ERR_MODEL, "a block takes %zu values, not %zu", body->input_count,
                        count);
    lend(&call->resources->memory, body, variables);
    for (size_t i = 0; i < count; i++) {
        pst_status status = check_declared(call, body->inputs[i], &body->inputs[i]->value->type);
        if (status) return status;
    }
    return bound_block_run(call->resources, body, call->err);
}

/* Runs the condition; `go` says what it gives. */
static pst_status ask(struct op_call *call, const struct bound_block *body,
                      const struct slot *variables, size_t count, int *go) {
    size_t one = 0;
    pst_status status = run_block(call, body, variables, count);
    if (status == PST_OK && (body->output_count != 1 || body->outputs[0]->tensor.i == NULL ||
                             !mil_type_count(&body->outputs[0]->tensor.type, &one) || one != 1))
        status = op_error(call, PST_ERR_MODEL, "the condition should give one boolean");
    if (status == PST_OK) *go = body->outputs[0]->tensor.i[0] != 0;
    bound_block_clear(call->resources, body);
    return status;
}

/* One round: the variables become what the body makes of them. */
static pst_status run_round(struct op_call *call, const struct bound_block *body,
                            struct slot *variables, size_t count) {
    struct slot *next = calloc(count ? count : 1, sizeof *next);
    if (next == NULL) return error_memory(call->err, count * sizeof *next);
    pst_status status = run_block(call, body, variables, count);
    if (status == PST_OK) {
        for (size_t i = 0; i < count; i++) next[i].tensor.name = variables[i].tensor.name;
        status = collect(call, body, next, count);
    }
    bound_block_clear(call->resources, body);
    if (status == PST_OK) {
        release_all(&call->resources->memory, variables, count);
        memcpy(variables, next, count * sizeof *next);
    } else {
        release_all(&call->resources->memory, next, count);
    }
    free(next);
    return status;
}

static pst_status loop(struct op_call *call, struct slot *variables, size_t count) {
    const struct bound_step *step = call->step;
    for (;;) {
        int go = 0;
        pst_status status = op_work(call, 1, 1, 1);
        if (status == PST_OK) status = ask(call, step->blocks[0], variables, count, &go);
        if (status || !go) return status;
        status = run_round(call, step->blocks[1], variables, count);
        if (status) return status;
    }
}

static pst_status run_while_loop(struct op_call *call) {
    const struct bound_argument *given = op_argument(call, "loop_vars");
    if (given == NULL || call->step->block_count != 2 || given->count > VARIABLES_MAX)
        return op_error(call, PST_ERR_MODEL, "needs loop_vars, a condition and a body");
    struct slot *variables = calloc(given->count ? given->count : 1, sizeof *variables);
    if (variables == NULL) return error_memory(call->err, given->count * sizeof *variables);
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < given->count; i++) {
        variables[i].tensor.name = given->slots[i]->tensor.name;
        status = take(call, &variables[i], given->slots[i], 0);
    }
    if (status == PST_OK) status = loop(call, variables, given->count);
    if (status == PST_OK) status = give_results(call, variables, given->count);
    release_all(&call->resources->memory, variables, given->count);
    free(variables);
    return status;
}

static pst_status run_cond(struct op_call *call) {
    int32_t pred = -1;
    pst_status status = op_int(call, "pred", &pred);
    if (status) return status;
    if (pred < 0 || call->step->block_count != 2)
        return op_error(call, PST_ERR_MODEL, "needs pred and two blocks");
    const struct bound_block *body = call->step->blocks[pred ? 0 : 1];
    size_t count = call->step->output_count;
    struct slot *results = calloc(count ? count : 1, sizeof *results);
    if (results == NULL) return error_memory(call->err, count * sizeof *results);
    for (size_t i = 0; i < count; i++) results[i].tensor.name = "";
    status = run_block(call, body, NULL, 0);
    if (status == PST_OK) status = collect(call, body, results, count);
    bound_block_clear(call->resources, body);
    if (status == PST_OK) status = give_results(call, results, count);
    release_all(&call->resources->memory, results, count);
    free(results);
    return status;
}

/* ---------------------------------------------------------------------------------------------- states */

static pst_status find_state(const struct op_call *call, struct slot **state) {
    const struct bound_argument *argument = op_argument(call, "input");
    if (argument == NULL || argument->count != 1 || !argument->slots[0]->value->type.state ||
        (argument->slots[0]->tensor.f == NULL && argument->slots[0]->tensor.i == NULL))
        return op_error(call, PST_ERR_MODEL, "needs a state as input");
    *state = argument->slots[0];
    return PST_OK;
}

static pst_status run_read_state(struct op_call *call) {
    struct slot *state;
    pst_status status = find_state(call, &state);
    if (status) return status;
    struct mil_type type = state->tensor.type;
    type.state = 0;
    return op_copy(call, 0, &state->tensor, &type);
}

static pst_status run_write_state(struct op_call *call) {
    struct slot *state;
    const struct mil_tensor *data;
    pst_status status = find_state(call, &state);
    if (status == PST_OK) status = op_tensor(call, "data", &data);
    if (status) return status;
    struct mil_type type = state->tensor.type;
    size_t count = 0;
    type.state = 0;
    if (!mil_type_equal(&type, &data->type) || !mil_type_count(&type, &count))
        return op_error(call, PST_ERR_MODEL, "data has not the type of the state");
    if (data->f)
        memcpy(state->tensor.f, data->f, count * sizeof(float));
    else
        memcpy(state->tensor.i, data->i, count * sizeof(int32_t));
    return PST_OK;
}

const struct op_entry op_control_entries[] = {
    {"while_loop", run_while_loop, 0, 1},
    {"cond", run_cond, 0, 1},
    {"read_state", run_read_state, 0, 1},
    {"write_state", run_write_state, 0, 1},
    {0},
};
