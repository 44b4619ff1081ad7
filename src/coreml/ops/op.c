/* op.c - see op.h: arguments, results, walking and products, for the code of every operation. */
#include "coreml/ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *op_name(const struct op_call *call) {
    return call->step->output_count ? call->step->outputs[0]->tensor.name : "";
}

void op_record(const struct op_call *call, pst_status code, const char *format, ...) {
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error_record(call->err, code, "%s '%s': %s", call->step->op->type, op_name(call), text);
}

/* "[1, 288, ?] fp16" */
static const char *describe(const struct mil_type *type, char text[160]) {
    size_t at = 0;
    text[at++] = '[';
    for (uint32_t i = 0; i < type->rank; i++) {
        const char *comma = i ? ", " : "";
        if (type->dims[i] < 0)
            at += (size_t)snprintf(text + at, 160 - at, "%s?", comma);
        else
            at += (size_t)snprintf(text + at, 160 - at, "%s%lld", comma, (long long)type->dims[i]);
        if (at > 110) break;
    }
    snprintf(text + at, 160 - at, "] %s", mil_dtype_name(type->dtype));
    return text;
}

/* ----------------------------------------------------------------------------------------- arguments */

const struct bound_argument *op_argument(const struct op_call *call, const char *name) {
    for (size_t i = 0; i < call->step->argument_count; i++)
        if (strcmp(call->step->arguments[i].name, name) == 0) return &call->step->arguments[i];
    return NULL;
}

/* The only slot of an argument, or NULL. */
static const struct slot *find_slot(const struct op_call *call, const char *name) {
    const struct bound_argument *argument = op_argument(call, name);
    return argument && argument->count == 1 ? argument->slots[0] : NULL;
}

pst_status op_tensor(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor) {
    const struct slot *slot = find_slot(call, name);
    if (slot == NULL || !slot_is_filled(slot) || slot->value->type.state)
        return op_error(call, PST_ERR_MODEL, "needs a tensor as %s", name);
    *tensor = &slot->tensor;
    return PST_OK;
}

pst_status op_floats(const struct op_call *call, const char *name,
                     const struct mil_tensor **tensor) {
    pst_status status = op_tensor(call, name, tensor);
    if (status == PST_OK && (*tensor)->f == NULL)
        return op_error(call, PST_ERR_UNSUPPORTED, "%s of type %s is not supported", name,
                        mil_dtype_name((*tensor)->type.dtype));
    return status;
}

pst_status op_integers(const struct op_call *call, const char *name,
                       const struct mil_tensor **tensor) {
    pst_status status = op_tensor(call, name, tensor);
    if (status == PST_OK && (*tensor)->i == NULL)
        return op_error(call, PST_ERR_MODEL, "%s should hold integers", name);
    return status;
}

pst_status op_optional(const struct op_call *call, const char *name, int is_float,
                       const struct mil_tensor **tensor) {
    *tensor = NULL;
    if (op_argument(call, name) == NULL) return PST_OK;
    return is_float ? op_floats(call, name, tensor) : op_integers(call, name, tensor);
}

static pst_status find_number(const struct op_call *call, const char *name, int is_float,
                              const struct mil_tensor **tensor) {
    pst_status status = op_optional(call, name, is_float, tensor);
    size_t count = 1;
    if (status == PST_OK && *tensor && (!mil_type_count(&(*tensor)->type, &count) || count != 1))
        return op_error(call, PST_ERR_MODEL, "%s should be one number", name);
    return status;
}

pst_status op_int(const struct op_call *call, const char *name, int32_t *value) {
    const struct mil_tensor *tensor;
    pst_status status = find_number(call, name, 0, &tensor);
    if (status == PST_OK && tensor) *value = tensor->i[0];
    return status;
}

pst_status op_float(const struct op_call *call, const char *name, float *value) {
    const struct mil_tensor *tensor;
    pst_status status = find_number(call, name, 1, &tensor);
    if (status == PST_OK && tensor) *value = tensor->f[0];
    return status;
}

pst_status op_choice(const struct op_call *call, const char *name, const char *words, int *choice) {
    const struct slot *slot = find_slot(call, name);
    if (slot == NULL && op_argument(call, name) == NULL) return PST_OK;
    const char *text = slot ? slot->value->data : NULL;
    if (text == NULL || slot->value->type.dtype != MIL_STRING ||
        memchr(text, 0, slot->value->bytes) == NULL)
        return op_error(call, PST_ERR_MODEL, "%s should be a word", name);
    size_t length = strlen(text);
    int index = 0;
    for (const char *word = words; word; index++) {
        const char *end = strchr(word, '|');
        if ((end ? (size_t)(end - word) : strlen(word)) == length &&
            memcmp(word, text, length) == 0) {
            *choice = index;
            return PST_OK;
        }
        word = end ? end + 1 : NULL;
    }
    return op_error(call, PST_ERR_UNSUPPORTED, "%s \"%s\" is not supported", name, text);
}

