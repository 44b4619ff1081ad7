/* package_program.c - reads functions, blocks and operations into a model.
 *
 * The idea to hold: one pass in the order of the file, with the names that can be seen so far. A
 * name that is not among them is an error, so what comes out is in order and without cycles by
 * construction. */
#include <string.h>

#include "base/error.h"
#include "coreml/mil/scope.h"
#include "coreml/package/package_interface.h"
#include "coreml/package/package_message.h"
#include "coreml/package/package_values.h"

struct reader {
    struct mil_model *model;
    struct scope scope;
    pst_error *err;
};

/* Defines what the file calls by this name. */
static pst_status define(struct reader *reader, const struct mil_value *value) {
    if (value == NULL || value->name == NULL) return error_memory(reader->err, 0);
    int added = scope_add(&reader->scope, value);
    if (added < 0) return error_memory(reader->err, 0);
    return added ? PST_OK
                 : error_set(reader->err, PST_ERR_MODEL,
                             "model.mlmodel: %s is defined twice where both can be seen",
                             value->name);
}

/* Far above what any program has: each is compared with the others of its kind. */
enum { ARGUMENTS_MAX = 256, OUTPUTS_MAX = 4096, FUNCTIONS_MAX = 1024 };

/* ------------------------------------------------------------------------------------ consts */

/* What an operation says about itself: its name, its value, or one that it should not have. */
static const PstMil__Value *find_attribute(const PstMil__Operation *message, const char *key) {
    for (size_t i = 0; i < message->n_attributes; i++)
        if (strcmp(message->attributes[i]->key, key) == 0) return message->attributes[i]->value;
    return NULL;
}

/* A constant of `block`, or with NULL one without a name of its own: an attribute, or one bound
 * where it is used. `name` is what messages call it. */
static pst_status read_value(struct reader *reader, const PstMil__Value *message, const char *name,
                             struct mil_block *block, struct mil_value **value) {
    struct mil_value read = {0};
    pst_status status = value_read(message, name, reader->model, &read, reader->err);
    if (status) return status;
    *value = mil_const(reader->model, block, block != NULL ? name : NULL, read.type, read.data,
                       read.bytes, 1);
    if (*value == NULL) return error_memory(reader->err, 0);
    (*value)->blob_offset = read.blob_offset;
    return PST_OK;
}

static pst_status read_const(struct reader *reader, const PstMil__Operation *message,
                             struct mil_block *block) {
    pst_error *err = reader->err;
    if (message->n_outputs != 1)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: a const has %zu outputs, expected 1",
                         message->n_outputs);
    const char *name = message->outputs[0]->name;
    if (message->n_inputs != 0 || message->n_blocks != 0 || message->n_attributes > 2)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: the const %s has more than the attributes val and name",
                         name);
    struct mil_type declared;
    struct mil_value *value;
    pst_status status = read_value(reader, find_attribute(message, "val"), name, block, &value);
    if (!status) status = value_read_type(message->outputs[0]->type, name, &declared, err);
    if (!status && (!mil_types_agree(&value->type, &declared) || mil_has_unknown(&declared)))
        status = error_set(err, PST_ERR_MODEL,
                           "model.mlmodel: the const %s has a value of another type than declared",
                           name);
    if (status) return status;
    const char *label = value_text(find_attribute(message, "name"));
    if (label != NULL && strcmp(label, name) != 0)
        value->label = mil_text(reader->model, "%s", label);
    return define(reader, value);
}

/* -------------------------------------------------------------------------------- operations */

/* A name for messages; operations without outputs have none but their type. */
static const char *name_of(const PstMil__Operation *message) {
    return message->n_outputs != 0 ? message->outputs[0]->name : message->type;
}

