/* package_interface.c - writes and reads the description: inputs, outputs, states, metadata.
 *
 * The idea to hold: what an app sees is declared apart from the program. That the two agree is
 * checked in check_interface.c, not here. */
#include "coreml/package/package_interface.h"

#include <string.h>

#include "base/error.h"
#include "coreml/package/package_fields.h"

static const struct {
    enum mil_dtype dtype;
    int32_t number;
} arrays[] = {{MIL_F16, ARRAY_F16},
              {MIL_F32, ARRAY_F32},
              {MIL_F64, ARRAY_F64},
              {MIL_I8, ARRAY_I8},
              {MIL_I32, ARRAY_I32}};

enum { ARRAY_COUNT = sizeof arrays / sizeof arrays[0] };

/* ------------------------------------------------------------------------------------ write */

static void write_shapes(struct mil_model *scratch, void *array,
                         const struct mil_feature *feature) {
    void *shapes = fields_add(scratch, array, "shapes");
    size_t count = (size_t)feature->enumerated, rank = feature->type.rank;
    for (size_t i = 0; i < count; i++)
        fields_list(fields_add(scratch, shapes, "shapes"), "shape", feature->lower + i * rank,
                    rank);
}

static void write_ranges(struct mil_model *scratch, void *array,
                         const struct mil_feature *feature) {
    void *ranges = fields_add(scratch, array, "ranges");
    for (uint32_t i = 0; i < feature->type.rank; i++) {
        void *range = fields_add(scratch, ranges, "ranges");
        fields_number(range, "lower", feature->lower[i]);
        fields_number(range, "upper", feature->upper[i]);
    }
}

static void write_default(const struct mil_feature *feature, PstMil__Array *array) {
    if (!feature->has_default || array == NULL) return;
    if (feature->type.dtype == MIL_I32) {
        array->default_value_case = PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_INT;
        array->default_int = (int32_t)feature->default_value;
    } else if (feature->type.dtype == MIL_F64) {
        array->default_value_case = PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_DOUBLE;
        array->default_double = feature->default_value;
    } else {
        array->default_value_case = PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_FLOAT;
        array->default_float = (float)feature->default_value;
    }
}

static void write_array(struct mil_model *scratch, void *array, const struct mil_feature *feature) {
    const struct mil_type *type = &feature->type;
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        if (arrays[i].dtype == type->dtype) fields_number(array, "dtype", arrays[i].number);
    if (!mil_has_unknown(type)) fields_list(array, "shape", type->dims, type->rank);
    if (feature->enumerated != 0)
        write_shapes(scratch, array, feature);
    else if (feature->lower != NULL)
        write_ranges(scratch, array, feature);
    write_default(feature, array);
}

static void write_features(struct mil_model *scratch, void *message, const char *field,
                           const struct mil_feature *features, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *feature = fields_add(scratch, message, field);
        void *type = fields_add(scratch, feature, "type");
        fields_text(scratch, feature, "name", features[i].name);
        fields_text(scratch, feature, "description", features[i].description);
        fields_number(type, "optional", features[i].optional != 0);
        if (features[i].type.state) type = fields_add(scratch, type, "state");
        write_array(scratch, fields_add(scratch, type, "array"), &features[i]);
    }
}

static void write_metadata(struct mil_model *scratch, void *metadata,
                           const struct mil_model *model) {
    fields_text(scratch, metadata, "short_description", model->short_description);
    fields_text(scratch, metadata, "version", model->version);
    fields_text(scratch, metadata, "author", model->author);
    fields_text(scratch, metadata, "license", model->license);
    for (size_t i = 0; i < model->user_defined_count; i++) {
        void *entry = fields_add(scratch, metadata, "user_defined");
        fields_text(scratch, entry, "key", model->user_defined[i].key);
        fields_text(scratch, entry, "value", model->user_defined[i].value);
    }
}

void interface_write(struct mil_model *scratch, void *description, const struct mil_model *model) {
    for (size_t i = 0; i < model->interface_count; i++) {
        const struct mil_interface *interface = &model->interfaces[i];
        void *message = description;
        /* One without a name is that of the model; else each belongs to a function. */
        if (interface->function != NULL || model->interface_count != 1) {
            message = fields_add(scratch, description, "functions");
            fields_text(scratch, message, "name", interface->function);
            fields_text(scratch, description, "default_function", model->default_function);
        }
        write_features(scratch, message, "input", interface->inputs, interface->input_count);
        write_features(scratch, message, "output", interface->outputs, interface->output_count);
        write_features(scratch, message, "state", interface->states, interface->state_count);
    }
    write_metadata(scratch, fields_add(scratch, description, "metadata"), model);
}

/* ------------------------------------------------------------------------------------- read */

static const char *copy_text(struct mil_model *model, const char *text) {
    return mil_text(model, "%s", text);
}

/* The writer leaves out empty texts, so an empty one is read as none. */
static const char *copy_filled(struct mil_model *model, const char *text) {
    return text[0] != 0 ? copy_text(model, text) : NULL;
}

