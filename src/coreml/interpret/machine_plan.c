/* machine_plan.c - see machine_plan.h: binds operations to code and slots, and finds last uses.
 *
 * Blocks nest (while_loop, cond). A value of an outer block that an inner one reads is needed until
 * the operation that holds the inner block is done, so the last use is noted as a step of
 * the value's own block. */
#include "coreml/interpret/machine_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/interpret/machine_constant.h"
#include "coreml/ops/op_table.h"

/* Loops in loops; a real program has one or two. */
enum { DEPTH_MAX = 16 };
/* Of the operations, all blocks together; the largest real programs have some thousand. */
enum { STEPS_MAX = 1 << 20 };
/* The last use of an output of the block: no step releases it. */
static const size_t NEVER = SIZE_MAX;

struct planner {
    struct mil_machine *machine;
    pst_error *err;
    /* Open addressing by the address of a value, or of a constant's data. */
    struct entry {
        const void *key;
        struct slot *slot;
    } * entries; /* [capacity], a power of two */
    size_t capacity, used;
    struct frame {
        const struct bound_block *block;
        size_t step;
    } frames[DEPTH_MAX];
    size_t depth;
    size_t steps;
};

/* Zeroed memory of the plan; NULL: there is none. */
static void *plan_alloc(struct planner *planner, size_t count, size_t size) {
    void *memory = mil_alloc(planner->machine->plan, count * size);
    if (memory == NULL) error_record_memory(planner->err, count * size);
    return memory;
}

/* A list of so many pointers. */
static void *list_new(struct planner *planner, size_t count) {
    return plan_alloc(planner, count, sizeof(void *));
}

/* -------------------------------------------------------------------------------------- the map */