static pst_status read_argument(struct reader *reader, const PstMil__Operation *message,
                                const PstMil__ArgumentEntry *entry, struct mil_op *op) {
    size_t count = entry->value != NULL ? entry->value->n_bindings : 0;
    const struct mil_value **values = mil_alloc(reader->model, count * sizeof *values);
    if (values == NULL) return error_memory(reader->err, 0);
    if (mil_op_find(op, entry->key) != NULL)
        return error_set(reader->err, PST_ERR_MODEL, "model.mlmodel: %s has %s twice",
                         name_of(message), entry->key);
    for (size_t i = 0; i < count; i++) {
        const PstMil__Binding *binding = entry->value->bindings[i];
        if (binding->kind_case == PST_MIL__BINDING__KIND_VALUE) {
            struct mil_value *value = NULL;
            pst_status status = read_value(reader, binding->value, name_of(message), NULL, &value);
            if (status) return status;
            values[i] = value;
            continue;
        }
        if (binding->kind_case != PST_MIL__BINDING__KIND_NAME)
            return error_set(reader->err, PST_ERR_MODEL,
                             "model.mlmodel: %s has neither a name nor a value as %s",
                             name_of(message), entry->key);
        values[i] = scope_find(&reader->scope, binding->name);
        if (values[i] == NULL)
            return error_set(reader->err, PST_ERR_MODEL,
                             "model.mlmodel: %s uses %s as %s, which is not defined before it",
                             name_of(message), binding->name, entry->key);
    }
    mil_op_arguments(reader->model, op, entry->key, values, count);
    return PST_OK;
}

static pst_status read_arguments(struct reader *reader, const PstMil__Operation *message,
                                 struct mil_op *op) {
    pst_status status = PST_OK;
    if (message->n_inputs > ARGUMENTS_MAX || message->n_attributes > ARGUMENTS_MAX)
        return error_set(reader->err, PST_ERR_MODEL,
                         "model.mlmodel: %s has %zu arguments and %zu attributes, expected at most "
                         "%d of each",
                         name_of(message), message->n_inputs, message->n_attributes, ARGUMENTS_MAX);
    for (size_t i = 0; i < message->n_inputs && !status; i++)
        status = read_argument(reader, message, message->inputs[i], op);
    for (size_t i = 0; i < message->n_attributes && !status; i++) {
        const PstMil__ValueEntry *entry = message->attributes[i];
        struct mil_value *value = NULL;
        if (strcmp(entry->key, "name") == 0) continue;
        if (mil_op_find(op, entry->key) != NULL)
            return error_set(reader->err, PST_ERR_MODEL, "model.mlmodel: %s has %s twice",
                             name_of(message), entry->key);
        status = read_value(reader, entry->value, name_of(message), NULL, &value);
        mil_op_attribute(reader->model, op, entry->key, value);
    }
    return status;
}

static pst_status read_outputs(struct reader *reader, const PstMil__Operation *message,
                               struct mil_op *op) {
    for (size_t i = 0; i < message->n_outputs; i++) {
        struct mil_type type;
        const char *name = message->outputs[i]->name;
        pst_status status = value_read_type(message->outputs[i]->type, name, &type, reader->err);
        if (!status) status = define(reader, mil_op_output(reader->model, op, name, type));
        if (status) return status;
    }
    return PST_OK;
}

static pst_status read_block(struct reader *reader, const PstMil__Block *message,
                             struct mil_block *block);

static pst_status read_operation(struct reader *reader, const PstMil__Operation *message,
                                 struct mil_block *block) {
    if (strcmp(message->type, "const") == 0) return read_const(reader, message, block);
    struct mil_op *op = mil_op_new(reader->model, block, message->type);
    if (op == NULL) return error_memory(reader->err, 0);
    const char *name = value_text(find_attribute(message, "name"));
    if (name != NULL && (message->n_outputs == 0 || strcmp(name, message->outputs[0]->name) != 0))
        op->name = mil_text(reader->model, "%s", name);
    pst_status status = read_arguments(reader, message, op);
    for (size_t i = 0; i < message->n_blocks && !status; i++) {
        struct mil_block *inner = mil_block_new(reader->model);
        size_t before = reader->scope.count;
        if (inner == NULL) return error_memory(reader->err, 0);
        mil_op_block(reader->model, op, inner);
        status = read_block(reader, message->blocks[i], inner);
        scope_leave(&reader->scope, before);
    }
    return status ? status : read_outputs(reader, message, op);
}

/* ------------------------------------------------------------------------ blocks and functions */

