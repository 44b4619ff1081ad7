/* interpret.c - see interpret.h: makes a machine, and gives it inputs.
 *
 * A program is checked once, before it is prepared; all else trusts that check. machine_plan.c
 * prepares it, ops/bound_block.c runs it, ops/op_*.c compute. */
#include "coreml/interpret/interpret.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/check/check.h"
#include "coreml/interpret/machine_plan.h"
#include "coreml/ops/round_f16.h"

/* Attention over 30 seconds of a base model takes about 100 MB at once, its weights 250. */
static const size_t BYTES_MAX = (size_t)2 << 30;
/* A 30-second clip through a base model takes 10^11 products; this is some minutes of a core. */
static const uint64_t WORK_MAX = (uint64_t)1 << 42;

/* --------------------------------------------------------------------------------------- inputs */

/* Does a tensor of `type` fit where `declared` stands? */
static int type_fits(const struct mil_type *type, const struct mil_type *declared) {
    if (type->dtype != declared->dtype || type->rank != declared->rank) return 0;
    for (uint32_t i = 0; i < type->rank; i++)
        if (type->dims[i] < 0 || type->dims[i] > MIL_DIMENSION_MAX ||
            (declared->dims[i] >= 0 && type->dims[i] != declared->dims[i]))
            return 0;
    return 1;
}

static pst_status take_input(struct mil_machine *machine, struct slot *slot,
                             const struct mil_tensor *inputs, size_t input_count, pst_error *err) {
    const struct mil_tensor *input = NULL;
    for (size_t i = 0; i < input_count; i++)
        if (strcmp(inputs[i].name, slot->tensor.name) == 0) input = &inputs[i];
    if (input == NULL)
        return error_set(err, PST_ERR_ARGUMENT, "input '%s' is missing", slot->tensor.name);
    int is_float = mil_is_float(slot->value->type.dtype);
    size_t count;
    if (!type_fits(&input->type, &slot->value->type) || !mil_type_count(&input->type, &count) ||
        (is_float ? (void *)input->f : (void *)input->i) == NULL)
        return error_set(err, PST_ERR_ARGUMENT,
                         "input '%s' is not of the type the program declares", slot->tensor.name);
    if (machine->resources.rounding != MIL_ROUND_F16 || input->type.dtype != MIL_F16 ||
        input->rounded || is_f16(input->f, count)) {
        slot->tensor.type = input->type;
        slot->tensor.f = is_float ? input->f : NULL;
        slot->tensor.i = is_float ? NULL : input->i;
        return PST_OK;
    }
    pst_status status = slot_fill(&machine->resources.memory, slot, &input->type, err);
    if (status) return status;
    memcpy(slot->tensor.f, input->f, count * sizeof(float));
    round_f16(slot->tensor.f, count);
    return PST_OK;
}

pst_status mil_machine_run(struct mil_machine *machine, const struct mil_tensor *inputs,
                           size_t input_count, struct mil_tensor *outputs, size_t output_count,
                           pst_error *err) {
    const struct bound_block *block = machine->block;
    if (output_count != block->output_count)
        return error_set(err, PST_ERR_ARGUMENT, "the function has %zu outputs, not %zu",
                         block->output_count, output_count);
    bound_block_clear(&machine->resources, block);
    machine->resources.work = 0;
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < block->input_count; i++)
        if (!block->inputs[i]->constant)
            status = take_input(machine, block->inputs[i], inputs, input_count, err);
    if (status == PST_OK) status = bound_block_run(&machine->resources, block, err);
    if (status) {
        bound_block_clear(&machine->resources, block);
        return status;
    }
    for (size_t i = 0; i < output_count; i++) outputs[i] = block->outputs[i]->tensor;
    return PST_OK;
}

