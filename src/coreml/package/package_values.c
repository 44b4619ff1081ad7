/* package_values.c - reads types and constants.
 *
 * The idea to hold: the type decides which member of the message holds the elements, and there are
 * exactly as many as the shape says. Only widths are converted. */
#include "coreml/package/package_values.h"

#include <string.h>

#include "base/error.h"
#include "coreml/package/package_blob.h"
#include "coreml/package/package_fields.h"

/* No accelerator takes axes near this, and products of two still fit. */
static const uint64_t DIMENSION_MAX = (uint64_t)1 << 31;
/* Nor tensors: 4 TB of float32. */
static const int64_t ELEMENTS_MAX = (int64_t)1 << 40;

/* ------------------------------------------------------------------------------------- types */

static pst_status read_dimension(const PstMil__Dimension *message, const char *name, int64_t *size,
                                 pst_error *err) {
    if (message->kind_case == PST_MIL__DIMENSION__KIND_UNKNOWN) {
        if (message->unknown->variadic)
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "model.mlmodel: %s has an unknown number of dimensions", name);
        *size = MIL_UNKNOWN;
        return PST_OK;
    }
    if (message->kind_case != PST_MIL__DIMENSION__KIND_CONSTANT)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: %s has a dimension that is neither constant nor unknown",
                         name);
    if (message->constant->size > DIMENSION_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: %s has a dimension of %llu, expected at most %llu", name,
                         (unsigned long long)message->constant->size,
                         (unsigned long long)DIMENSION_MAX);
    *size = (int64_t)message->constant->size;
    return PST_OK;
}

static pst_status read_tensor_type(const PstMil__TensorType *message, const char *name,
                                   struct mil_type *type, pst_error *err) {
    struct mil_type read = {.dtype = (enum mil_dtype)message->dtype};
    if (mil_bits(read.dtype) == 0 && read.dtype != MIL_STRING)
        return error_set(err, PST_ERR_UNSUPPORTED, "model.mlmodel: %s has the unknown data type %d",
                         name, (int)message->dtype);
    if (message->n_attributes != 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: the type of %s has attributes, which this version does "
                         "not know",
                         name);
    if (message->rank < 0 || (uint64_t)message->rank != message->n_dimensions)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has rank %lld and %zu dimensions",
                         name, (long long)message->rank, message->n_dimensions);
    if (message->rank > MIL_RANK_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: %s has rank %lld, expected at most %d", name,
                         (long long)message->rank, (int)MIL_RANK_MAX);
    read.rank = (uint32_t)message->rank;
    int64_t elements = 1;
    for (uint32_t i = 0; i < read.rank; i++) {
        pst_status status = read_dimension(message->dimensions[i], name, &read.dims[i], err);
        if (status) return status;
        if (read.dims[i] > 0 && elements > ELEMENTS_MAX / read.dims[i])
            return error_set(err, PST_ERR_UNSUPPORTED, "model.mlmodel: %s has over %lld elements",
                             name, (long long)ELEMENTS_MAX);
        if (read.dims[i] > 0) elements *= read.dims[i];
    }
    *type = read;
    return PST_OK;
}

pst_status value_read_type(const PstMil__ValueType *message, const char *name,
                           struct mil_type *type, pst_error *err) {
    static const char *const others[] = {[PST_MIL__VALUE_TYPE__KIND_LIST] = "list",
                                         [PST_MIL__VALUE_TYPE__KIND_TUPLE] = "tuple",
                                         [PST_MIL__VALUE_TYPE__KIND_DICTIONARY] = "dictionary"};
    int kind = message != NULL ? (int)message->kind_case : 0;
    if (kind == PST_MIL__VALUE_TYPE__KIND_TENSOR)
        return read_tensor_type(message->tensor, name, type, err);
    if (kind == PST_MIL__VALUE_TYPE__KIND_STATE) {
        const PstMil__ValueType *inner = message->state->wrapped;
        if (inner == NULL || inner->kind_case != PST_MIL__VALUE_TYPE__KIND_TENSOR)
            return error_set(err, PST_ERR_MODEL,
                             "model.mlmodel: the state %s does not hold a tensor", name);
        pst_status status = read_tensor_type(inner->tensor, name, type, err);
        if (!status) type->state = 1;
        return status;
    }
    if (kind == 0) return error_set(err, PST_ERR_MODEL, "model.mlmodel: %s has no type", name);
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "model.mlmodel: %s is a %s, expected a tensor or a state", name, others[kind]);
}

/* --------------------------------------------------------------------------------- constants */

/* The elements of one immediate tensor as they lie in the message. */
struct elements {
    size_t count;
    const void *data;
    int kind;
};

static struct elements elements_of(const PstMil__Tensor *message) {
    struct elements found = {.kind = message != NULL ? (int)message->kind_case : 0};
    if (found.kind != 0) /* the members are pointers to lists, of whatever */
        found.data = fields_items(message->floats, "values", &found.count);
    return found;
}

const char *value_member(enum mil_dtype dtype) {
    switch (dtype) {
    case MIL_F32: return "floats";
    case MIL_F64: return "doubles";
    case MIL_BOOL: return "bools";
    case MIL_STRING: return "texts";
    case MIL_I64:
    case MIL_U64: return "longs";
    case MIL_I16:
    case MIL_U16:
    case MIL_I32: return "ints";
    default: return "raw";
    }
}

