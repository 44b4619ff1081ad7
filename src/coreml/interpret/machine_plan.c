/* machine_plan.c - see machine_plan.h: binds operations to code and slots, and finds where values die.
 *
 * Blocks nest (while_loop, cond). A value of an outer block that an inner one reads is needed until
 * the operation that holds the inner block is done, so every use is booked at the step of the value's
 * own block on the way down to it. */
#include "coreml/interpret/machine_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "coreml/interpret/machine_constant.h"
#include "coreml/ops/op_table.h"

/* Loops in loops; a real program has one or two. */
enum { DEPTH_MAX = 16 };
/* Of the operations, all blocks together; the largest real programs have some thousand. */
enum { STEPS_MAX = 1 << 20 };
/* Marks a value that the block itself gives: no step releases it. */
static const size_t NEVER = SIZE_MAX;

struct plan_chunk {
    struct plan_chunk *next;
    _Alignas(16) unsigned char bytes[];
};

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

static void *machine_alloc(struct mil_machine *machine, size_t count, size_t size, pst_error *err) {
    size_t bytes;
    struct plan_chunk *chunk = NULL;
    if (!checked_mul(count, size, &bytes) || !checked_add(bytes, sizeof *chunk, &bytes)) bytes = 0;
    if (bytes) chunk = calloc(1, bytes);
    if (chunk == NULL) {
        error_memory(err, bytes);
        return NULL;
    }
    chunk->next = machine->chunks;
    machine->chunks = chunk;
    return chunk->bytes;
}

void machine_free_plan(struct mil_machine *machine) {
    while (machine->chunks) {
        struct plan_chunk *next = machine->chunks->next;
        free(machine->chunks);
        machine->chunks = next;
    }
}

/* ------------------------------------------------------------------------------------------ the map */

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

/* ------------------------------------------------------------------------------------------- values */

