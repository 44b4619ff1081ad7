/* op.c - see op.h. */
#include "coreml/ops/op.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* ------------------------------------------------------------------------------------ arguments */

size_t op_count(const struct op_call *call, const char *name) {
    const struct mil_argument *argument = mil_op_find(call->op, name);
    return argument != NULL ? argument->count : 0;
}

/* The slot of a value of an argument, in a program that runs. */
static struct slot *slot_at(const struct op_call *call, const struct mil_argument *argument,
                            size_t index) {
    return call->step->arguments[argument - call->op->arguments][index];
}

const struct mil_type *op_type_at(const struct op_call *call, const char *name, size_t index) {
    const struct mil_argument *argument = mil_op_find(call->op, name);
    assert(argument != NULL && index < argument->count);
    return call->step != NULL ? &slot_at(call, argument, index)->tensor.type
                              : &argument->values[index]->type;
}

const struct mil_type *op_type(const struct op_call *call, const char *name) {
    return op_count(call, name) != 0 ? op_type_at(call, name, 0) : NULL;
}

const struct mil_tensor *op_tensor_at(const struct op_call *call, const char *name, size_t index) {
    const struct mil_argument *argument = mil_op_find(call->op, name);
    assert(argument != NULL && index < argument->count);
    const struct slot *slot = slot_at(call, argument, index);
    assert(slot_is_filled(slot));
    return &slot->tensor;
}

const struct mil_tensor *op_tensor(const struct op_call *call, const char *name) {
    return op_count(call, name) != 0 ? op_tensor_at(call, name, 0) : NULL;
}

int op_element(const struct op_call *call, const char *name, size_t index, int64_t *element) {
    const struct mil_argument *argument = mil_op_find(call->op, name);
    if (argument == NULL || argument->count != 1) return 0;
    if (call->step == NULL) {
        const struct mil_value *value = argument->values[0];
        return value->data != NULL && value->bytes >= mil_data_bytes(&value->type) &&
               index < mil_elements(&value->type) &&
               mil_integer(value->type.dtype, value->data, index, element);
    }
    const struct mil_tensor *tensor = &slot_at(call, argument, 0)->tensor;
    if (tensor->i == NULL || index >= mil_elements(&tensor->type)) return 0;
    *element = tensor->i[index];
    return 1;
}

int op_ints(const struct op_call *call, const char *name, int64_t ints[OP_INTS_MAX]) {
    const struct mil_type *type = op_type(call, name);
    size_t count = type != NULL ? mil_elements(type) : 0;
    if (type == NULL || mil_has_unknown(type) || count > OP_INTS_MAX) return -1;
    for (size_t i = 0; i < count; i++)
        if (!op_element(call, name, i, &ints[i])) return -1;
    return (int)count;
}

int64_t op_int(const struct op_call *call, const char *name, int64_t missing) {
    int64_t number;
    return op_element(call, name, 0, &number) ? number : missing;
}

const char *op_text(const struct op_call *call, const char *name) {
    const struct mil_value *value = mil_op_value(call->op, name);
    if (value == NULL || value->data == NULL || value->type.dtype != MIL_STRING ||
        value->bytes == 0 || memchr(value->data, 0, value->bytes) == NULL)
        return "";
    return value->data;
}

/* ---------------------------------------------------------------------------------------- rules */

int op_refuse(struct op_call *call, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(call->reason, OP_REASON_SIZE, format, list);
    va_end(list);
    return 0;
}

/* A result of a step that is about to run: all dimensions are known and within bounds. */
static int give_now(struct op_call *call, const struct mil_type *type) {
    struct slot *slot = call->step->outputs[call->given - 1];
    for (uint32_t i = 0; i < type->rank; i++)
        if (type->dims[i] < 0 || type->dims[i] > MIL_DIMENSION_MAX)
            return op_refuse(call, "%s would have %lld elements along axis %u", slot->tensor.name,
                             (long long)type->dims[i], (unsigned)i);
    slot->tensor.type = *type;
    return 1;
}

int op_give(struct op_call *call, struct mil_type type) {
    char declared[MIL_TYPE_TEXT_SIZE], inferred[MIL_TYPE_TEXT_SIZE];
    size_t index = call->given++;
    if (index >= call->op->output_count)
        return 1; /* counted, and compared with the number of outputs at the end */
    const struct mil_value *output = call->op->outputs[index];
    if (!mil_types_agree(&output->type, &type))
        return op_refuse(call, "%s is declared %s, but what it gives is %s", output->name,
                         mil_type_text(&output->type, declared), mil_type_text(&type, inferred));
    return call->step == NULL || give_now(call, &type);
}

