/* safetensors_writer.c - the writer; see safetensors.h for the format. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "formats/safetensors.h"

static size_t source_bytes(const struct tensor_source *source) {
    size_t bytes = dtype_bytes(source->dtype);
    for (uint32_t i = 0; i < source->dims; i++) bytes *= source->shape[i];
    return bytes;
}

/* Widest type first, then by name: the order of the reference writer. */
static int by_type_and_name(const void *a, const void *b) {
    const struct tensor_source *left = *(const struct tensor_source *const *)a;
    const struct tensor_source *right = *(const struct tensor_source *const *)b;
    if (left->dtype != right->dtype) return left->dtype < right->dtype ? 1 : -1;
    return strcmp(left->name, right->name);
}

static int append(const char *bytes, size_t length, void *text) {
    buffer_append(text, bytes, length);
    return 0;
}

/* A name as a JSON string: jansson's own escapes are those of the reference writer. */
static void append_name(struct buffer *header, const char *name) {
    json_t *text = json_string(name);
    if (!text || json_dump_callback(text, append, header, JSON_ENCODE_ANY) != 0) header->failed = 1;
    json_decref(text);
}

static void build_header(struct buffer *header, const struct tensor_source **order, size_t count) {
    size_t offset = 0;
    buffer_text(header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        const struct tensor_source *source = order[i];
        buffer_text(header, ",");
        append_name(header, source->name);
        buffer_format(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(source->dtype));
        for (uint32_t d = 0; d < source->dims; d++)
            buffer_format(header, d ? ",%zu" : "%zu", source->shape[d]);
        size_t end = offset + source_bytes(source);
        buffer_format(header, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    buffer_text(header, "}");
    while (header->length % 8 && !header->failed) buffer_text(header, " ");
}

/* What is written, and where its bytes come from. */
struct content {
    const struct tensor_source **order; /* [count] */
    size_t count;
    tensor_fill *fill;
    void *user;
};

static pst_status put_all(struct file_writer *writer, const struct buffer *header,
                          const struct content *content, pst_error *err) {
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    pst_status status = file_writer_put(writer, length, sizeof length, err);
    if (!status) status = file_writer_put(writer, header->data, header->length, err);
    for (size_t i = 0; i < content->count && !status; i++) {
        const void *data = NULL;
        status = content->fill(content->user, content->order[i], &data, err);
        if (!status) status = file_writer_put(writer, data, source_bytes(content->order[i]), err);
    }
    return status;
}

pst_status safetensors_write_by(const char *path, const struct tensor_source *tensors, size_t count,
                                tensor_fill *fill, void *user, pst_error *err) {
    const struct tensor_source **order = malloc((count + 1) * sizeof *order);
    if (!order) return error_memory(err, 0);
    for (size_t i = 0; i < count; i++) order[i] = &tensors[i];
    qsort(order, count, sizeof *order, by_type_and_name);
    struct content content = {order, count, fill, user};
    struct buffer header = {0};
    build_header(&header, order, count);
    struct file_writer writer = {0};
    pst_status status = header.failed ? error_memory(err, 0) : file_writer_open(&writer, path, err);
    if (!status) {
        status = put_all(&writer, &header, &content, err);
        if (status)
            file_writer_abort(&writer);
        else
            status = file_writer_commit(&writer, err);
    }
    buffer_free(&header);
    free(order);
    return status;
}

static pst_status fill_from_memory(void *user, const struct tensor_source *source,
                                   const void **data, pst_error *err) {
    (void)user;
    (void)err;
    *data = source->data;
    return PST_OK;
}

pst_status safetensors_write(const char *path, const struct tensor_source *tensors, size_t count,
                             pst_error *err) {
    return safetensors_write_by(path, tensors, count, fill_from_memory, NULL, err);
}
