/* package_message.c - serialises a program: the messages of package.proto over the model's own
 * strings and numbers, then one call of protobuf-c.
 *
 * The idea to hold: messages live in a scratch model and are thrown away together; nothing of the
 * model is copied but numbers whose width changes. */
#include "coreml/package/package_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/package/package_blob.h"
#include "coreml/package/package_interface.h"

/* A list of so many pointers to messages. */
static void *make_list(struct mil_model *scratch, size_t count) {
    return mil_alloc(scratch, count * sizeof(void *));
}

/* ------------------------------------------------------------------------------------- types */

static PstMil__Dimension *write_dimension(struct mil_model *scratch, int64_t size) {
    PstMil__Dimension *dimension = message_new(scratch, &pst_mil__dimension__descriptor);
    if (dimension == NULL) return NULL;
    if (size == MIL_UNKNOWN) {
        dimension->kind_case = PST_MIL__DIMENSION__KIND_UNKNOWN;
        dimension->unknown = message_new(scratch, &pst_mil__dimension__unknown__descriptor);
        return dimension->unknown != NULL ? dimension : NULL;
    }
    dimension->kind_case = PST_MIL__DIMENSION__KIND_CONSTANT;
    dimension->constant = message_new(scratch, &pst_mil__dimension__constant__descriptor);
    if (dimension->constant == NULL) return NULL;
    dimension->constant->size = (uint64_t)size;
    return dimension;
}

static PstMil__ValueType *write_tensor_type(struct mil_model *scratch,
                                            const struct mil_type *type) {
    PstMil__ValueType *result = message_new(scratch, &pst_mil__value_type__descriptor);
    PstMil__TensorType *tensor = message_new(scratch, &pst_mil__tensor_type__descriptor);
    PstMil__Dimension **dimensions = make_list(scratch, type->rank);
    if (result == NULL || tensor == NULL || dimensions == NULL) return NULL;
    tensor->dtype = (int32_t)type->dtype;
    tensor->rank = type->rank;
    tensor->n_dimensions = type->rank;
    tensor->dimensions = dimensions;
    for (uint32_t i = 0; i < type->rank; i++)
        if ((dimensions[i] = write_dimension(scratch, type->dims[i])) == NULL) return NULL;
    result->kind_case = PST_MIL__VALUE_TYPE__KIND_TENSOR;
    result->tensor = tensor;
    return result;
}

static PstMil__ValueType *write_type(struct mil_model *scratch, const struct mil_type *type) {
    PstMil__ValueType *tensor = write_tensor_type(scratch, type);
    if (!type->state || tensor == NULL) return tensor;
    PstMil__ValueType *result = message_new(scratch, &pst_mil__value_type__descriptor);
    PstMil__StateType *state = message_new(scratch, &pst_mil__state_type__descriptor);
    if (result == NULL || state == NULL) return NULL;
    state->wrapped = tensor;
    result->kind_case = PST_MIL__VALUE_TYPE__KIND_STATE;
    result->state = state;
    return result;
}

static PstMil__NamedType **write_named_types(struct mil_model *scratch,
                                             struct mil_value *const *values, size_t count) {
    PstMil__NamedType **list = make_list(scratch, count);
    for (size_t i = 0; i < count && list != NULL; i++) {
        list[i] = message_new(scratch, &pst_mil__named_type__descriptor);
        if (list[i] == NULL) return NULL;
        list[i]->name = message_text(values[i]->name);
        if ((list[i]->type = write_type(scratch, &values[i]->type)) == NULL) return NULL;
    }
    return list;
}

/* ------------------------------------------------------------------------------------ values */

/* Integers of up to 32 bits, widened: by sign for I16 and I32, else without. */
static int32_t *widen(struct mil_model *scratch, const struct mil_value *value, size_t count) {
    int32_t *wide = mil_alloc(scratch, count * sizeof *wide);
    const unsigned char *data = value->data;
    for (size_t i = 0; i < count && wide != NULL; i++) {
        uint16_t half = 0;
        if (value->type.dtype == MIL_I32)
            memcpy(&wide[i], data + 4 * i, 4);
        else if (value->type.dtype == MIL_BOOL)
            wide[i] = data[i] != 0;
        else
            memcpy(&half, data + 2 * i, 2);
        if (value->type.dtype == MIL_I16)
            wide[i] = (int16_t)half;
        else if (value->type.dtype == MIL_U16)
            wide[i] = half;
    }
    return wide;
}