/* Its number. */
static int member_of(enum mil_dtype dtype) {
    return (int)protobuf_c_message_descriptor_get_field_by_name(&pst_mil__tensor__descriptor,
                                                                value_member(dtype))
        ->id;
}

/* Texts one behind the other, each with its NUL. */
static int copy_texts(struct mil_model *model, const struct elements *from,
                      struct mil_value *value) {
    char *const *texts = from->data;
    value->bytes = 0;
    for (size_t i = 0; i < from->count; i++) value->bytes += strlen(texts[i]) + 1;
    char *copy = mil_alloc(model, value->bytes);
    value->data = copy;
    for (size_t i = 0; i < from->count && copy != NULL; i++) copy = stpcpy(copy, texts[i]) + 1;
    return value->data != NULL;
}

/* Numbers at their own width. 0: memory, or one that does not fit its type. */
static int copy_numbers(struct mil_model *model, const struct elements *from,
                        struct mil_value *value) {
    enum mil_dtype dtype = value->type.dtype;
    unsigned char *copy = mil_alloc(model, value->bytes);
    const int32_t *wide = from->data;
    value->data = copy;
    if (copy == NULL) return 0;
    if (dtype != MIL_BOOL && dtype != MIL_I16 && dtype != MIL_U16) {
        if (from->data != NULL) memcpy(copy, from->data, value->bytes); /* none of no elements */
        return 1;
    }
    for (size_t i = 0; i < from->count; i++) {
        uint16_t half = (uint16_t)wide[i];
        if (dtype == MIL_BOOL)
            copy[i] = ((const protobuf_c_boolean *)from->data)[i] != 0;
        else if (wide[i] != (dtype == MIL_I16 ? (int16_t)half : (int32_t)half))
            return 0;
        else
            memcpy(copy + 2 * i, &half, 2);
    }
    return 1;
}

static pst_status read_immediate(const PstMil__Immediate *message, const char *name,
                                 struct mil_model *model, struct mil_value *value, pst_error *err) {
    const struct mil_type *type = &value->type;
    if (message->kind_case != PST_MIL__IMMEDIATE__KIND_TENSOR)
        return error_set(err, PST_ERR_UNSUPPORTED, "model.mlmodel: the constant %s is not a tensor",
                         name);
    struct elements from = elements_of(message->tensor);
    int raw = from.kind == PST_MIL__TENSOR__KIND_RAW;
    size_t count = raw ? mil_data_bytes(type) : mil_elements(type);
    if (from.kind != member_of(type->dtype))
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: the constant %s of type %s has its elements in the "
                         "member %d, expected %d",
                         name, mil_dtype_name(type->dtype), from.kind, member_of(type->dtype));
    if (from.count != count)
        return error_set(err, PST_ERR_MODEL,
                         "model.mlmodel: the constant %s has %zu %s, its type needs %zu", name,
                         from.count, raw ? "bytes" : "elements", count);
    value->bytes = mil_data_bytes(type);
    int copied = type->dtype == MIL_STRING ? copy_texts(model, &from, value)
                                           : copy_numbers(model, &from, value);
    if (!copied && model->failed) return error_memory(err, value->bytes);
    return copied ? PST_OK
                  : error_set(err, PST_ERR_MODEL,
                              "model.mlmodel: the constant %s has a number too large for %s", name,
                              mil_dtype_name(type->dtype));
}

pst_status value_read(const PstMil__Value *message, const char *name, struct mil_model *model,
                      struct mil_value *value, pst_error *err) {
    if (message == NULL)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: the constant %s has no value", name);
    pst_status status = value_read_type(message->type, name, &value->type, err);
    if (status) return status;
    value->blob_offset = 0;
    for (uint32_t i = 0; i < value->type.rank; i++)
        if (value->type.dims[i] < 0 || value->type.state)
            return error_set(err, PST_ERR_MODEL,
                             "model.mlmodel: the constant %s has no fixed shape", name);
    if (message->kind_case == PST_MIL__VALUE__KIND_IMMEDIATE)
        return read_immediate(message->immediate, name, model, value, err);
    if (message->kind_case != PST_MIL__VALUE__KIND_BLOB)
        return error_set(err, PST_ERR_MODEL, "model.mlmodel: the constant %s has no value", name);
    if (strcmp(message->blob->file, BLOB_FILE_NAME) != 0)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "model.mlmodel: the constant %s is in the file %s, expected %s", name,
                         message->blob->file, BLOB_FILE_NAME);
    if (model->weights.data == NULL)
        return error_set(err, PST_ERR_MODEL,
                         "weights/weight.bin: is missing, but the constant %s is in it", name);
    value->blob_offset = message->blob->offset;
    return blob_find(&model->weights, value->blob_offset, &value->type, name, &value->data,
                     &value->bytes, err);
}

const char *value_text(const PstMil__Value *message) {
    if (message == NULL || message->kind_case != PST_MIL__VALUE__KIND_IMMEDIATE ||
        message->immediate->kind_case != PST_MIL__IMMEDIATE__KIND_TENSOR ||
        message->immediate->tensor->kind_case != PST_MIL__TENSOR__KIND_TEXTS ||
        message->immediate->tensor->texts->n_values != 1)
        return NULL;
    return message->immediate->tensor->texts->values[0];
}