static pst_status read_shapes(const PstMil__Shapes *shapes, struct mil_model *model,
                              struct mil_feature *feature, pst_error *err) {
    uint32_t rank = feature->type.rank;
    /* Core ML takes 128 at most. */
    if (shapes->n_shapes == 0 || shapes->n_shapes > 128)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: %s lists %zu shapes, expected 1 to 128", feature->name,
                         shapes->n_shapes);
    int64_t *list = mil_alloc(model, shapes->n_shapes * rank * sizeof *list);
    if (list == NULL) return error_memory(err, 0);
    for (size_t i = 0; i < shapes->n_shapes; i++) {
        if (shapes->shapes[i]->n_shape != rank)
            return error_set(err, PST_ERR_MODEL,
                             "model.mlmodel: %s lists a shape of rank %zu, expected %u",
                             feature->name, shapes->shapes[i]->n_shape, (unsigned)rank);
        if (rank != 0) memcpy(list + i * rank, shapes->shapes[i]->shape, rank * sizeof *list);
    }
    feature->lower = list;
    feature->enumerated = (int)shapes->n_shapes;
    return PST_OK;
}

static pst_status read_ranges(const PstMil__Ranges *ranges, struct mil_model *model,
                              struct mil_feature *feature, pst_error *err) {
    if (ranges->n_ranges != feature->type.rank)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has %zu ranges, expected %u",
                         feature->name, ranges->n_ranges, (unsigned)feature->type.rank);
    int64_t *lower = mil_alloc(model, ranges->n_ranges * sizeof *lower);
    int64_t *upper = mil_alloc(model, ranges->n_ranges * sizeof *upper);
    if (lower == NULL || upper == NULL) return error_memory(err, 0);
    for (size_t i = 0; i < ranges->n_ranges; i++) {
        const PstMil__Range *range = ranges->ranges[i];
        if (range->lower > INT32_MAX || range->upper > INT32_MAX)
            return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has a range up to %lld",
                             feature->name, (long long)range->upper);
        lower[i] = (int64_t)range->lower;
        upper[i] = range->upper < 0 ? -1 : range->upper;
    }
    feature->lower = lower;
    feature->upper = upper;
    return PST_OK;
}

/* There is a field for each of three types, and float16 takes that of float32. */
static pst_status read_default(const PstMil__Array *array, struct mil_feature *feature,
                               pst_error *err) {
    enum mil_dtype dtype = MIL_F64;
    feature->has_default = array->default_value_case != 0;
    if (!feature->has_default) return PST_OK;
    if (array->default_value_case == PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_INT) {
        feature->default_value = array->default_int;
        dtype = MIL_I32;
    } else if (array->default_value_case == PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_FLOAT) {
        feature->default_value = (double)array->default_float;
        dtype = feature->type.dtype == MIL_F16 ? MIL_F16 : MIL_F32;
    } else {
        feature->default_value = array->default_double;
    }
    if (dtype == feature->type.dtype) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s is %s and has a default value for %s",
                     feature->name, mil_dtype_name(feature->type.dtype), mil_dtype_name(dtype));
}

static pst_status read_array(const PstMil__Array *array, struct mil_model *model,
                             struct mil_feature *feature, pst_error *err) {
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        if (arrays[i].number == array->dtype) feature->type.dtype = arrays[i].dtype;
    if (feature->type.dtype == 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: %s has the unknown array type %d", feature->name,
                         (int)array->dtype);
    if (array->n_shape > MIL_RANK_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: %s has rank %zu, expected at most %d", feature->name,
                         array->n_shape, (int)MIL_RANK_MAX);
    feature->type.rank = (uint32_t)array->n_shape;
    for (size_t i = 0; i < array->n_shape; i++) {
        if (array->shape[i] < 0 || array->shape[i] > INT32_MAX)
            return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has a dimension of %lld",
                             feature->name, (long long)array->shape[i]);
        feature->type.dims[i] = array->shape[i];
    }
    pst_status status = read_default(array, feature, err);
    if (status) return status;
    if (array->flexibility_case == PST_MIL__ARRAY__FLEXIBILITY_SHAPES)
        return read_shapes(array->shapes, model, feature, err);
    if (array->flexibility_case == PST_MIL__ARRAY__FLEXIBILITY_RANGES)
        return read_ranges(array->ranges, model, feature, err);
    return PST_OK;
}