/* Elements as they are, in memory that has their alignment. */
static void *align(struct mil_model *scratch, const struct mil_value *value) {
    void *copy = mil_alloc(scratch, value->bytes);
    if (copy != NULL && value->bytes != 0) memcpy(copy, value->data, value->bytes);
    return copy;
}

static int write_texts(struct mil_model *scratch, const struct mil_value *value, size_t count,
                       PstMil__Tensor *tensor) {
    PstMil__Tensor__Texts *texts = message_new(scratch, &pst_mil__tensor__texts__descriptor);
    char **list = make_list(scratch, count);
    if (texts == NULL || list == NULL) return 0;
    const char *at = value->data, *end = at + value->bytes;
    for (size_t i = 0; i < count; i++) {
        const char *nul = memchr(at, 0, (size_t)(end - at));
        if (nul == NULL) return 0;
        list[i] = message_text(at);
        at = nul + 1;
    }
    texts->n_values = count;
    texts->values = list;
    tensor->kind_case = PST_MIL__TENSOR__KIND_TEXTS;
    tensor->texts = texts;
    return 1;
}

#define WRITE_LIST(field, case_name, kind, list)                                                   \
    do {                                                                                           \
        tensor->field = message_new(scratch, &pst_mil__tensor__##kind##__descriptor);              \
        tensor->kind_case = PST_MIL__TENSOR__KIND_##case_name;                                     \
        void *numbers = (list);                                                                    \
        if (tensor->field == NULL || numbers == NULL) return NULL;                                 \
        tensor->field->n_values = count;                                                           \
        tensor->field->values = numbers;                                                           \
    } while (0)

/* Which member holds a type is a rule of the format; all that has no other is raw bytes. */
static PstMil__Tensor *write_elements(struct mil_model *scratch, const struct mil_value *value) {
    PstMil__Tensor *tensor = message_new(scratch, &pst_mil__tensor__descriptor);
    size_t count = mil_elements(&value->type);
    if (tensor == NULL) return NULL;
    switch (value->type.dtype) {
    case MIL_STRING: return write_texts(scratch, value, count, tensor) ? tensor : NULL;
    case MIL_F32: WRITE_LIST(floats, FLOATS, floats, align(scratch, value)); break;
    case MIL_F64: WRITE_LIST(doubles, DOUBLES, doubles, align(scratch, value)); break;
    case MIL_I64:
    case MIL_U64: WRITE_LIST(longs, LONGS, longs, align(scratch, value)); break;
    case MIL_BOOL: WRITE_LIST(bools, BOOLS, bools, widen(scratch, value, count)); break;
    case MIL_I16:
    case MIL_U16:
    case MIL_I32: WRITE_LIST(ints, INTS, ints, widen(scratch, value, count)); break;
    default:
        tensor->raw = message_new(scratch, &pst_mil__tensor__raw__descriptor);
        tensor->kind_case = PST_MIL__TENSOR__KIND_RAW;
        if (tensor->raw == NULL) return NULL;
        tensor->raw->values = (ProtobufCBinaryData){value->bytes, (uint8_t *)value->data};
    }
    return tensor;
}

static PstMil__Value *write_value(struct mil_model *scratch, const struct mil_value *value) {
    PstMil__Value *result = message_new(scratch, &pst_mil__value__descriptor);
    if (result == NULL || (result->type = write_type(scratch, &value->type)) == NULL) return NULL;
    if (value->blob_offset != 0) {
        PstMil__Blob *blob = message_new(scratch, &pst_mil__blob__descriptor);
        if (blob == NULL) return NULL;
        blob->file = message_text(BLOB_FILE_NAME);
        blob->offset = value->blob_offset;
        result->kind_case = PST_MIL__VALUE__KIND_BLOB;
        result->blob = blob;
        return result;
    }
    PstMil__Immediate *immediate = message_new(scratch, &pst_mil__immediate__descriptor);
    if (immediate == NULL) return NULL;
    immediate->kind_case = PST_MIL__IMMEDIATE__KIND_TENSOR;
    result->kind_case = PST_MIL__VALUE__KIND_IMMEDIATE;
    result->immediate = immediate;
    immediate->tensor = write_elements(scratch, value);
    return immediate->tensor != NULL ? result : NULL;
}

static PstMil__ValueEntry *write_attribute(struct mil_model *scratch, const char *key,
                                           const struct mil_value *value) {
    PstMil__ValueEntry *entry = message_new(scratch, &pst_mil__value_entry__descriptor);
    if (entry == NULL || (entry->value = write_value(scratch, value)) == NULL) return NULL;
    entry->key = message_text(key);
    return entry;
}

static PstMil__ValueEntry *write_name(struct mil_model *scratch, const char *name) {
    const char *string = name != NULL ? name : "";
    struct mil_value value = {
        .type = {.dtype = MIL_STRING}, .data = string, .bytes = strlen(string) + 1};
    return write_attribute(scratch, "name", &value);
}

/* -------------------------------------------------------------------------------- operations */

static PstMil__Operation *write_const(struct mil_model *scratch, struct mil_value *value) {
    PstMil__Operation *operation = message_new(scratch, &pst_mil__operation__descriptor);
    PstMil__ValueEntry **attributes = make_list(scratch, 2);
    if (operation == NULL || attributes == NULL) return NULL;
    operation->type = message_text("const");
    operation->n_outputs = 1;
    operation->outputs = write_named_types(scratch, &value, 1);
    operation->n_attributes = 2;
    operation->attributes = attributes;
    attributes[0] = write_attribute(scratch, "val", value);
    attributes[1] = write_name(scratch, value->label != NULL ? value->label : value->name);
    return operation->outputs != NULL && attributes[0] != NULL && attributes[1] != NULL ? operation
                                                                                        : NULL;
}

static PstMil__ArgumentEntry *write_argument(struct mil_model *scratch,
                                             const struct mil_argument *argument) {
    PstMil__ArgumentEntry *entry = message_new(scratch, &pst_mil__argument_entry__descriptor);
    PstMil__Argument *message = message_new(scratch, &pst_mil__argument__descriptor);
    PstMil__Binding **bindings = make_list(scratch, argument->count);
    if (entry == NULL || message == NULL || bindings == NULL) return NULL;
    entry->key = message_text(argument->name);
    entry->value = message;
    message->n_bindings = argument->count;
    message->bindings = bindings;
    for (size_t i = 0; i < argument->count; i++) {
        const struct mil_value *value = argument->values[i];
        if ((bindings[i] = message_new(scratch, &pst_mil__binding__descriptor)) == NULL)
            return NULL;
        bindings[i]->kind_case = PST_MIL__BINDING__KIND_NAME;
        if (!value->inlined) {
            bindings[i]->name = message_text(value->name);
            continue;
        }
        bindings[i]->kind_case = PST_MIL__BINDING__KIND_VALUE;
        if ((bindings[i]->value = write_value(scratch, value)) == NULL) return NULL;
    }
    return entry;
}

/* Inputs, and attributes with the name behind them. */
static int write_arguments(struct mil_model *scratch, const struct mil_op *op, const char *name,
                           PstMil__Operation *operation) {
    operation->inputs = make_list(scratch, op->argument_count);
    operation->attributes = make_list(scratch, op->argument_count + 1);
    if (operation->inputs == NULL || operation->attributes == NULL) return 0;
    for (size_t i = 0; i < op->argument_count; i++) {
        const struct mil_argument *argument = &op->arguments[i];
        void *entry;
        if (argument->attribute)
            entry = operation->attributes[operation->n_attributes++] =
                write_attribute(scratch, argument->name, argument->values[0]);
        else
            entry = operation->inputs[operation->n_inputs++] = write_argument(scratch, argument);
        if (entry == NULL) return 0;
    }
    operation->attributes[operation->n_attributes] = write_name(scratch, name);
    return operation->attributes[operation->n_attributes++] != NULL;
}

static PstMil__Block *write_block(struct mil_model *scratch, const struct mil_block *block);

static PstMil__Operation *write_operation(struct mil_model *scratch, const struct mil_op *op,
                                          size_t number) {
    PstMil__Operation *operation = message_new(scratch, &pst_mil__operation__descriptor);
    if (operation == NULL) return NULL;
    const char *name = op->name;
    if (name == NULL)
        name = op->output_count != 0 ? op->outputs[0]->name
                                     : mil_text(scratch, "%s_%zu", op->type, number);
    operation->type = message_text(op->type);
    operation->n_outputs = op->output_count;
    operation->outputs = write_named_types(scratch, op->outputs, op->output_count);
    operation->n_blocks = op->block_count;
    operation->blocks = make_list(scratch, op->block_count);
    if (operation->outputs == NULL || operation->blocks == NULL ||
        !write_arguments(scratch, op, name, operation))
        return NULL;
    for (size_t i = 0; i < op->block_count; i++)
        if ((operation->blocks[i] = write_block(scratch, op->blocks[i])) == NULL) return NULL;
    return operation;
}

static PstMil__Block *write_block(struct mil_model *scratch, const struct mil_block *block) {
    PstMil__Block *message = message_new(scratch, &pst_mil__block__descriptor);
    char **outputs = make_list(scratch, block->output_count);
    PstMil__Operation **operations = make_list(scratch, block->item_count);
    if (message == NULL || outputs == NULL || operations == NULL) return NULL;
    for (size_t i = 0; i < block->output_count; i++)
        outputs[i] = message_text(block->outputs[i]->name);
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_item *item = &block->items[i];
        operations[i] = item->constant != NULL ? write_const(scratch, item->constant)
                                               : write_operation(scratch, item->op, i);
        if (operations[i] == NULL) return NULL;
    }
    message->inputs = write_named_types(scratch, block->inputs, block->input_count);
    message->n_inputs = block->input_count;
    message->n_outputs = block->output_count;
    message->outputs = outputs;
    message->n_operations = block->item_count;
    message->operations = operations;
    return message->inputs != NULL ? message : NULL;
}

