/* interpret.c - see interpret.h: makes a machine, walks over its steps, and keeps the memory of tensors.
 *
 * The plan is made in machine_plan.c; what the operations compute is in op_*.c. */
#include "coreml/interpret/interpret.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "coreml/interpret/machine.h"
#include "coreml/interpret/op.h"

/* Attention over 30 seconds of a base model takes about 100 MB at once, its weights 250. */
static const size_t BYTES_MAX = (size_t)2 << 30;
/* A 30-second clip through a base model takes 10^11 products; minutes of a core are the end of patience. */
static const uint64_t WORK_MAX = (uint64_t)1 << 42;

/* Elements that a thread rounds at a time: some tens of microseconds. */
enum { ROUND_PIECE = 1 << 16 };

/* ------------------------------------------------------------------------------------------- tensors */

int mil_is_float(enum mil_dtype dtype) {
    return dtype == MIL_F16 || dtype == MIL_F32;
}

int type_count(const struct mil_type *type, size_t *count) {
    size_t span = 1, empty = 0;
    if (type->rank > MIL_RANK_MAX) return 0;
    for (uint32_t i = 0; i < type->rank; i++) {
        size_t dim = type->dims[i] > 0 ? (size_t)type->dims[i] : 1;
        empty |= type->dims[i] == 0;
        /* Strides of an empty tensor have to fit too. */
        if (type->dims[i] < 0 || !checked_mul(span, dim, &span)) return 0;
    }
    *count = empty ? 0 : span;
    return span <= PTRDIFF_MAX / sizeof(float);
}

pst_status slot_fill(struct mil_machine *machine, struct slot *slot, const struct mil_type *type,
                     pst_error *err) {
    size_t count, bytes;
    slot_release(machine, slot);
    /* An empty tensor has an address too. */
    if (!type_count(type, &count) || !checked_mul(count ? count : 1, sizeof(float), &bytes) ||
        bytes > machine->limits.bytes - machine->bytes)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "'%s' would take the tensors beyond %zu MB of memory", slot->tensor.name,
                         machine->limits.bytes >> 20);
    slot->memory = malloc(bytes);
    if (slot->memory == NULL) return error_memory(err, bytes);
    slot->bytes = bytes;
    machine->bytes += bytes;
    slot->tensor.type = *type;
    if (mil_is_float(type->dtype))
        slot->tensor.f = slot->memory;
    else
        slot->tensor.i = slot->memory;
    return PST_OK;
}

void slot_release(struct mil_machine *machine, struct slot *slot) {
    free(slot->memory);
    machine->bytes -= slot->bytes;
    slot->memory = NULL;
    slot->bytes = 0;
    slot->tensor.f = NULL;
    slot->tensor.i = NULL;
}

void slot_borrow(struct slot *to, const struct slot *from) {
    to->tensor.type = from->tensor.type;
    to->tensor.f = from->tensor.f;
    to->tensor.i = from->tensor.i;
}

/* -------------------------------------------------------------------------------------------- running */

static int32_t bits_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The next functions see every number a program computes. They are written so that compilers turn them
 * into vectors: no branches, and comparisons of signed numbers, which every processor has. */
static int32_t pick(int choose, int32_t a, int32_t b) {
    int32_t mask = -(int32_t)choose;
    return (a & mask) | (b & ~mask);
}

static int32_t f16_bits(int32_t bits) {
    int32_t magnitude = bits & INT32_MAX, sign = bits & INT32_MIN;
    /* Below 2^-14 float16 has steps of 2^-24, which is the step of a float from 0.5 on. */
    int32_t small = bits_of((float_of(magnitude) + 0.5f) - 0.5f);
    uint32_t half = 0xfff + (uint32_t)(magnitude >> 13 & 1); /* ties go to the even one */
    int32_t normal = (int32_t)((uint32_t)magnitude + half) & ~0x1fff;
    normal = pick(normal >= 0x47800000, 0x7f800000, normal); /* 65536 and more, rounded */
    int32_t rounded = pick(magnitude < 0x38800000, small, normal);
    rounded = pick(magnitude > 0x7f800000, magnitude, rounded); /* NaN */
    return rounded | sign;
}