static pst_status make_slot(struct planner *planner, const struct mil_value *value,
                            struct slot **slot) {
    struct slot *made = machine_alloc(planner->machine, 1, sizeof *made, planner->err);
    if (made == NULL) return PST_ERR_MEMORY;
    made->value = value;
    made->tensor.name = value->name ? value->name : "";
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

/* The slot of a value that the current step reads. */
static pst_status use_value(struct planner *planner, const struct mil_value *value,
                            struct slot **slot) {
    if (value == NULL)
        return error_set(planner->err, PST_ERR_MODEL,
                         "an operation lacks the value of an argument");
    struct slot *found = get_slot(planner, value);
    if (found == NULL && value->data) return make_constant(planner, value, slot);
    size_t level = planner->depth;
    if (found) {
        while (level && planner->frames[level - 1].block != found->block) level--;
        if (level) found->last = planner->frames[level - 1].step;
    }
    if (found == NULL || (found->block && level == 0))
        return error_set(planner->err, PST_ERR_MODEL, "'%s' is used where it is not yet computed",
                         value->name ? value->name : "");
    *slot = found;
    return PST_OK;
}

static pst_status define_value(struct planner *planner, struct bound_block *bound,
                               const struct mil_value *value, struct slot **slot) {
    if (value == NULL || value->data || get_slot(planner, value))
        return error_set(planner->err, PST_ERR_MODEL, "'%s' is computed twice",
                         value && value->name ? value->name : "");
    pst_status status = make_slot(planner, value, slot);
    if (status) return status;
    (*slot)->block = bound;
    (*slot)->last = planner->frames[planner->depth - 1].step;
    (*slot)->next_defined = bound->defined;
    bound->defined = *slot;
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- operations */

static pst_status bind_block(struct planner *planner, const struct mil_block *block,
                             struct mil_value *const *inputs, size_t input_count,
                             struct bound_block **result);

static struct slot **slot_list(struct planner *planner, size_t count) {
    return machine_alloc(planner->machine, count, sizeof(struct slot *), planner->err);
}

static pst_status bind_arguments(struct planner *planner, struct bound_step *step) {
    const struct mil_op *op = step->op;
    step->arguments =
        machine_alloc(planner->machine, op->argument_count, sizeof *step->arguments, planner->err);
    if (step->arguments == NULL) return PST_ERR_MEMORY;
    step->argument_count = op->argument_count;
    for (size_t i = 0; i < op->argument_count; i++) {
        const struct mil_argument *from = &op->arguments[i];
        struct bound_argument *to = &step->arguments[i];
        to->name = from->name;
        to->slots = slot_list(planner, from->count);
        if (to->slots == NULL) return PST_ERR_MEMORY;
        for (; to->count < from->count; to->count++) {
            pst_status status = use_value(planner, from->values[to->count], &to->slots[to->count]);
            if (status) return status;
            /* Constants that only a constexpr needs are dropped when it is done. */
            if (!step->folded) to->slots[to->count]->decoded = 1;
        }
    }
    return PST_OK;
}

static pst_status bind_inner_blocks(struct planner *planner, struct bound_step *step) {
    const struct mil_op *op = step->op;
    step->blocks =
        machine_alloc(planner->machine, op->block_count, sizeof *step->blocks, planner->err);
    if (step->blocks == NULL) return PST_ERR_MEMORY;
    for (; step->block_count < op->block_count; step->block_count++) {
        const struct mil_block *block = op->blocks[step->block_count];
        pst_status status = bind_block(planner, block, block->inputs, block->input_count,
                                       &step->blocks[step->block_count]);
        if (status) return status;
    }
    return PST_OK;
}

static pst_status bind_step(struct planner *planner, struct bound_block *bound,
                            struct bound_step *step) {
    const struct mil_op *op = step->op;
    if (++planner->steps > STEPS_MAX)
        return error_set(planner->err, PST_ERR_UNSUPPORTED, "more than %d operations", STEPS_MAX);
    step->entry = op_find(op->type);
    if (step->entry == NULL)
        return error_set(planner->err, PST_ERR_UNSUPPORTED, "operation %s is not supported",
                         op->type);
    step->folded = strncmp(op->type, "constexpr_", 10) == 0;
    pst_status status = bind_arguments(planner, step);
    if (status == PST_OK) status = bind_inner_blocks(planner, step);
    if (status) return status;
    step->outputs = slot_list(planner, op->output_count);
    if (step->outputs == NULL) return PST_ERR_MEMORY;
    for (; step->output_count < op->output_count; step->output_count++) {
        struct slot **slot = &step->outputs[step->output_count];
        status = define_value(planner, bound, op->outputs[step->output_count], slot);
        if (status) return status;
        (*slot)->constant = step->folded;
    }
    return PST_OK;
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
    size_t count = 0;
    for (size_t i = 0; i < block->item_count; i++) count += block->items[i].op != NULL;
    bound->steps = machine_alloc(planner->machine, count, sizeof *bound->steps, planner->err);
    if (bound->steps == NULL) return PST_ERR_MEMORY;
    for (size_t i = 0; i < block->item_count; i++) {
        if (block->items[i].op == NULL) continue;
        struct bound_step *step = &bound->steps[bound->step_count];
        step->op = block->items[i].op;
        planner->frames[planner->depth - 1].step = bound->step_count;
        pst_status status = bind_step(planner, bound, step);
        if (status) return status;
        bound->step_count++;
    }
    return PST_OK;
}

static pst_status bind_outputs(struct planner *planner, const struct mil_block *block,
                               struct bound_block *bound) {
    bound->outputs = slot_list(planner, block->output_count);
    if (bound->outputs == NULL) return PST_ERR_MEMORY;
    planner->frames[planner->depth - 1].step = NEVER;
    for (; bound->output_count < block->output_count; bound->output_count++) {
        struct slot **slot = &bound->outputs[bound->output_count];
        pst_status status = use_value(planner, block->outputs[bound->output_count], slot);
        if (status) return status;
        (*slot)->decoded = 1;
    }
    return PST_OK;
}

static pst_status bind_block(struct planner *planner, const struct mil_block *block,
                             struct mil_value *const *inputs, size_t input_count,
                             struct bound_block **result) {
    if (planner->depth == DEPTH_MAX)
        return error_set(planner->err, PST_ERR_UNSUPPORTED, "blocks are nested more than %d deep",
                         DEPTH_MAX);
    struct bound_block *bound = machine_alloc(planner->machine, 1, sizeof *bound, planner->err);
    if (bound == NULL) return PST_ERR_MEMORY;
    planner->frames[planner->depth++] = (struct frame){bound, 0};
    bound->inputs = slot_list(planner, input_count);
    pst_status status = bound->inputs ? PST_OK : PST_ERR_MEMORY;
    for (; status == PST_OK && bound->input_count < input_count; bound->input_count++) {
        struct slot **slot = &bound->inputs[bound->input_count];
        status = define_value(planner, bound, inputs[bound->input_count], slot);
        if (status) return status;
        (*slot)->constant = inputs[bound->input_count]->type.state;
        if ((*slot)->constant && planner->depth > 1)
            return error_set(planner->err, PST_ERR_MODEL, "'%s' is a state within a function",
                             (*slot)->tensor.name);
    }
    if (status == PST_OK) status = bind_steps(planner, block, bound);
    if (status == PST_OK) status = bind_outputs(planner, block, bound);
    planner->depth--;
    if (status) return status;
    book_releases(bound);
    *result = bound;
    return PST_OK;
}

/* ----------------------------------------------------------------------------------------- constants */

static pst_status decode_arguments(struct mil_machine *machine, const struct bound_step *step,
                                   pst_error *err) {
    for (size_t i = 0; i < step->argument_count; i++) {
        for (size_t j = 0; j < step->arguments[i].count; j++) {
            struct slot *slot = step->arguments[i].slots[j];
            if (!slot->constant || slot->value->type.state)
                return error_set(err, PST_ERR_MODEL, "%s: argument %s is not a constant",
                                 step->op->type, step->arguments[i].name);
            pst_status status =
                slot->block ? PST_OK : machine_decode(&machine->resources.memory, slot, err);
            if (status) return status;
        }
    }
    return PST_OK;
}

/* Runs the constexpr operations of a block and takes them out of it. */
static pst_status fold_block(struct mil_machine *machine, struct bound_block *bound,
                             pst_error *err) {
    for (size_t i = 0; i < bound->step_count; i++) {
        struct bound_step *step = &bound->steps[i];
        for (size_t j = 0; j < step->block_count; j++) {
            pst_status status = fold_block(machine, step->blocks[j], err);
            if (status) return status;
        }
        if (!step->folded) continue;
        pst_status status = decode_arguments(machine, step, err);
        if (status == PST_OK) status = bound_step_run(&machine->resources, step, err);
        if (status) return status;
        for (size_t j = 0; j < step->argument_count; j++)
            for (size_t k = 0; k < step->arguments[j].count; k++)
                if (!step->arguments[j].slots[k]->decoded && !step->arguments[j].slots[k]->block)
                    slot_release(&machine->resources.memory, step->arguments[j].slots[k]);
    }
    return PST_OK;
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