static PstMil__FunctionEntry *write_function(struct mil_model *scratch,
                                             const struct mil_function *function) {
    PstMil__FunctionEntry *entry = message_new(scratch, &pst_mil__function_entry__descriptor);
    PstMil__Function *message = message_new(scratch, &pst_mil__function__descriptor);
    PstMil__BlockEntry **blocks = make_list(scratch, 1);
    PstMil__BlockEntry *block = message_new(scratch, &pst_mil__block_entry__descriptor);
    if (entry == NULL || message == NULL || blocks == NULL || block == NULL) return NULL;
    entry->key = message_text(function->name);
    entry->value = message;
    message->n_inputs = function->input_count;
    message->inputs = write_named_types(scratch, function->inputs, function->input_count);
    message->opset = message_text(function->opset);
    message->n_blocks = 1;
    message->blocks = blocks;
    blocks[0] = block;
    block->key = message_text(function->opset);
    block->value = write_block(scratch, function->block);
    return message->inputs != NULL && block->value != NULL ? entry : NULL;
}

static PstMil__Program *write_program(struct mil_model *scratch, const struct mil_model *model) {
    PstMil__Program *program = message_new(scratch, &pst_mil__program__descriptor);
    PstMil__FunctionEntry **functions = make_list(scratch, model->function_count);
    if (program == NULL || functions == NULL) return NULL;
    for (size_t i = 0; i < model->function_count; i++)
        if ((functions[i] = write_function(scratch, model->functions[i])) == NULL) return NULL;
    program->version = 1;
    program->n_functions = model->function_count;
    program->functions = functions;
    return program;
}

/* ------------------------------------------------------------------------------------- whole */

static PstMil__Model *write_model(struct mil_model *scratch, const struct mil_model *model) {
    PstMil__Model *message = message_new(scratch, &pst_mil__model__descriptor);
    if (message == NULL) return NULL;
    message->specification_version = model->specification;
    message->description = interface_write(scratch, model);
    message->program = write_program(scratch, model);
    return message->description != NULL && message->program != NULL ? message : NULL;
}

pst_status message_write(const struct mil_model *model, unsigned char **bytes, size_t *length,
                         pst_error *err) {
    struct mil_model *scratch = mil_model_new();
    PstMil__Model *message = scratch != NULL ? write_model(scratch, model) : NULL;
    if (message == NULL) {
        mil_model_free(scratch);
        return error_memory(err, 0);
    }
    size_t size = pst_mil__model__get_packed_size(message);
    unsigned char *packed = malloc(size != 0 ? size : 1);
    if (packed != NULL) pst_mil__model__pack(message, packed);
    mil_model_free(scratch);
    if (packed == NULL) return error_memory(err, size);
    *bytes = packed;
    *length = size;
    return PST_OK;
}