void round_to_f16(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = float_of(f16_bits(bits_of(x[i])));
}

static int is_f16(const float *x, size_t n) {
    int32_t changes = 0;
    for (size_t i = 0; i < n; i++) changes |= bits_of(x[i]) ^ f16_bits(bits_of(x[i]));
    return changes == 0;
}

static void round_piece(void *context, size_t first, size_t count) {
    float *x = context;
    round_to_f16(x + first, count);
}

pst_status machine_run_step(struct mil_machine *machine, struct step *step, pst_error *err) {
    struct op_call call = {machine, step, err};
    pst_status status = op_work(&call, 1, 1, 1);
    if (status == PST_OK) status = step->run(&call);
    if (status) return status;
    for (size_t i = 0; i < step->output_count; i++) {
        struct slot *slot = step->outputs[i];
        if (slot->tensor.f == NULL && slot->tensor.i == NULL)
            return op_error(&call, PST_ERR_MODEL, "declares more results than the operation gives");
        size_t count = 0;
        /* What is only moved has been rounded before. */
        if (machine->rounding == MIL_ROUND_F16 && slot->tensor.type.dtype == MIL_F16 &&
            !step->moves && type_count(&slot->tensor.type, &count))
            op_spread(&call, count, ROUND_PIECE, round_piece, slot->tensor.f);
        if (machine->trace) machine->trace(machine->trace_user, step->op->type, &slot->tensor);
    }
    return PST_OK;
}

pst_status machine_run_body(struct mil_machine *machine, const struct body *body, pst_error *err) {
    for (size_t i = 0; i < body->step_count; i++) {
        struct step *step = &body->steps[i];
        if (step->folded) continue;
        pst_status status = machine_run_step(machine, step, err);
        if (status) return status;
        for (struct slot *slot = step->release; slot; slot = slot->next_release)
            slot_release(machine, slot);
    }
    return PST_OK;
}

void machine_clear_body(struct mil_machine *machine, const struct body *body) {
    for (struct slot *slot = body->defined; slot; slot = slot->next_defined)
        if (!slot->constant) slot_release(machine, slot);
}

/* -------------------------------------------------------------------------------------------- inputs */

/* Does a tensor of `type` fit where `declared` stands? */
static int type_fits(const struct mil_type *type, const struct mil_type *declared) {
    if (type->dtype != declared->dtype || type->rank != declared->rank) return 0;
    for (uint32_t i = 0; i < type->rank; i++)
        if (type->dims[i] < 0 || (declared->dims[i] >= 0 && type->dims[i] != declared->dims[i]))
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
    if (!type_fits(&input->type, &slot->value->type) || !type_count(&input->type, &count) ||
        (is_float ? (void *)input->f : (void *)input->i) == NULL)
        return error_set(err, PST_ERR_ARGUMENT,
                         "input '%s' is not of the type the program declares", slot->tensor.name);
    if (machine->rounding != MIL_ROUND_F16 || input->type.dtype != MIL_F16 ||
        is_f16(input->f, count)) {
        slot->tensor.type = input->type;
        slot->tensor.f = is_float ? input->f : NULL;
        slot->tensor.i = is_float ? NULL : input->i;
        return PST_OK;
    }
    pst_status status = slot_fill(machine, slot, &input->type, err);
    if (status) return status;
    memcpy(slot->tensor.f, input->f, count * sizeof(float));
    round_to_f16(slot->tensor.f, count);
    return PST_OK;
}

