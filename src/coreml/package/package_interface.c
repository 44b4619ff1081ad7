/* package_interface.c - writes and reads the description: inputs, outputs, states, metadata.
 *
 * The idea to hold: what an app sees is declared apart from the program. That the two agree is
 * checked in check_interface.c, not here. */
#include "coreml/package/package_interface.h"

#include <string.h>

#include "base/error.h"

void *message_new(struct mil_model *scratch, const ProtobufCMessageDescriptor *descriptor) {
    void *message = mil_alloc(scratch, descriptor->sizeof_message);
    if (message != NULL) protobuf_c_message_init(descriptor, message);
    return message;
}

char *message_text(const char *string) {
    return string != NULL ? (char *)string : (char *)protobuf_c_empty_string;
}

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

static PstMil__Shapes *write_shapes(struct mil_model *scratch, const struct mil_feature *feature) {
    PstMil__Shapes *shapes = message_new(scratch, &pst_mil__shapes__descriptor);
    size_t count = (size_t)feature->enumerated, rank = feature->type.rank;
    PstMil__Shape **list = mil_alloc(scratch, count * sizeof *list);
    if (shapes == NULL || list == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        if ((list[i] = message_new(scratch, &pst_mil__shape__descriptor)) == NULL) return NULL;
        list[i]->n_shape = rank;
        list[i]->shape = (int64_t *)feature->lower + i * rank;
    }
    shapes->n_shapes = count;
    shapes->shapes = list;
    return shapes;
}

static PstMil__Ranges *write_ranges(struct mil_model *scratch, const struct mil_feature *feature) {
    PstMil__Ranges *ranges = message_new(scratch, &pst_mil__ranges__descriptor);
    PstMil__Range **list = mil_alloc(scratch, feature->type.rank * sizeof *list);
    if (ranges == NULL || list == NULL) return NULL;
    for (uint32_t i = 0; i < feature->type.rank; i++) {
        if ((list[i] = message_new(scratch, &pst_mil__range__descriptor)) == NULL) return NULL;
        list[i]->lower = (uint64_t)feature->lower[i];
        list[i]->upper = feature->upper[i];
    }
    ranges->n_ranges = feature->type.rank;
    ranges->ranges = list;
    return ranges;
}