int op_axis_of(struct op_call *call, int64_t axis, uint32_t rank) {
    if (axis < -(int64_t)rank || axis >= (int64_t)rank) {
        op_refuse(call, "axis %lld of a tensor of rank %u", (long long)axis, (unsigned)rank);
        return -1;
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

int op_axis(struct op_call *call, uint32_t rank) {
    return op_axis_of(call, op_int(call, "axis", 0), rank);
}

int op_axes(struct op_call *call, uint32_t rank) {
    int64_t axes[OP_INTS_MAX];
    int count = op_ints(call, "axes", axes), bits = 0;
    if (count < 0) {
        op_refuse(call, "axes is not a short constant");
        return -1;
    }
    for (int i = 0; i < count; i++) {
        int axis = op_axis_of(call, axes[i], rank);
        if (axis < 0) return -1;
        if ((bits >> axis & 1) != 0) {
            op_refuse(call, "axes has %d twice", axis);
            return -1;
        }
        bits |= 1 << axis;
    }
    return bits;
}

/* "a|b|c" as "a, b or c" */
static const char *listed(const char *words, char text[OP_REASON_SIZE]) {
    const char *last = strrchr(words, '|');
    size_t at = 0;
    for (const char *word = words; *word != 0 && at + 5 < OP_REASON_SIZE; word++) {
        const char *part = word == last ? " or " : *word == '|' ? ", " : NULL;
        for (; part != NULL && *part != 0; part++) text[at++] = *part;
        if (*word != '|') text[at++] = *word;
    }
    text[at] = 0;
    return text;
}

int op_choice(struct op_call *call, const char *name, const char *words) {
    const char *text = op_text(call, name);
    char all[OP_REASON_SIZE];
    const char *word = words;
    for (int index = 0;; index++) {
        size_t length = strcspn(word, "|");
        if (strlen(text) == length && memcmp(word, text, length) == 0) return index;
        if (word[length] == 0) break;
        word += length + 1;
    }
    op_refuse(call, "%s is %s, expected %s", name, text, listed(words, all));
    return -1;
}

int op_has_length(struct op_call *call, const char *name, int64_t length) {
    const struct mil_type *type = op_type(call, name);
    if (type == NULL || type->dims[0] < 0 || type->dims[0] == length) return 1;
    return op_refuse(call, "%s has %lld elements, expected %lld", name, (long long)type->dims[0],
                     (long long)length);
}

int op_broadcast(struct op_call *call, const struct mil_type *a, const struct mil_type *b,
                 struct mil_type *result) {
    char first[MIL_TYPE_TEXT_SIZE], second[MIL_TYPE_TEXT_SIZE];
    struct mil_type wide = {.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (uint32_t i = 0; i < wide.rank; i++) {
        /* Axes that are missing in front count as 1. */
        uint32_t at_a = i + a->rank - wide.rank, at_b = i + b->rank - wide.rank;
        int64_t x = i + a->rank >= wide.rank ? a->dims[at_a] : 1;
        int64_t y = i + b->rank >= wide.rank ? b->dims[at_b] : 1;
        if (x != y && x != 1 && y != 1 && x >= 0 && y >= 0)
            return op_refuse(call, "%s and %s do not fit together", mil_type_text(a, first),
                             mil_type_text(b, second));
        /* An unknown one is 1 or equal to the other. */
        wide.dims[i] = x == 1 || (x < 0 && y != 1) ? y : x;
    }
    *result = wide;
    return 1;
}

int op_infer_same(struct op_call *call) {
    return op_give(call, *op_type(call, "x"));
}

int op_infer_along_axis(struct op_call *call) {
    return op_axis(call, op_type(call, "x")->rank) >= 0 && op_infer_same(call);
}

/* ----------------------------------------------------------------------------------------- code */

float op_float(const struct op_call *call, const char *name, float missing) {
    const struct mil_tensor *tensor = op_tensor(call, name);
    return tensor != NULL ? tensor->f[0] : missing;
}

struct mil_tensor *op_result(const struct op_call *call, size_t index) {
    assert(index < call->op->output_count);
    return &call->step->outputs[index]->tensor;
}

void op_record(const struct op_call *call, pst_status code, const char *format, ...) {
    char text[OP_REASON_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error_record(call->err, code, "%s '%s': %s", call->op->type,
                 call->op->output_count != 0 ? call->op->outputs[0]->name : "", text);
}

pst_status op_work(struct op_call *call, size_t a, size_t b, size_t c) {
    size_t product;
    struct op_resources *resources = call->resources;
    if (!checked_mul(a, b, &product) || !checked_mul(product, c, &product) ||
        product > resources->work_limit - resources->work)
        return op_error(call, PST_ERR_UNSUPPORTED, "the program would run too long");
    resources->work += product;
    return PST_OK;
}

pst_status op_floats_new(struct op_call *call, size_t count, float **floats) {
    size_t bytes;
    const struct slot_memory *memory = &call->resources->memory;
    if (!checked_mul(count ? count : 1, sizeof(float), &bytes) ||
        bytes > memory->limit - memory->used)
        return op_error(call, PST_ERR_UNSUPPORTED, "needs more than %zu MB of memory",
                        memory->limit >> 20);
    *floats = malloc(bytes);
    return *floats ? PST_OK : error_memory(call->err, bytes);
}