static pst_status read_block(struct reader *reader, const PstMil__Block *message,
                             struct mil_block *block) {
    pst_status status = PST_OK;
    if (message->n_attributes != 0)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: a block has the attribute %s, which this version does "
                         "not know",
                         message->attributes[0]->key);
    for (size_t i = 0; i < message->n_inputs && !status; i++) {
        struct mil_type type;
        const char *name = message->inputs[i]->name;
        status = value_read_type(message->inputs[i]->type, name, &type, reader->err);
        if (!status) status = define(reader, mil_block_input(reader->model, block, name, type));
    }
    for (size_t i = 0; i < message->n_operations && !status; i++)
        status = read_operation(reader, message->operations[i], block);
    if (!status && message->n_outputs > OUTPUTS_MAX)
        return error_set(reader->err, PST_ERR_MODEL,
                         "model.mlmodel: a block has %zu outputs, expected at most %d",
                         message->n_outputs, OUTPUTS_MAX);
    for (size_t i = 0; i < message->n_outputs && !status; i++) {
        const struct mil_value *value = scope_find(&reader->scope, message->outputs[i]);
        if (value == NULL)
            return error_set(reader->err, PST_ERR_MODEL,
                             "model.mlmodel: the output %s of a block is not defined in it",
                             message->outputs[i]);
        mil_block_output(reader->model, block, value);
    }
    return status ? status : mil_model_check(reader->model, reader->err);
}

static pst_status read_function(struct reader *reader, const PstMil__FunctionEntry *entry) {
    const PstMil__Function *message = entry->value;
    if (message == NULL || message->n_blocks != 1 || message->blocks[0]->value == NULL ||
        strcmp(message->blocks[0]->key, message->opset) != 0)
        return error_set(reader->err, PST_ERR_MODEL,
                         "model.mlmodel: the function %s has no single block for its opset %s",
                         entry->key, message != NULL ? message->opset : "");
    if (message->n_attributes != 0)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: the function %s has the attribute %s, which this version "
                         "does not know",
                         entry->key, message->attributes[0]->key);
    if (mil_function_find(reader->model, entry->key) != NULL)
        return error_set(reader->err, PST_ERR_MODEL, "model.mlmodel: there are two functions %s",
                         entry->key);
    struct mil_function *function = mil_function_new(reader->model, entry->key, message->opset);
    pst_status status = mil_model_check(reader->model, reader->err);
    for (size_t i = 0; i < message->n_inputs && !status; i++) {
        struct mil_type type;
        const char *name = message->inputs[i]->name;
        status = value_read_type(message->inputs[i]->type, name, &type, reader->err);
        if (!status)
            status = define(reader, mil_function_input(reader->model, function, name, type));
    }
    if (!status) status = read_block(reader, message->blocks[0]->value, function->block);
    scope_leave(&reader->scope, 0);
    return status;
}

/* ------------------------------------------------------------------------------------- whole */

static pst_status read_model(struct reader *reader, const PstMil__Model *message) {
    struct mil_model *model = reader->model;
    const PstMil__Program *program = message->program;
    if (program == NULL)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: holds no ML program (mlProgram), but another kind of "
                         "model or none");
    if (program->version != 1)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: the program has version %lld, expected 1",
                         (long long)program->version);
    if (message->is_updatable)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: is updatable, which ML programs are not");
    if (message->description == NULL)
        return error_set(reader->err, PST_ERR_MODEL, "model.mlmodel: has no description");
    model->specification = message->specification_version;
    pst_status status = interface_read(message->description, model, reader->err);
    if (!status && program->n_functions > FUNCTIONS_MAX)
        return error_set(reader->err, PST_ERR_MODEL,
                         "model.mlmodel: has %zu functions, expected at most %d",
                         program->n_functions, FUNCTIONS_MAX);
    for (size_t i = 0; i < program->n_functions && !status; i++)
        status = read_function(reader, program->functions[i]);
    return status;
}

pst_status message_read(const unsigned char *bytes, size_t length, struct mil_model *model,
                        pst_error *err) {
    pst_status status = message_scan(bytes, length, err);
    if (status) return status;
    PstMil__Model *message = pst_mil__model__unpack(NULL, length, bytes);
    if (message == NULL) /* the scan has found the bytes valid */
        return error_memory(err, 0);
    struct reader reader = {.model = model, .err = err};
    status = read_model(&reader, message);
    scope_free(&reader.scope);
    pst_mil__model__free_unpacked(message, NULL);
    return status;
}
