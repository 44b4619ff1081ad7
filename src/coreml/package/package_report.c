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

static json_t *feature_array(const struct mil_feature *features, size_t count) {
    char type[MIL_TYPE_TEXT_SIZE];
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s*, s:b}", "name", features[i].name,
                                               "type", mil_type_text(&features[i].type, type),
                                               "description", features[i].description, "flexible",
                                               features[i].lower != NULL));
    return array;
}

static json_t *interface_array(const struct mil_model *model) {
    json_t *array = json_array();
    for (size_t i = 0; i < model->interface_count; i++) {
        const struct mil_interface *interface = &model->interfaces[i];
        json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:o}", "name",
                             interface->function != NULL ? interface->function : "main", "inputs",
                             feature_array(interface->inputs, interface->input_count), "outputs",
                             feature_array(interface->outputs, interface->output_count), "states",
                             feature_array(interface->states, interface->state_count)));
    }
    return array;
}

/* Constants by type. Several functions, and several constants of one, may use a record of the
 * weight file: it is counted once. */
struct sizes {
    const struct file_view *weights;
    struct mil_value **in_file; /* [count] of `room`: those in the weight file */
    size_t count, room;
    uint64_t constants[MIL_U3 + 1], bytes[MIL_U3 + 1];
};

static void count_constant(struct sizes *sizes, const struct mil_value *value) {
    sizes->constants[value->type.dtype]++;
    sizes->bytes[value->type.dtype] += value->bytes;
}

static pst_status add_constant(void *user, struct mil_value *value, const char *name) {
    struct sizes *sizes = user;
    const unsigned char *data = value->data, *first = sizes->weights->data;
    (void)name;
    if (data == NULL || (size_t)value->type.dtype > MIL_U3) return PST_OK;
    if (first == NULL || data < first || data >= first + sizes->weights->size) {
        count_constant(sizes, value);
        return PST_OK;
    }
    if (sizes->count == sizes->room) {
        size_t room = sizes->room ? 2 * sizes->room : 256;
        void *grown = realloc(sizes->in_file, room * sizeof *sizes->in_file);
        if (grown == NULL) return PST_ERR_MEMORY;
        sizes->in_file = grown;
        sizes->room = room;
    }
    sizes->in_file[sizes->count++] = value;
    return PST_OK;
}

static int by_place(const void *a, const void *b) {
    const unsigned char *x = (*(struct mil_value *const *)a)->data;
    const unsigned char *y = (*(struct mil_value *const *)b)->data;
    return (x > y) - (x < y);
}

/* NULL: out of memory. */
static json_t *size_array(const struct mil_model *model) {
    struct sizes sizes = {.weights = &model->weights};
    json_t *array = mil_each_constant(model, add_constant, &sizes) ? NULL : json_array();
    if (sizes.count) qsort(sizes.in_file, sizes.count, sizeof *sizes.in_file, by_place);
    for (size_t i = 0; i < sizes.count; i++)
        if (i == 0 || sizes.in_file[i]->data != sizes.in_file[i - 1]->data)
            count_constant(&sizes, sizes.in_file[i]);
    free(sizes.in_file);
    for (size_t i = 0; i <= MIL_U3; i++) {
        if (sizes.constants[i] == 0) continue;
        json_array_append_new(array, json_pack("{s:s, s:I, s:I}", "type",
                                               mil_dtype_name((enum mil_dtype)i), "constants",
                                               (json_int_t)sizes.constants[i], "bytes",
                                               (json_int_t)sizes.bytes[i]));
    }
    return array;
}

static json_t *engine_object(const struct mil_model *model) {
    struct ane_report report;
    json_t *array = json_array();
    ane_examine(model, &report);
    for (size_t i = 0; i < report.count; i++) {
        const struct ane_finding *finding = &report.findings[i];
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:I, s:s}", "rule", finding->rule, "source",
                                        finding->source, "count", (json_int_t)finding->count,
                                        "first", finding->first));
    }
    return json_pack("{s:I, s:o}", "operations", (json_int_t)report.operations, "findings", array);
}

static json_t *report_object(const struct mil_model *model) {
    json_t *metadata =
        json_pack("{s:s*, s:s*, s:s*, s:s*}", "short_description", model->short_description,
                  "version", model->version, "author", model->author, "license", model->license);
    for (size_t i = 0; i < model->user_defined_count; i++)
        json_object_set_new(metadata, model->user_defined[i].key,
                            json_string(model->user_defined[i].value));
    return json_pack("{s:s, s:i, s:I, s:I, s:o, s:o, s:o, s:o}", "kind", "package", "specification",
                     (int)model->specification, "program_bytes", (json_int_t)model->program_bytes,
                     "weight_bytes", (json_int_t)model->weights.size, "metadata", metadata,
                     "functions", interface_array(model), "constants", size_array(model),
                     "neural_engine", engine_object(model));
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