pst_status mil_machine_run(struct mil_machine *machine, const struct mil_tensor *inputs,
                           size_t input_count, struct mil_tensor *outputs, size_t output_count,
                           pst_error *err) {
    const struct body *body = machine->body;
    if (output_count != body->output_count)
        return error_set(err, PST_ERR_ARGUMENT, "the function has %zu outputs, not %zu",
                         body->output_count, output_count);
    machine_clear_body(machine, body);
    machine->work = 0;
    pst_status status = PST_OK;
    for (size_t i = 0; status == PST_OK && i < body->input_count; i++)
        if (!body->inputs[i]->constant)
            status = take_input(machine, body->inputs[i], inputs, input_count, err);
    if (status == PST_OK) status = machine_run_body(machine, body, err);
    if (status) {
        machine_clear_body(machine, body);
        return status;
    }
    for (size_t i = 0; i < output_count; i++) outputs[i] = body->outputs[i]->tensor;
    return PST_OK;
}

struct mil_tensor *mil_machine_state(struct mil_machine *machine, const char *name) {
    for (size_t i = 0; i < machine->body->input_count; i++) {
        struct slot *slot = machine->body->inputs[i];
        if (slot->constant && strcmp(slot->tensor.name, name) == 0) return &slot->tensor;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- making it */

static pst_status make_states(struct mil_machine *machine, pst_error *err) {
    for (size_t i = 0; i < machine->body->input_count; i++) {
        struct slot *slot = machine->body->inputs[i];
        if (!slot->constant) continue;
        pst_status status = slot_fill(machine, slot, &slot->value->type, err);
        if (status) return status;
        memset(slot->memory, 0, slot->bytes);
    }
    return PST_OK;
}

static pst_status find_function(struct mil_machine *machine, const char *name, pst_error *err) {
    const struct mil_model *model = machine->model;
    if (name == NULL) name = model->default_function ? model->default_function : "main";
    for (size_t i = 0; i < model->function_count; i++)
        if (strcmp(model->functions[i]->name, name) == 0) machine->function = model->functions[i];
    if (machine->function == NULL || machine->function->block == NULL)
        return error_set(err, PST_ERR_MODEL, "there is no function '%s'", name);
    return PST_OK;
}

pst_status mil_machine_new(struct mil_machine **machine, const struct mil_model *model,
                           const char *function, enum mil_rounding rounding, unsigned threads,
                           pst_error *err) {
    struct mil_machine *made = calloc(1, sizeof *made);
    if (made == NULL) return error_memory(err, sizeof *made);
    made->model = model;
    made->rounding = rounding;
    made->limits = (struct mil_limits){BYTES_MAX, WORK_MAX};
    pst_status status = find_function(made, function, err);
    if (status == PST_OK) status = kernels_get(&made->kernels, PST_CPU_AUTO, err);
    if (status == PST_OK) status = thread_pool_new(&made->pool, threads, err);
    if (status == PST_OK) status = machine_plan(made, err);
    if (status == PST_OK) status = make_states(made, err);
    if (status) {
        mil_machine_free(made);
        return status;
    }
    *machine = made;
    return PST_OK;
}

static void free_body(struct mil_machine *machine, const struct body *body) {
    if (body == NULL) return;
    for (struct slot *slot = body->defined; slot; slot = slot->next_defined)
        slot_release(machine, slot);
    for (size_t i = 0; i < body->step_count; i++)
        for (size_t j = 0; j < body->steps[i].body_count; j++)
            free_body(machine, body->steps[i].bodies[j]);
}

void mil_machine_free(struct mil_machine *machine) {
    if (machine == NULL) return;
    for (struct slot *slot = machine->constants; slot; slot = slot->next_defined)
        slot_release(machine, slot);
    free_body(machine, machine->body);
    machine_free_plan(machine);
    thread_pool_free(machine->pool);
    free(machine->scratch);
    free(machine);
}

void mil_machine_limit(struct mil_machine *machine, struct mil_limits limits) {
    machine->limits = limits;
    if (limits.bytes < machine->bytes) machine->limits.bytes = machine->bytes;
}

void mil_machine_trace(struct mil_machine *machine, mil_trace_fn trace, void *user) {
    machine->trace = trace;
    machine->trace_user = user;
}
