/* package_fields.c - see package_fields.h: protobuf-c's descriptions of messages say where a field
 * lies in its struct, and what counts it or says that it is the one chosen. */
#include "coreml/package/package_fields.h"

#include <assert.h>
#include <string.h>

static const ProtobufCFieldDescriptor *find(const void *message, const char *field) {
    const ProtobufCMessage *base = message;
    const ProtobufCFieldDescriptor *found =
        protobuf_c_message_descriptor_get_field_by_name(base->descriptor, field);
    assert(found != NULL);
    return found;
}

/* Writes a field that is not a list; where it is a choice, it is the one from now on. */
static void set(void *message, const ProtobufCFieldDescriptor *field, const void *value,
                size_t bytes) {
    char *at = message;
    memcpy(at + field->offset, value, bytes);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        memcpy(at + field->quantifier_offset, &field->id, sizeof field->id);
}

static void put(struct mil_model *scratch, void *message, const ProtobufCFieldDescriptor *field,
                void *item) {
    char *at = message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        mil_append(scratch, at + field->offset, (size_t *)(void *)(at + field->quantifier_offset),
                   item);
    else
        set(message, field, &item, sizeof item);
}

void *fields_new(struct mil_model *scratch, const ProtobufCMessageDescriptor *descriptor) {
    void *message = mil_alloc(scratch, descriptor->sizeof_message);
    if (message != NULL) protobuf_c_message_init(descriptor, message);
    return message;
}

void *fields_add(struct mil_model *scratch, void *message, const char *field) {
    if (message == NULL) return NULL;
    const ProtobufCFieldDescriptor *found = find(message, field);
    void *added = fields_new(scratch, found->descriptor);
    if (added != NULL) put(scratch, message, found, added);
    return added;
}

void fields_text(struct mil_model *scratch, void *message, const char *field, const char *text) {
    /* The structs are for reading too, but what is written is only read. */
    if (message != NULL)
        put(scratch, message, find(message, field),
            text != NULL ? (char *)text : (char *)protobuf_c_empty_string);
}

void fields_number(void *message, const char *field, int64_t number) {
    if (message == NULL) return;
    const ProtobufCFieldDescriptor *found = find(message, field);
    int32_t narrow = (int32_t)number; /* a boolean too is an int in the structs */
    int wide = found->type == PROTOBUF_C_TYPE_INT64 || found->type == PROTOBUF_C_TYPE_UINT64;
    set(message, found, wide ? (void *)&number : (void *)&narrow, wide ? 8 : 4);
}

void fields_list(void *message, const char *field, const void *items, size_t count) {
    if (message == NULL) return;
    const ProtobufCFieldDescriptor *found = find(message, field);
    ProtobufCBinaryData bytes = {count, (uint8_t *)items};
    if (found->type == PROTOBUF_C_TYPE_BYTES) {
        set(message, found, &bytes, sizeof bytes);
        return;
    }
    set(message, found, &items, sizeof items);
    memcpy((char *)message + found->quantifier_offset, &count, sizeof count);
}

const void *fields_items(const void *message, const char *field, size_t *count) {
    const ProtobufCFieldDescriptor *found = find(message, field);
    const char *at = message;
    ProtobufCBinaryData bytes;
    if (found->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(&bytes, at + found->offset, sizeof bytes);
    } else {
        memcpy(&bytes.data, at + found->offset, sizeof bytes.data);
        memcpy(&bytes.len, at + found->quantifier_offset, sizeof bytes.len);
    }
    *count = bytes.len;
    return bytes.data;
}