static pst_status read_feature(const PstMil__Feature *message, struct mil_model *model,
                               struct mil_feature *feature, pst_error *err) {
    static const char *const others[] = {[PST_MIL__FEATURE_TYPE__KIND_INT64] = "an integer",
                                         [PST_MIL__FEATURE_TYPE__KIND_DOUBLE] = "a number",
                                         [PST_MIL__FEATURE_TYPE__KIND_TEXT] = "a text",
                                         [PST_MIL__FEATURE_TYPE__KIND_IMAGE] = "an image",
                                         [PST_MIL__FEATURE_TYPE__KIND_DICTIONARY] = "a dictionary",
                                         [PST_MIL__FEATURE_TYPE__KIND_SEQUENCE] = "a sequence"};
    feature->name = copy_text(model, message->name);
    feature->description = copy_filled(model, message->description);
    if (feature->name == NULL) return error_memory(err, 0);
    const PstMil__FeatureType *type = message->type;
    int kind = type != NULL ? (int)type->kind_case : 0;
    if (kind == PST_MIL__FEATURE_TYPE__KIND_ARRAY) {
        feature->optional = type->optional;
        return read_array(type->array, model, feature, err);
    }
    if (kind == PST_MIL__FEATURE_TYPE__KIND_STATE && type->state->array != NULL) {
        feature->optional = type->optional;
        feature->type.state = 1;
        return read_array(type->state->array, model, feature, err);
    }
    if (kind == 0 || kind == PST_MIL__FEATURE_TYPE__KIND_STATE)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has no type", feature->name);
    return error_set(err, PST_ERR_UNSUPPORTED, "model.mlmodel: %s is %s, expected an array",
                     feature->name, others[kind]);
}

/* Far above what any model has: each is compared with the others of its kind. */
enum { FEATURES_MAX = 1024 };

static pst_status read_features(const void *message, const char *field, struct mil_model *model,
                                struct mil_feature **features, size_t *count, pst_error *err) {
    PstMil__Feature *const *messages = fields_items(message, field, count);
    pst_status status = PST_OK;
    if (*count > FEATURES_MAX)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: %zu inputs, outputs or states are described, expected at "
                         "most %d",
                         *count, FEATURES_MAX);
    *features = mil_alloc(model, *count * sizeof **features);
    if (*features == NULL) return error_memory(err, 0);
    for (size_t i = 0; i < *count && !status; i++)
        status = read_feature(messages[i], model, &(*features)[i], err);
    return status;
}

/* Names of a classifier's outputs, whose kinds no program of arrays has. */
static pst_status check_predicted(const char *feature, const char *probabilities, pst_error *err) {
    const char *name = feature[0] != 0 ? feature : probabilities;
    if (name[0] == 0) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "model.mlmodel: %s is described as what a classifier predicts, expected none",
                     name);
}

/* From a description or a function's: they have the same lists. */
static pst_status read_interface(const void *message, struct mil_model *model,
                                 struct mil_interface *to, pst_error *err) {
    pst_status status = read_features(message, "input", model, &to->inputs, &to->input_count, err);
    if (!status)
        status = read_features(message, "output", model, &to->outputs, &to->output_count, err);
    if (!status)
        status = read_features(message, "state", model, &to->states, &to->state_count, err);
    return status;
}

static pst_status read_metadata(const PstMil__Metadata *metadata, struct mil_model *model,
                                pst_error *err) {
    if (metadata == NULL) return PST_OK;
    model->short_description = copy_filled(model, metadata->short_description);
    model->version = copy_filled(model, metadata->version);
    model->author = copy_filled(model, metadata->author);
    model->license = copy_filled(model, metadata->license);
    model->user_defined_count = metadata->n_user_defined;
    model->user_defined = mil_alloc(model, metadata->n_user_defined * sizeof *model->user_defined);
    for (size_t i = 0; i < metadata->n_user_defined && model->user_defined != NULL; i++) {
        model->user_defined[i].key = copy_text(model, metadata->user_defined[i]->key);
        model->user_defined[i].value = copy_text(model, metadata->user_defined[i]->value);
    }
    return mil_model_check(model, err);
}

pst_status interface_read(const PstMil__Description *description, struct mil_model *model,
                          pst_error *err) {
    size_t functions = description->n_functions;
    int whole = description->n_input + description->n_output + description->n_state != 0;
    pst_status status = PST_OK;
    if (functions != 0 && whole)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: the description has inputs or outputs of its own beside "
                         "those of %zu functions",
                         functions);
    if ((functions != 0) != (description->default_function[0] != 0))
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: the description has %zu functions and the default "
                         "function \"%s\", expected both or none",
                         functions, description->default_function);
    if (functions > FEATURES_MAX)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: %zu functions are described, expected at most %d",
                         functions, FEATURES_MAX);
    model->interface_count = functions != 0 ? functions : 1;
    model->interfaces = mil_alloc(model, model->interface_count * sizeof *model->interfaces);
    if (model->interfaces == NULL) return error_memory(err, 0);
    if (functions == 0) status = read_interface(description, model, &model->interfaces[0], err);
    if (!status)
        status = check_predicted(description->predicted_feature_name,
                                 description->predicted_probabilities_name, err);
    for (size_t i = 0; i < functions && !status; i++) {
        const PstMil__Interface *one = description->functions[i];
        status =
            check_predicted(one->predicted_feature_name, one->predicted_probabilities_name, err);
        if (status) break;
        model->interfaces[i].function = copy_text(model, description->functions[i]->name);
        status = read_interface(description->functions[i], model, &model->interfaces[i], err);
    }
    if (functions != 0) model->default_function = copy_text(model, description->default_function);
    return status ? status : read_metadata(description->metadata, model, err);
}