static void write_default(const struct mil_feature *feature, PstMil__Array *array) {
    if (!feature->has_default) return;
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

static PstMil__Array *write_array(struct mil_model *scratch, const struct mil_feature *feature) {
    PstMil__Array *array = message_new(scratch, &pst_mil__array__descriptor);
    if (array == NULL) return NULL;
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        if (arrays[i].dtype == feature->type.dtype) array->dtype = arrays[i].number;
    array->n_shape = feature->type.rank;
    array->shape = (int64_t *)feature->type.dims;
    /* A shape with an unknown dimension is left out. */
    for (uint32_t i = 0; i < feature->type.rank; i++)
        if (feature->type.dims[i] < 0) array->n_shape = 0;
    if (feature->enumerated != 0) {
        array->flexibility_case = PST_MIL__ARRAY__FLEXIBILITY_SHAPES;
        if ((array->shapes = write_shapes(scratch, feature)) == NULL) return NULL;
    } else if (feature->lower != NULL) {
        array->flexibility_case = PST_MIL__ARRAY__FLEXIBILITY_RANGES;
        if ((array->ranges = write_ranges(scratch, feature)) == NULL) return NULL;
    }
    write_default(feature, array);
    return array;
}

static PstMil__Feature *write_feature(struct mil_model *scratch,
                                      const struct mil_feature *feature) {
    PstMil__Feature *message = message_new(scratch, &pst_mil__feature__descriptor);
    PstMil__FeatureType *type = message_new(scratch, &pst_mil__feature_type__descriptor);
    PstMil__Array *array = write_array(scratch, feature);
    if (message == NULL || type == NULL || array == NULL) return NULL;
    message->name = message_text(feature->name);
    message->description = message_text(feature->description);
    message->type = type;
    type->optional = feature->optional != 0;
    type->kind_case = PST_MIL__FEATURE_TYPE__KIND_ARRAY;
    type->array = array;
    if (!feature->type.state) return message;
    type->kind_case = PST_MIL__FEATURE_TYPE__KIND_STATE;
    type->state = message_new(scratch, &pst_mil__state_array__descriptor);
    if (type->state == NULL) return NULL;
    type->state->array = array;
    return message;
}

static PstMil__Feature **write_features(struct mil_model *scratch,
                                        const struct mil_feature *features, size_t count) {
    PstMil__Feature **list = mil_alloc(scratch, count * sizeof *list);
    for (size_t i = 0; i < count && list != NULL; i++)
        if ((list[i] = write_feature(scratch, &features[i])) == NULL) return NULL;
    return list;
}

static PstMil__Interface *write_interface(struct mil_model *scratch,
                                          const struct mil_interface *interface) {
    PstMil__Interface *message = message_new(scratch, &pst_mil__interface__descriptor);
    if (message == NULL) return NULL;
    message->name = message_text(interface->function);
    message->n_input = interface->input_count;
    message->input = write_features(scratch, interface->inputs, interface->input_count);
    message->n_output = interface->output_count;
    message->output = write_features(scratch, interface->outputs, interface->output_count);
    message->n_state = interface->state_count;
    message->state = write_features(scratch, interface->states, interface->state_count);
    return message->input != NULL && message->output != NULL && message->state != NULL ? message
                                                                                       : NULL;
}

static PstMil__Metadata *write_metadata(struct mil_model *scratch, const struct mil_model *model) {
    PstMil__Metadata *metadata = message_new(scratch, &pst_mil__metadata__descriptor);
    PstMil__TextEntry **list = mil_alloc(scratch, model->user_defined_count * sizeof *list);
    if (metadata == NULL || list == NULL) return NULL;
    metadata->short_description = message_text(model->short_description);
    metadata->version = message_text(model->version);
    metadata->author = message_text(model->author);
    metadata->license = message_text(model->license);
    for (size_t i = 0; i < model->user_defined_count; i++) {
        if ((list[i] = message_new(scratch, &pst_mil__text_entry__descriptor)) == NULL) return NULL;
        list[i]->key = message_text(model->user_defined[i].key);
        list[i]->value = message_text(model->user_defined[i].value);
    }
    metadata->n_user_defined = model->user_defined_count;
    metadata->user_defined = list;
    return metadata;
}

/* One interface without a name is that of the model; else each belongs to a function. */
static int write_interfaces(struct mil_model *scratch, const struct mil_model *model,
                            PstMil__Description *description) {
    PstMil__Interface **list = mil_alloc(scratch, model->interface_count * sizeof *list);
    for (size_t i = 0; i < model->interface_count && list != NULL; i++)
        if ((list[i] = write_interface(scratch, &model->interfaces[i])) == NULL) return 0;
    if (list == NULL) return 0;
    if (model->interface_count == 1 && model->interfaces[0].function == NULL) {
        description->n_input = list[0]->n_input;
        description->input = list[0]->input;
        description->n_output = list[0]->n_output;
        description->output = list[0]->output;
        description->n_state = list[0]->n_state;
        description->state = list[0]->state;
        return 1;
    }
    description->n_functions = model->interface_count;
    description->functions = list;
    description->default_function = message_text(model->default_function);
    return 1;
}

PstMil__Description *interface_write(struct mil_model *scratch, const struct mil_model *model) {
    PstMil__Description *description = message_new(scratch, &pst_mil__description__descriptor);
    if (description == NULL || !write_interfaces(scratch, model, description)) return NULL;
    description->metadata = write_metadata(scratch, model);
    return description->metadata != NULL ? description : NULL;
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

static void read_default(const PstMil__Array *array, struct mil_feature *feature) {
    feature->has_default = array->default_value_case != 0;
    if (array->default_value_case == PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_INT)
        feature->default_value = array->default_int;
    else if (array->default_value_case == PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_FLOAT)
        feature->default_value = (double)array->default_float;
    else if (array->default_value_case == PST_MIL__ARRAY__DEFAULT_VALUE_DEFAULT_DOUBLE)
        feature->default_value = array->default_double;
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
    read_default(array, feature);
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

static pst_status read_features(PstMil__Feature *const *messages, size_t count,
                                struct mil_model *model, struct mil_feature **features,
                                pst_error *err) {
    *features = mil_alloc(model, count * sizeof **features);
    if (*features == NULL) return error_memory(err, 0);
    for (size_t i = 0; i < count; i++) {
        pst_status status = read_feature(messages[i], model, &(*features)[i], err);
        if (status) return status;
    }
    return PST_OK;
}

/* Features with their counts, from a description or a function's, which differ in name only. */
#define READ_FEATURES(message, interface)                                                          \
    do {                                                                                           \
        status =                                                                                   \
            read_features((message)->input, (message)->n_input, model, &(interface)->inputs, err); \
        if (!status)                                                                               \
            status = read_features((message)->output, (message)->n_output, model,                  \
                                   &(interface)->outputs, err);                                    \
        if (!status)                                                                               \
            status = read_features((message)->state, (message)->n_state, model,                    \
                                   &(interface)->states, err);                                     \
        (interface)->input_count = (message)->n_input;                                             \
        (interface)->output_count = (message)->n_output;                                           \
        (interface)->state_count = (message)->n_state;                                             \
    } while (0)

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
    model->interface_count = functions != 0 ? functions : 1;
    model->interfaces = mil_alloc(model, model->interface_count * sizeof *model->interfaces);
    if (model->interfaces == NULL) return error_memory(err, 0);
    if (functions == 0) READ_FEATURES(description, &model->interfaces[0]);
    for (size_t i = 0; i < functions && !status; i++) {
        model->interfaces[i].function = copy_text(model, description->functions[i]->name);
        READ_FEATURES(description->functions[i], &model->interfaces[i]);
    }
    if (functions != 0) model->default_function = copy_text(model, description->default_function);
    return status ? status : read_metadata(description->metadata, model, err);
}