static struct entry *find_entry(const struct planner *planner, const void *key) {
    size_t mask = planner->capacity - 1;
    /* Addresses differ in their middle bits; the factor is 2^64 over the golden ratio. */
    size_t at = (size_t)((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (planner->entries[at].key && planner->entries[at].key != key) at = (at + 1) & mask;
    return &planner->entries[at];
}

static pst_status grow_map(struct planner *planner) {
    if (planner->used * 2 < planner->capacity) return PST_OK;
    struct planner larger = *planner;
    larger.capacity = planner->capacity ? planner->capacity * 2 : 1024;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return error_memory(planner->err, larger.capacity * sizeof *larger.entries);
    for (size_t i = 0; i < planner->capacity; i++)
        if (planner->entries[i].key)
            *find_entry(&larger, planner->entries[i].key) = planner->entries[i];
    free(planner->entries);
    planner->entries = larger.entries;
    planner->capacity = larger.capacity;
    return PST_OK;
}

static pst_status put_entry(struct planner *planner, const void *key, struct slot *slot) {
    pst_status status = grow_map(planner);
    if (status) return status;
    *find_entry(planner, key) = (struct entry){key, slot};
    planner->used++;
    return PST_OK;
}

static struct slot *get_slot(const struct planner *planner, const void *key) {
    return planner->capacity ? find_entry(planner, key)->slot : NULL;
}

/* --------------------------------------------------------------------------------------- values */

static pst_status make_slot(struct planner *planner, const struct mil_value *value,
                            struct slot **slot) {
    struct slot *made = plan_alloc(planner, 1, sizeof *made);
    if (made == NULL) return PST_ERR_MEMORY;
    made->value = value;
    made->tensor.name = value->name ? value->name : "";
    made->tensor.type = value->type;
    *slot = made;
    return put_entry(planner, value, made);
}

/* Equal bytes are decoded once: a tied table is an embedding and a projection. */
static pst_status make_constant(struct planner *planner, const struct mil_value *value,
                                struct slot **slot) {
    pst_status status = make_slot(planner, value, slot);
    if (status) return status;
    (*slot)->constant = 1;
    (*slot)->next_defined = planner->machine->constants;
    planner->machine->constants = *slot;
    struct slot *twin = get_slot(planner, value->data);
    if (twin == NULL) return put_entry(planner, value->data, *slot);
    const struct mil_value *other = twin->value;
    if (other->type.dtype == value->type.dtype && other->bytes == value->bytes &&
        mil_elements(&other->type) == mil_elements(&value->type))
        (*slot)->twin = twin;
    return PST_OK;
}

/* The slots of values that the current step reads. */
static pst_status use_values(struct planner *planner, const struct mil_value *const *values,
                             size_t count, struct slot ***slots) {
    pst_status status = PST_OK;
    *slots = list_new(planner, count);
    if (*slots == NULL) return PST_ERR_MEMORY;
    for (size_t i = 0; status == PST_OK && i < count; i++) {
        struct slot *found = (*slots)[i] = get_slot(planner, values[i]);
        if (found == NULL) {
            assert(values[i]->data != NULL); /* all else is defined before it is used */
            status = make_constant(planner, values[i], &(*slots)[i]);
            continue;
        }
        size_t level = planner->depth;
        while (level && planner->frames[level - 1].block != found->block) level--;
        if (level) found->last = planner->frames[level - 1].step;
    }
    return status;
}

/* Slots of what the block defines; states and, with `folded`, results of a constexpr stay. */
static pst_status define_values(struct planner *planner, struct bound_block *bound,
                                struct mil_value *const *values, size_t count, int folded,
                                struct slot ***slots) {
    pst_status status = PST_OK;
    *slots = list_new(planner, count);
    if (*slots == NULL) return PST_ERR_MEMORY;
    for (size_t i = 0; status == PST_OK && i < count; i++) {
        struct slot *slot;
        status = make_slot(planner, values[i], &slot);
        if (status) break;
        slot->block = bound;
        slot->last = planner->frames[planner->depth - 1].step;
        slot->constant = folded || values[i]->type.state;
        slot->next_defined = bound->defined;
        bound->defined = (*slots)[i] = slot;
    }
    return status;
}

/* ----------------------------------------------------------------------------------- operations */

static pst_status bind_block(struct planner *planner, const struct mil_block *block,
                             struct mil_value *const *inputs, size_t input_count,
                             struct bound_block **result);

/* Does a rule learn the same from this value in every run? Rules look at types, at integers and at
 * scalars, of which range_1d takes floats too; so a float tensor only needs a known shape. */
static int is_fixed(const struct slot *slot) {
    const struct mil_type *type = &slot->value->type;
    return slot->constant ||
           (mil_is_float(type->dtype) && type->rank != 0 && !mil_has_unknown(type));
}

static pst_status bind_argument(struct planner *planner, const struct mil_argument *argument,
                                struct bound_step *step, struct slot ***slots) {
    pst_status status = use_values(planner, argument->values, argument->count, slots);
    for (size_t i = 0; status == PST_OK && i < argument->count; i++) {
        step->fixed = step->fixed && is_fixed((*slots)[i]);
        /* Constants that only a constexpr needs are dropped when it is done. */
        if (!step->folded) (*slots)[i]->decoded = 1;
    }
    return status;
}

static pst_status bind_step(struct planner *planner, struct bound_block *bound,
                            struct bound_step *step) {
    const struct mil_op *op = step->op;
    pst_status status = PST_OK;
    if (++planner->steps > STEPS_MAX)
        return error_set(planner->err, PST_ERR_UNSUPPORTED, "more than %d operations", STEPS_MAX);
    step->row = op_find(op->type, planner->machine->resources.specification);
    step->folded = strncmp(op->type, "constexpr_", 10) == 0;
    step->fixed = 1;
    step->arguments = list_new(planner, op->argument_count);
    step->blocks = list_new(planner, op->block_count);
    if (step->arguments == NULL || step->blocks == NULL) return PST_ERR_MEMORY;
    for (size_t i = 0; status == PST_OK && i < op->argument_count; i++)
        status = bind_argument(planner, &op->arguments[i], step, &step->arguments[i]);
    for (size_t i = 0; status == PST_OK && i < op->block_count; i++)
        status = bind_block(planner, op->blocks[i], op->blocks[i]->inputs,
                            op->blocks[i]->input_count, &step->blocks[i]);
    return status ? status
                  : define_values(planner, bound, op->outputs, op->output_count, step->folded,
                                  &step->outputs);
}

static void book_releases(struct bound_block *bound) {
    for (struct slot *slot = bound->defined; slot; slot = slot->next_defined) {
        if (slot->constant || slot->last >= bound->step_count) continue;
        struct bound_step *step = &bound->steps[slot->last];
        slot->next_release = step->release;
        step->release = slot;
    }
}

static pst_status bind_steps(struct planner *planner, const struct mil_block *block,
                             struct bound_block *bound) {
    pst_status status = PST_OK;
    size_t count = 0;
    for (size_t i = 0; i < block->item_count; i++) count += block->items[i].op != NULL;
    bound->steps = plan_alloc(planner, count, sizeof *bound->steps);
    if (bound->steps == NULL) return PST_ERR_MEMORY;
    for (size_t i = 0; status == PST_OK && i < block->item_count; i++) {
        if (block->items[i].op == NULL) continue;
        planner->frames[planner->depth - 1].step = bound->step_count;
        struct bound_step *step = &bound->steps[bound->step_count++];
        step->op = block->items[i].op;
        status = bind_step(planner, bound, step);
    }
    return status;
}

static pst_status bind_outputs(struct planner *planner, const struct mil_block *block,
                               struct bound_block *bound) {
    bound->output_count = block->output_count;
    planner->frames[planner->depth - 1].step = NEVER;
    pst_status status = use_values(planner, block->outputs, block->output_count, &bound->outputs);
    for (size_t i = 0; status == PST_OK && i < block->output_count; i++)
        bound->outputs[i]->decoded = 1;
    return status;
}

static pst_status bind_block(struct planner *planner, const struct mil_block *block,
                             struct mil_value *const *inputs, size_t input_count,
                             struct bound_block **result) {
    if (planner->depth == DEPTH_MAX)
        return error_set(planner->err, PST_ERR_UNSUPPORTED, "blocks are nested more than %d deep",
                         DEPTH_MAX);
    struct bound_block *bound = plan_alloc(planner, 1, sizeof *bound);
    if (bound == NULL) return PST_ERR_MEMORY;
    planner->frames[planner->depth++] = (struct frame){bound, 0};
    bound->input_count = input_count;
    pst_status status = define_values(planner, bound, inputs, input_count, 0, &bound->inputs);
    if (status == PST_OK) status = bind_steps(planner, block, bound);
    if (status == PST_OK) status = bind_outputs(planner, block, bound);
    planner->depth--;
    if (status) return status;
    book_releases(bound);
    *result = bound;
    return PST_OK;
}

/* ------------------------------------------------------------------------------------ constants */

/* Runs a constexpr, and releases those of its arguments that nothing else needs. */
static pst_status fold_step(struct mil_machine *machine, struct bound_step *step, pst_error *err) {
    struct slot_memory *memory = &machine->resources.memory;
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < step->op->argument_count; i++)
        for (size_t j = 0; status == PST_OK && j < step->op->arguments[i].count; j++) {
            struct slot *slot = step->arguments[i][j];
            if (slot->block == NULL) status = machine_decode(memory, slot, err);
        }
    if (status == PST_OK) status = bound_step_run(&machine->resources, step, err);
    if (status) return status;
    for (size_t i = 0; i < step->op->argument_count; i++)
        for (size_t j = 0; j < step->op->arguments[i].count; j++) {
            struct slot *slot = step->arguments[i][j];
            if (!slot->decoded && slot->block == NULL) slot_release(memory, slot);
        }
    return PST_OK;
}

/* The constexpr operations of a block. */
static pst_status fold_block(struct mil_machine *machine, struct bound_block *bound,
                             pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < bound->step_count; i++) {
        struct bound_step *step = &bound->steps[i];
        for (size_t j = 0; status == PST_OK && j < step->op->block_count; j++)
            status = fold_block(machine, step->blocks[j], err);
        if (status == PST_OK && step->folded) status = fold_step(machine, step, err);
    }
    return status;
}

static pst_status decode_constants(struct mil_machine *machine, pst_error *err) {
    for (struct slot *slot = machine->constants; slot; slot = slot->next_defined)
        if (slot->twin && slot->decoded) slot->twin->decoded = 1;
    for (struct slot *slot = machine->constants; slot; slot = slot->next_defined) {
        if (!slot->decoded) continue;
        struct slot *source = slot->twin ? slot->twin : slot;
        pst_status status = machine_decode(&machine->resources.memory, source, err);
        if (status) return status;
        if (source != slot && !slot_is_filled(slot)) slot_borrow(slot, source);
        slot->tensor.type = slot->value->type;
    }
    return PST_OK;
}

pst_status machine_plan(struct mil_machine *machine, pst_error *err) {
    struct planner planner = {.machine = machine, .err = err};
    const struct mil_function *function = machine->function;
    pst_status status = bind_block(&planner, function->block, function->inputs,
                                   function->input_count, &machine->block);
    free(planner.entries);
    if (status == PST_OK) status = fold_block(machine, machine->block, err);
    if (status == PST_OK) status = decode_constants(machine, err);
    return status;
}
