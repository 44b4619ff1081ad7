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
#include "coreml/package/package_fields.h"
#include "coreml/package/package_interface.h"
#include "coreml/package/package_values.h"

/* ------------------------------------------------------------------------------------- types */

static void write_type(struct mil_model *scratch, void *message, const struct mil_type *type) {
    void *at = fields_add(scratch, message, "type");
    if (type->state) at = fields_add(scratch, fields_add(scratch, at, "state"), "wrapped");
    void *tensor = fields_add(scratch, at, "tensor");
    fields_number(tensor, "dtype", type->dtype);
    fields_number(tensor, "rank", type->rank);
    for (uint32_t i = 0; i < type->rank; i++) {
        void *dimension = fields_add(scratch, tensor, "dimensions");
        if (type->dims[i] == MIL_UNKNOWN)
            fields_add(scratch, dimension, "unknown");
        else
            fields_number(fields_add(scratch, dimension, "constant"), "size", type->dims[i]);
    }
}

static void write_named_types(struct mil_model *scratch, void *message, const char *field,
                              struct mil_value *const *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *entry = fields_add(scratch, message, field);
        fields_text(scratch, entry, "name", values[i]->name);
        write_type(scratch, entry, &values[i]->type);
    }
}

/* ------------------------------------------------------------------------------------ values */

/* Integers of up to 32 bits, widened: by sign for I16 and I32, else without. */
static int32_t *widen(struct mil_model *scratch, const struct mil_value *value, size_t count) {
    int32_t *wide = mil_alloc(scratch, count * sizeof *wide);
    for (size_t i = 0; i < count && wide != NULL; i++) {
        int64_t number;
        mil_integer(value->type.dtype, value->data, i, &number);
        wide[i] = (int32_t)number;
    }
    return wide;
}

/* Elements as they are, in memory that has their alignment. */
static void *align(struct mil_model *scratch, const struct mil_value *value) {
    void *copy = mil_alloc(scratch, value->bytes);
    if (copy != NULL && value->bytes != 0) memcpy(copy, value->data, value->bytes);
    return copy;
}

/* Texts lie one behind the other, each with its NUL: the plan of the weight file has counted. */
static void write_elements(struct mil_model *scratch, void *tensor, const struct mil_value *value) {
    const char *member = value_member(value->type.dtype), *text = value->data;
    void *list = fields_add(scratch, tensor, member);
    size_t count = mil_elements(&value->type);
    if (strcmp(member, "texts") == 0)
        for (size_t i = 0; i < count; i++, text += strlen(text) + 1)
            fields_text(scratch, list, "values", text);
    else if (strcmp(member, "raw") == 0)
        fields_list(list, "values", value->data, value->bytes);
    else if (strcmp(member, "ints") == 0 || strcmp(member, "bools") == 0)
        fields_list(list, "values", widen(scratch, value, count), count);
    else
        fields_list(list, "values", align(scratch, value), count);
}

static void write_value(struct mil_model *scratch, void *message, const struct mil_value *value) {
    void *written = fields_add(scratch, message, "value");
    write_type(scratch, written, &value->type);
    if (value->blob_offset != 0) {
        void *blob = fields_add(scratch, written, "blob");
        fields_text(scratch, blob, "file", BLOB_FILE_NAME);
        fields_number(blob, "offset", (int64_t)value->blob_offset);
        return;
    }
    void *immediate = fields_add(scratch, written, "immediate");
    write_elements(scratch, fields_add(scratch, immediate, "tensor"), value);
}

static void write_attribute(struct mil_model *scratch, void *operation, const char *key,
                            const struct mil_value *value) {
    void *entry = fields_add(scratch, operation, "attributes");
    fields_text(scratch, entry, "key", key);
    write_value(scratch, entry, value);
}

static void write_name(struct mil_model *scratch, void *operation, const char *name) {
    const char *string = name != NULL ? name : "";
    struct mil_value value = {
        .type = {.dtype = MIL_STRING}, .data = string, .bytes = strlen(string) + 1};
    write_attribute(scratch, operation, "name", &value);
}

/* -------------------------------------------------------------------------------- operations */