struct mil_tensor *mil_machine_state(struct mil_machine *machine, const char *name) {
    for (size_t i = 0; i < machine->block->input_count; i++) {
        struct slot *slot = machine->block->inputs[i];
        if (slot->constant && strcmp(slot->tensor.name, name) == 0) return &slot->tensor;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------ making it */

static pst_status make_states(struct mil_machine *machine, pst_error *err) {
    for (size_t i = 0; i < machine->block->input_count; i++) {
        struct slot *slot = machine->block->inputs[i];
        if (!slot->constant) continue;
        pst_status status = slot_fill(&machine->resources.memory, slot, &slot->value->type, err);
        if (status) return status;
        memset(slot->memory, 0, slot->bytes);
    }
    return PST_OK;
}

struct refusal {
    pst_error *err;
    pst_status status;
};

/* Keeps the first problem. */
static void note_problem(void *user, pst_severity severity, const char *message) {
    struct refusal *refusal = user;
    if (severity != PST_PROBLEM || refusal->status) return;
    refusal->status = error_set(refusal->err, PST_ERR_MODEL, "%s", message);
}

/* From here on the program is trusted. */
static pst_status find_function(struct mil_machine *machine, const struct mil_model *model,
                                const char *name, pst_error *err) {
    struct refusal refusal = {err, PST_OK};
    if (name == NULL) name = model->default_function ? model->default_function : "main";
    machine->function = mil_function_find(model, name);
    if (machine->function == NULL)
        return error_set(err, PST_ERR_MODEL, "there is no function '%s'", name);
    if (check_function(model, machine->function, note_problem, &refusal))
        return error_memory(err, 0);
    return refusal.status;
}

pst_status mil_machine_new(struct mil_machine **machine, const struct mil_model *model,
                           const char *function, enum mil_rounding rounding, unsigned threads,
                           pst_error *err) {
    struct mil_machine *made = calloc(1, sizeof *made);
    if (made == NULL) return error_memory(err, sizeof *made);
    made->resources.rounding = rounding;
    made->resources.specification = model->specification;
    mil_machine_limit(made, (struct mil_limits){BYTES_MAX, WORK_MAX});
    pst_status status = find_function(made, model, function, err);
    if (status == PST_OK) status = kernels_get(&made->resources.kernels, PST_CPU_AUTO, err);
    if (status == PST_OK) status = thread_pool_new(&made->resources.pool, threads, err);
    if (status == PST_OK && (made->plan = mil_model_new()) == NULL) status = error_memory(err, 0);
    if (status == PST_OK) status = machine_plan(made, err);
    if (status == PST_OK) status = make_states(made, err);
    if (status) {
        mil_machine_free(made);
        return status;
    }
    *machine = made;
    return PST_OK;
}

static void free_block(struct mil_machine *machine, const struct bound_block *block) {
    if (block == NULL) return;
    for (struct slot *slot = block->defined; slot; slot = slot->next_defined)
        slot_release(&machine->resources.memory, slot);
    for (size_t i = 0; i < block->step_count; i++)
        for (size_t j = 0; j < block->steps[i].op->block_count; j++)
            free_block(machine, block->steps[i].blocks[j]);
}

void mil_machine_free(struct mil_machine *machine) {
    if (machine == NULL) return;
    for (struct slot *slot = machine->constants; slot; slot = slot->next_defined)
        slot_release(&machine->resources.memory, slot);
    free_block(machine, machine->block);
    mil_model_free(machine->plan);
    thread_pool_free(machine->resources.pool);
    free(machine->resources.scratch);
    free(machine);
}

void mil_machine_limit(struct mil_machine *machine, struct mil_limits limits) {
    struct slot_memory *memory = &machine->resources.memory;
    memory->limit = limits.bytes < memory->used ? memory->used : limits.bytes;
    machine->resources.work_limit = limits.work;
}

void mil_machine_trace(struct mil_machine *machine, mil_trace_fn trace, void *user) {
    machine->resources.trace = trace;
    machine->resources.trace_user = user;
}
