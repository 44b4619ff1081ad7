/* package_report.c - pst_package_*: what a package holds, for people and programs. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "coreml/mil/print.h"
#include "coreml/package/ane.h"
#include "coreml/package/package.h"
#include "formats/json_writer.h"
#include "potstill_tools.h"

struct pst_package {
    struct mil_model *model;
};

pst_status pst_package_open(const char *dir, pst_package **package, pst_error *err) {
    if (dir == NULL || package == NULL)
        return error_set(err, PST_ERR_ARGUMENT, "pst_package_open: dir or package is NULL");
    pst_package *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return error_memory(err, sizeof *opened);
    pst_status status = package_read(dir, &opened->model, err);
    if (status)
        free(opened);
    else
        *package = opened;
    return status;
}

void pst_package_free(pst_package *package) {
    if (package == NULL) return;
    mil_model_free(package->model);
    free(package);
}

/* Gives the text to the caller, or reports that there was no memory for it. */
static pst_status give(struct buffer *text, char **result, pst_error *err) {
    buffer_append(text, "", 0);
    if (text->failed || text->data == NULL) {
        buffer_free(text);
        return error_memory(err, 0);
    }
    *result = text->data;
    return PST_OK;
}

pst_status pst_package_text(const pst_package *package, char **text, pst_error *err) {
    struct buffer printed = {0};
    if (package == NULL || text == NULL)
        return error_set(err, PST_ERR_ARGUMENT, "pst_package_text: package or text is NULL");
    print_program(&printed, package->model);
    return give(&printed, text, err);
}

/* ------------------------------------------------------------------------------------- report */

static json_t *feature_object(const struct mil_feature *feature) {
    char type[MIL_TYPE_TEXT_SIZE];
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(feature->name));
    json_object_set_new(object, "type", json_string(mil_type_text(&feature->type, type)));
    if (feature->description != NULL)
        json_object_set_new(object, "description", json_string(feature->description));
    json_object_set_new(object, "flexible", json_boolean(feature->lower != NULL));
    return object;
}

static json_t *feature_array(const struct mil_feature *features, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, feature_object(&features[i]));
    return array;
}

static json_t *interface_array(const struct mil_model *model) {
    json_t *array = json_array();
    for (size_t i = 0; i < model->interface_count; i++) {
        const struct mil_interface *interface = &model->interfaces[i];
        const char *name = interface->function != NULL ? interface->function : "main";
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(name));
        json_object_set_new(object, "inputs",
                            feature_array(interface->inputs, interface->input_count));
        json_object_set_new(object, "outputs",
                            feature_array(interface->outputs, interface->output_count));
        json_object_set_new(object, "states",
                            feature_array(interface->states, interface->state_count));
        json_array_append_new(array, object);
    }
    return array;
}

/* Constants by type. A record of the weight file is counted as often as it is used. */
struct sizes {
    uint64_t constants[MIL_U3 + 1], bytes[MIL_U3 + 1];
};

static void add_constant(struct sizes *sizes, const struct mil_value *value) {
    size_t dtype = (size_t)value->type.dtype;
    if (value->data == NULL || dtype > MIL_U3) return;
    sizes->constants[dtype]++;
    sizes->bytes[dtype] += value->bytes;
}

static void add_block(struct sizes *sizes, const struct mil_block *block) {
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_op *op = block->items[i].op;
        if (block->items[i].constant != NULL) add_constant(sizes, block->items[i].constant);
        for (size_t a = 0; op != NULL && a < op->argument_count; a++)
            for (size_t v = 0; v < op->arguments[a].count; v++)
                if (op->arguments[a].values[v]->inlined)
                    add_constant(sizes, op->arguments[a].values[v]);
        for (size_t b = 0; op != NULL && b < op->block_count; b++) add_block(sizes, op->blocks[b]);
    }
}

static json_t *size_array(const struct mil_model *model) {
    struct sizes sizes = {{0}, {0}};
    json_t *array = json_array();
    for (size_t i = 0; i < model->function_count; i++)
        add_block(&sizes, model->functions[i]->block);
    for (size_t i = 0; i <= MIL_U3; i++) {
        if (sizes.constants[i] == 0) continue;
        json_t *object = json_object();
        json_object_set_new(object, "type", json_string(mil_dtype_name((enum mil_dtype)i)));
        json_object_set_new(object, "constants", json_integer((json_int_t)sizes.constants[i]));
        json_object_set_new(object, "bytes", json_integer((json_int_t)sizes.bytes[i]));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *engine_object(const struct mil_model *model) {
    struct ane_report report;
    json_t *object = json_object(), *array = json_array();
    ane_examine(model, &report);
    for (size_t i = 0; i < report.count; i++) {
        const struct ane_finding *finding = &report.findings[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "rule", json_string(finding->rule));
        json_object_set_new(entry, "source", json_string(finding->source));
        json_object_set_new(entry, "count", json_integer((json_int_t)finding->count));
        json_object_set_new(entry, "first", json_string(finding->first));
        json_array_append_new(array, entry);
    }
    json_object_set_new(object, "operations", json_integer((json_int_t)report.operations));
    json_object_set_new(object, "findings", array);
    return object;
}

static json_t *report_object(const struct mil_model *model) {
    json_t *object = json_object(), *metadata = json_object();
    json_object_set_new(object, "kind", json_string("package"));
    json_object_set_new(object, "specification", json_integer(model->specification));
    json_object_set_new(object, "program_bytes", json_integer((json_int_t)model->program_bytes));
    json_object_set_new(object, "weight_bytes", json_integer((json_int_t)model->weights.size));
    const struct mil_pair texts[] = {{"short_description", model->short_description},
                                     {"version", model->version},
                                     {"author", model->author},
                                     {"license", model->license}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value != NULL)
            json_object_set_new(metadata, texts[i].key, json_string(texts[i].value));
    for (size_t i = 0; i < model->user_defined_count; i++)
        json_object_set_new(metadata, model->user_defined[i].key,
                            json_string(model->user_defined[i].value));
    json_object_set_new(object, "metadata", metadata);
    json_object_set_new(object, "functions", interface_array(model));
    json_object_set_new(object, "constants", size_array(model));
    json_object_set_new(object, "neural_engine", engine_object(model));
    return object;
}

pst_status pst_package_report(const pst_package *package, char **json, pst_error *err) {
    struct buffer text = {0};
    if (package == NULL || json == NULL)
        return error_set(err, PST_ERR_ARGUMENT, "pst_package_report: package or json is NULL");
    json_t *object = report_object(package->model);
    if (object == NULL) return error_memory(err, 0);
    json_write(&text, object);
    json_decref(object);
    return give(&text, json, err);
}