static void write_const(struct mil_model *scratch, void *operation, struct mil_value *value) {
    fields_text(scratch, operation, "type", "const");
    write_named_types(scratch, operation, "outputs", &value, 1);
    write_attribute(scratch, operation, "val", value);
    write_name(scratch, operation, value->label != NULL ? value->label : value->name);
}

static void write_argument(struct mil_model *scratch, void *operation,
                           const struct mil_argument *argument) {
    void *entry = fields_add(scratch, operation, "inputs");
    void *message = fields_add(scratch, entry, "value");
    fields_text(scratch, entry, "key", argument->name);
    for (size_t i = 0; i < argument->count; i++) {
        void *binding = fields_add(scratch, message, "bindings");
        if (argument->values[i]->inlined)
            write_value(scratch, binding, argument->values[i]);
        else
            fields_text(scratch, binding, "name", argument->values[i]->name);
    }
}

static void write_block(struct mil_model *scratch, void *message, const struct mil_block *block);

/* Its attributes come with the name behind them. */
static void write_operation(struct mil_model *scratch, void *operation, const struct mil_op *op,
                            size_t number) {
    const char *name = op->name;
    if (name == NULL)
        name = op->output_count != 0 ? op->outputs[0]->name
                                     : mil_text(scratch, "%s_%zu", op->type, number);
    fields_text(scratch, operation, "type", op->type);
    write_named_types(scratch, operation, "outputs", op->outputs, op->output_count);
    for (size_t i = 0; i < op->argument_count; i++) {
        const struct mil_argument *argument = &op->arguments[i];
        if (argument->attribute)
            write_attribute(scratch, operation, argument->name, argument->values[0]);
        else
            write_argument(scratch, operation, argument);
    }
    write_name(scratch, operation, name);
    for (size_t i = 0; i < op->block_count; i++)
        write_block(scratch, fields_add(scratch, operation, "blocks"), op->blocks[i]);
}

static void write_block(struct mil_model *scratch, void *message, const struct mil_block *block) {
    write_named_types(scratch, message, "inputs", block->inputs, block->input_count);
    for (size_t i = 0; i < block->output_count; i++)
        fields_text(scratch, message, "outputs", block->outputs[i]->name);
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_item *item = &block->items[i];
        void *operation = fields_add(scratch, message, "operations");
        if (item->constant != NULL)
            write_const(scratch, operation, item->constant);
        else
            write_operation(scratch, operation, item->op, i);
    }
}

static void write_function(struct mil_model *scratch, void *program,
                           const struct mil_function *function) {
    void *entry = fields_add(scratch, program, "functions");
    void *message = fields_add(scratch, entry, "value");
    void *block = fields_add(scratch, message, "blocks");
    fields_text(scratch, entry, "key", function->name);
    fields_text(scratch, message, "opset", function->opset);
    fields_text(scratch, block, "key", function->opset);
    write_named_types(scratch, message, "inputs", function->inputs, function->input_count);
    write_block(scratch, fields_add(scratch, block, "value"), function->block);
}

/* ------------------------------------------------------------------------------------- whole */

static PstMil__Model *write_model(struct mil_model *scratch, const struct mil_model *model) {
    PstMil__Model *message = fields_new(scratch, &pst_mil__model__descriptor);
    void *program = fields_add(scratch, message, "program");
    fields_number(message, "specification_version", model->specification);
    interface_write(scratch, fields_add(scratch, message, "description"), model);
    fields_number(program, "version", 1);
    for (size_t i = 0; i < model->function_count; i++)
        write_function(scratch, program, model->functions[i]);
    return message;
}

pst_status message_write(const struct mil_model *model, unsigned char **bytes, size_t *length,
                         pst_error *err) {
    struct mil_model *scratch = mil_model_new();
    PstMil__Model *message = write_model(scratch, model);
    pst_status status = mil_model_check(scratch, err);
    if (!status) {
        *length = pst_mil__model__get_packed_size(message);
        *bytes = malloc(*length != 0 ? *length : 1);
        if (*bytes != NULL)
            pst_mil__model__pack(message, *bytes);
        else
            status = error_memory(err, *length);
    }
    mil_model_free(scratch);
    return status;
}
