/* package_interface.c - writes and reads the description: inputs, outputs, states, metadata.
 *
 * The idea to hold: what an app sees is declared apart from the program and only has to agree with
 * it; that it does is checked in check.c, not here. */
#include "coreml/package_interface.h"

#include <string.h>

#include "base/error.h"
#include "coreml/package_spec.h"

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
    /* A shape that is open somewhere is declared by none at all. */
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
