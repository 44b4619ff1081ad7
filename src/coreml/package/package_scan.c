/* package_scan.c - a walk over the bytes of model.mlmodel by the schema, before any of it is
 * unpacked.
 *
 * The idea to hold: the unpacker calls itself for every message in a message and allocates as much
 * as lengths say. After this walk the nesting is known to be shallow and the memory to be bounded;
 * and every field is known, single and in order, so that nothing is merged or skipped silently. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"
#include "coreml/package/package_message.h"
#include "package.pb-c.h"

/* A constant in a loop in a loop in a function is about 20 deep; a loop more is 3. */
enum { DEPTH_MAX = 64 };

/* Unpacked, real programs take up to ten times their size: a large one has 10 MB. */
static const size_t MEMORY_MAX = (size_t)1 << 30;

struct scan {
    const unsigned char *start;
    size_t memory; /* that unpacking will take, about */
    pst_error *err;
};

struct span {
    const unsigned char *at, *end;
};

static pst_status complain(const struct scan *scan, const unsigned char *at, const char *message,
                           const char *what) {
    return error_set(scan->err, PST_ERR_MODEL, "model.mlmodel: byte %zu: %s %s",
                     (size_t)(at - scan->start), what, message);
}

/* The shortest form only, as every writer has it. */
static int read_varint(struct span *span, uint64_t *value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70 && span->at < span->end; shift += 7) {
        unsigned char byte = *span->at++;
        if (shift == 63 && byte > 1) return 0;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return byte != 0 || shift == 0;
        }
    }
    return 0;
}

/* The bytes of one element when packed; 0: variable. */
static size_t fixed_width(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32: return 4;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: return 8;
    default: return 0;
    }
}

static unsigned wire_type(const ProtobufCFieldDescriptor *field) {
    int packed = field->label == PROTOBUF_C_LABEL_REPEATED &&
                 (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    if (packed || field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES ||
        field->type == PROTOBUF_C_TYPE_MESSAGE)
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    size_t width = fixed_width(field->type);
    if (width == 0) return PROTOBUF_C_WIRE_TYPE_VARINT;
    return width == 4 ? PROTOBUF_C_WIRE_TYPE_32BIT : PROTOBUF_C_WIRE_TYPE_64BIT;
}

/* A packed list must consist of whole elements. */
static int packed_elements(struct span content, const ProtobufCFieldDescriptor *field,
                           size_t *count) {
    size_t width = fixed_width(field->type), length = (size_t)(content.end - content.at);
    if (width != 0) {
        *count = length / width;
        return length % width == 0;
    }
    uint64_t value;
    for (*count = 0; content.at < content.end; ++*count)
        if (!read_varint(&content, &value)) return 0;
    return 1;
}

static pst_status scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                               struct span span, int depth);

static pst_status scan_content(struct scan *scan, const ProtobufCFieldDescriptor *field,
                               struct span content, int depth) {
    size_t length = (size_t)(content.end - content.at), count = 0;
    size_t more = length;
    pst_status status = PST_OK;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *inner = field->descriptor;
        more = inner->sizeof_message + 2 * sizeof(void *);
        status = scan_message(scan, inner, content, depth + 1);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        more = length + 3 * sizeof(void *);
        if (memchr(content.at, 0, length) != NULL ||
            utf8_valid_length((const char *)content.at, length) != length)
            status = complain(scan, content.at, "is not a text of UTF-8", field->name);
    } else if (field->type != PROTOBUF_C_TYPE_BYTES) {
        if (!packed_elements(content, field, &count))
            status = complain(scan, content.at, "has half an element", field->name);
        more = 8 * count; /* a length of up to 2^60 cannot overflow: it is in memory */
    }
    if (!status && (!checked_add(scan->memory, more, &scan->memory) || scan->memory > MEMORY_MAX))
        status = error_set(scan->err, PST_ERR_UNSUPPORTED,
                           "model.mlmodel: would take over %zu MB of memory, more than programs do",
                           MEMORY_MAX >> 20);
    return status;
}

/* The value of one field, of any wire type. */
static pst_status scan_value(struct scan *scan, const ProtobufCFieldDescriptor *field,
                             struct span *span, int depth) {
    uint64_t number;
    unsigned wire = wire_type(field);
    const unsigned char *start = span->at;
    if (wire == PROTOBUF_C_WIRE_TYPE_VARINT)
        return read_varint(span, &number) ? PST_OK
                                          : complain(scan, start, "is cut off", field->name);
    number = wire == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;
    if ((wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && !read_varint(span, &number)) ||
        number > (uint64_t)(span->end - span->at))
        return complain(scan, start, "goes past the end of its message", field->name);
    struct span content = {span->at, span->at + number};
    span->at = content.end;
    return wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? scan_content(scan, field, content, depth)
                                                        : PST_OK;
}

static pst_status scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                               struct span span, int depth) {
    uint64_t tag, last = 0;
    unsigned one_of = 0; /* where the last member of a oneof keeps which it is; 0: none yet */
    if (depth > DEPTH_MAX)
        return complain(scan, span.at, "is nested too deeply", descriptor->short_name);
    while (span.at < span.end) {
        const unsigned char *start = span.at;
        if (!read_varint(&span, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
            return complain(scan, start, "has a broken field", descriptor->short_name);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
        if (field == NULL)
            return error_set(scan->err, PST_ERR_UNSUPPORTED,
                             "model.mlmodel: byte %zu: %s has a field %u, which no ML program has "
                             "that this version knows",
                             (size_t)(start - scan->start), descriptor->short_name,
                             (unsigned)(tag >> 3));
        if (tag >> 3 < last)
            return complain(scan, start, "comes after fields with higher numbers", field->name);
        if (tag >> 3 == last && field->label != PROTOBUF_C_LABEL_REPEATED)
            return complain(scan, start, "is there twice", field->name);
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            if (one_of == field->quantifier_offset)
                return complain(scan, start, "is there beside another choice", field->name);
            one_of = field->quantifier_offset;
        }
        last = tag >> 3;
        if ((tag & 7) != wire_type(field))
            return complain(scan, start, "has another wire type than its own", field->name);
        pst_status status = scan_value(scan, field, &span, depth);
        if (status) return status;
    }
    return PST_OK;
}

pst_status message_scan(const unsigned char *bytes, size_t length, pst_error *err) {
    struct scan scan = {.start = bytes, .err = err};
    return scan_message(&scan, &pst_mil__model__descriptor, (struct span){bytes, bytes + length},
                        0);
}