pst_status op_ints(const struct op_call *call, const char *name, size_t max, int32_t *values,
                   int *count) {
    const struct mil_tensor *tensor;
    *count = -1;
    pst_status status = op_optional(call, name, 0, &tensor);
    if (status || tensor == NULL) return status;
    size_t found;
    if (!mil_type_count(&tensor->type, &found) || tensor->type.rank > 1 || found > max)
        return op_error(call, PST_ERR_MODEL, "%s should be a vector of at most %zu numbers", name,
                        max);
    memcpy(values, tensor->i, found * sizeof *values);
    *count = (int)found;
    return PST_OK;
}

pst_status op_ints_of(const struct op_call *call, const char *name, size_t count, int32_t *values) {
    int32_t found[2 * MIL_RANK_MAX];
    int found_count;
    pst_status status = op_ints(call, name, 2 * MIL_RANK_MAX, found, &found_count);
    if (status || found_count < 0) return status;
    if ((size_t)found_count != count)
        return op_error(call, PST_ERR_MODEL, "%s has %d numbers where %zu are needed", name,
                        found_count, count);
    memcpy(values, found, count * sizeof *values);
    return PST_OK;
}

pst_status op_values(const struct op_call *call, const struct bound_argument **values) {
    *values = op_argument(call, "values");
    if (*values == NULL || (*values)->count == 0)
        return op_error(call, PST_ERR_MODEL, "needs tensors as values");
    const struct slot *first = (*values)->slots[0];
    for (size_t i = 0; i < (*values)->count; i++) {
        const struct slot *slot = (*values)->slots[i];
        if (!slot_is_filled(slot) || slot->tensor.type.dtype != first->tensor.type.dtype)
            return op_error(call, PST_ERR_MODEL, "values should be tensors of one type");
    }
    return PST_OK;
}

pst_status op_axis(const struct op_call *call, const char *name, uint32_t rank, uint32_t *axis) {
    int32_t given = (int32_t)*axis;
    pst_status status = op_int(call, name, &given);
    if (status) return status;
    int64_t place = given < 0 ? (int64_t)given + rank : given;
    if (place < 0 || place >= rank)
        return op_error(call, PST_ERR_MODEL, "%s %d of a tensor of rank %u", name, given, rank);
    *axis = (uint32_t)place;
    return PST_OK;
}

pst_status op_axes(const struct op_call *call, const char *name, uint32_t rank, int *flags) {
    int32_t given[MIL_RANK_MAX];
    int count;
    pst_status status = op_ints(call, name, MIL_RANK_MAX, given, &count);
    if (status) return status;
    for (uint32_t i = 0; i < rank; i++) flags[i] = count < 0;
    for (int i = 0; i < count; i++) {
        int64_t place = given[i] < 0 ? (int64_t)given[i] + rank : given[i];
        if (place < 0 || place >= rank || flags[place])
            return op_error(call, PST_ERR_MODEL, "%s has %d for a tensor of rank %u", name,
                            given[i], rank);
        flags[place] = 1;
    }
    return PST_OK;
}

/* ------------------------------------------------------------------------------------------- results */

pst_status op_output(struct op_call *call, size_t index, const struct mil_type *type,
                     struct mil_tensor **output) {
    if (index >= call->step->output_count)
        return op_error(call, PST_ERR_MODEL, "declares %zu results, too few",
                        call->step->output_count);
    struct slot *slot = call->step->outputs[index];
    const struct mil_type *declared = &slot->value->type;
    int fits = type->dtype == declared->dtype && type->rank == declared->rank;
    for (uint32_t i = 0; fits && i < type->rank; i++)
        fits = declared->dims[i] < 0 || declared->dims[i] == type->dims[i];
    if (!fits) {
        char gives[160], says[160];
        return op_error(call, PST_ERR_MODEL, "gives %s, the program declares %s",
                        describe(type, gives), describe(declared, says));
    }
    pst_status status = slot_fill(&call->resources->memory, slot, type, call->err);
    if (status) return status;
    slot->tensor.type.state = 0;
    *output = &slot->tensor;
    size_t count = 0;
    return mil_type_count(type, &count) ? op_work(call, count, 1, 1) : PST_OK;
}

pst_status op_copy(struct op_call *call, size_t index, const struct mil_tensor *x,
                   const struct mil_type *type) {
    size_t count, wanted;
    if (!mil_type_count(&x->type, &count) || !mil_type_count(type, &wanted) || count != wanted) {
        char from[160], to[160];
        return op_error(call, PST_ERR_MODEL, "%s cannot become %s", describe(&x->type, from),
                        describe(type, to));
    }
    struct mil_tensor *y;
    pst_status status = op_output(call, index, type, &y);
    if (status) return status;
    if (x->f)
        memcpy(y->f, x->f, count * sizeof *y->f);
    else
        memcpy(y->i, x->i, count * sizeof *y->i);
    return PST_OK;
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
