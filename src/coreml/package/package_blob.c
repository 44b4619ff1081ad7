/* package_blob.c - plans, writes and reads the weight file.
 *
 * The idea to hold: the plan knows every offset before a byte is written, so that the header is
 * right from the start, data streams from where it lies to the disk, and the program can name its
 * constants' places. */
#include "coreml/package/package_blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file_writer.h"

static const struct {
    enum mil_dtype dtype;
    uint32_t number;
    int specification; /* from which on constants of this type are put into the file */
} numbers[] = {
    {MIL_F16, 1, 6}, {MIL_F32, 2, 6}, {MIL_U8, 3, 6},   {MIL_I8, 4, 6},   {MIL_I16, 6, 9},
    {MIL_U16, 7, 9}, {MIL_I4, 8, 9},  {MIL_U1, 9, 9},   {MIL_U2, 10, 9},  {MIL_U4, 11, 9},
    {MIL_U3, 12, 9}, {MIL_U6, 13, 9}, {MIL_I32, 14, 9}, {MIL_U32, 15, 9},
};

enum { NUMBER_COUNT = sizeof numbers / sizeof numbers[0] };

uint32_t blob_dtype(enum mil_dtype dtype) {
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (numbers[i].dtype == dtype) return numbers[i].number;
    return 0;
}

static int belongs(const struct mil_value *value, int32_t specification) {
    if (mil_elements(&value->type) < BLOB_ELEMENTS_MIN) return 0;
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (numbers[i].dtype == value->type.dtype) return specification >= numbers[i].specification;
    return 0;
}

static uint64_t round_up(uint64_t offset) {
    return (offset + BLOB_ALIGNMENT - 1) / BLOB_ALIGNMENT * BLOB_ALIGNMENT;
}

/* ------------------------------------------------------------------------------------- plan */

/* FNV-1a over words of eight bytes: constants that differ anywhere nearly always differ here, and
 * those that do not are compared. */
static uint64_t hash_bytes(const unsigned char *data, size_t bytes) {
    uint64_t hash = 14695981039346656037u ^ bytes, word;
    size_t at = 0;
    for (; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 32;
    }
    for (; at < bytes; at++) hash = (hash ^ data[at]) * 1099511628211u;
    return hash ^ hash >> 29;
}

static int same(const struct blob_record *a, const struct blob_record *b) {
    return a->hash == b->hash && a->bytes == b->bytes && a->dtype == b->dtype &&
           (a->data == b->data || memcmp(a->data, b->data, a->bytes) == 0);
}

/* The place in the table of a record like `record`: a free one when there is none. */
static size_t *table_find(const struct blob_plan *plan, const struct blob_record *record) {
    size_t at = (size_t)record->hash & (plan->table_size - 1);
    while (plan->table[at] != 0 && !same(&plan->records[plan->table[at] - 1], record))
        at = (at + 1) & (plan->table_size - 1);
    return &plan->table[at];
}

/* Makes space for one more; the table is at most half full. */
static int make_room(struct blob_plan *plan) {
    if (plan->count < plan->capacity) return 1;
    size_t capacity = plan->capacity == 0 ? 64 : 2 * plan->capacity;
    struct blob_record *records = realloc(plan->records, capacity * sizeof *records);
    if (records == NULL) return 0;
    plan->records = records;
    size_t *table = calloc(2 * capacity, sizeof *table);
    if (table == NULL) return 0;
    free(plan->table);
    plan->capacity = capacity;
    plan->table = table;
    plan->table_size = 2 * capacity;
    for (size_t i = 0; i < plan->count; i++) *table_find(plan, &plan->records[i]) = i + 1;
    return 1;
}

/* Does a constant have the bytes that its type needs? Texts: as many NULs as elements. */
static int is_whole(const struct mil_value *value) {
    if (value->type.dtype != MIL_STRING) return value->bytes == mil_data_bytes(&value->type);
    size_t ends = 0;
    for (size_t i = 0; i < value->bytes; i++) ends += ((const char *)value->data)[i] == 0;
    return ends == mil_elements(&value->type) &&
           (value->bytes == 0 || ((const char *)value->data)[value->bytes - 1] == 0);
}

struct planning {
    struct blob_plan *plan;
    int32_t specification;
    pst_error *err;
};

static pst_status plan_value(void *user, struct mil_value *value, const char *name) {
    struct planning *planning = user;
    struct blob_plan *plan = planning->plan;
    pst_error *err = planning->err;
    (void)name;
    value->blob_offset = 0;
    if (value->data == NULL || !is_whole(value))
        return error_set(err, PST_ERR_ARGUMENT, "constant %s has %zu bytes, its type needs %zu",
                         value->name != NULL ? value->name : "?", value->bytes,
                         mil_data_bytes(&value->type));
    if (!belongs(value, planning->specification)) return PST_OK;
    size_t bits = mil_elements(&value->type) * mil_bits(value->type.dtype);
    struct blob_record record = {.data = value->data,
                                 .bytes = value->bytes,
                                 .dtype = blob_dtype(value->type.dtype),
                                 .padding = (uint32_t)((8 - bits % 8) % 8),
                                 .hash = hash_bytes(value->data, value->bytes)};
    if (!make_room(plan)) return error_memory(err, 0);
    size_t *place = table_find(plan, &record);
    if (*place == 0) {
        record.offset = plan->end == 0 ? BLOB_ALIGNMENT : round_up(plan->end);
        plan->end = record.offset + BLOB_RECORD_BYTES + record.bytes;
        plan->records[plan->count++] = record;
        *place = plan->count;
    }
    value->blob_offset = plan->records[*place - 1].offset;
    return PST_OK;
}

pst_status blob_plan_model(struct blob_plan *plan, struct mil_model *model, pst_error *err) {
    struct planning planning = {plan, model->specification, err};
    return mil_each_constant(model, plan_value, &planning);
}

void blob_plan_free(struct blob_plan *plan) {
    free(plan->records);
    free(plan->table);
    *plan = (struct blob_plan){0};
}

/* ------------------------------------------------------------------------------------ write */

struct sink {
    struct file_writer writer;
    struct digest digest;
    uint64_t at;
    const struct cancel *cancel;
};

/* What is written, and added to the digest, before the caller is asked again. */
static const size_t PIECE_BYTES = 4 << 20;

static pst_status put(struct sink *sink, const void *bytes, size_t length, pst_error *err) {
    pst_status status = PST_OK;
    sink->at += length;
    for (const char *at = bytes; length > 0 && !status;) {
        size_t some = length < PIECE_BYTES ? length : PIECE_BYTES;
        status = cancel_check(sink->cancel, err);
        if (!status) status = file_writer_put(&sink->writer, at, some, err);
        if (!status) status = digest_add(&sink->digest, at, some, err);
        at += some;
        length -= some;
    }
    return status;
}

static void put_u32(unsigned char *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 8; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static pst_status put_record(struct sink *sink, const struct blob_record *record, pst_error *err) {
    static const unsigned char zeros[BLOB_ALIGNMENT];
    unsigned char head[BLOB_RECORD_BYTES] = {0};
    put_u32(head, BLOB_SENTINEL);
    put_u32(head + 4, record->dtype);
    put_u64(head + 8, record->bytes);
    put_u64(head + 16, record->offset + BLOB_RECORD_BYTES);
    put_u64(head + 24, record->padding);
    pst_status status = put(sink, zeros, (size_t)(record->offset - sink->at), err);
    if (!status) status = put(sink, head, sizeof head, err);
    return status ? status : put(sink, record->data, record->bytes, err);
}

static pst_status put_file(const struct blob_plan *plan, struct sink *sink,
                           char hex[DIGEST_HEX_SIZE], pst_error *err) {
    unsigned char head[BLOB_ALIGNMENT] = {0};
    put_u32(head, (uint32_t)plan->count);
    put_u32(head + 4, BLOB_VERSION);
    pst_status status = put(sink, head, sizeof head, err);
    for (size_t i = 0; i < plan->count && !status; i++)
        status = put_record(sink, &plan->records[i], err);
    if (!status) status = digest_end(&sink->digest, hex, err);
    return status ? status : file_writer_commit(&sink->writer, err);
}

pst_status blob_write(const struct blob_plan *plan, const char *path, const struct cancel *cancel,
                      char hex[DIGEST_HEX_SIZE], pst_error *err) {
    struct sink sink = {.cancel = cancel};
    pst_status status = digest_begin(&sink.digest, DIGEST_SHA256, err);
    if (!status) status = file_writer_open(&sink.writer, path, err);
    if (!status) status = put_file(plan, &sink, hex, err);
    file_writer_abort(&sink.writer);
    digest_free(&sink.digest);
    return status;
}

/* ------------------------------------------------------------------------------------- read */

static uint32_t get_u32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_u64(const unsigned char *at) {
    return get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

pst_status blob_find(const struct file_view *file, uint64_t offset, const struct mil_type *type,
                     const char *name, const void **data, size_t *bytes, pst_error *err) {
    if (offset % BLOB_ALIGNMENT != 0 || offset == 0 ||
        !checked_range(offset, BLOB_RECORD_BYTES, file->size))
        return error_set(err, PST_ERR_MODEL,
                         "weight.bin: %s has its record at %llu, expected a multiple of 64 in "
                         "a file of %zu bytes",
                         name, (unsigned long long)offset, file->size);
    const unsigned char *record = file->data + offset;
    uint64_t length = get_u64(record + 8), start = get_u64(record + 16);
    if (get_u32(record) != BLOB_SENTINEL)
        return error_set(err, PST_ERR_MODEL,
                         "weight.bin: no record at %llu, where %s is said to be: it begins with "
                         "%08x, expected deadbeef",
                         (unsigned long long)offset, name, (unsigned)get_u32(record));
    if (get_u32(record + 4) != blob_dtype(type->dtype))
        return error_set(err, PST_ERR_MODEL,
                         "weight.bin: the record of %s has data type %u, expected %u for %s", name,
                         (unsigned)get_u32(record + 4), (unsigned)blob_dtype(type->dtype),
                         mil_dtype_name(type->dtype));
    if (length != mil_data_bytes(type) || mil_elements(type) == 0)
        return error_set(err, PST_ERR_MODEL,
                         "weight.bin: the record of %s has %llu bytes, its type needs %zu", name,
                         (unsigned long long)length, mil_data_bytes(type));
    if (start != offset + BLOB_RECORD_BYTES || !checked_range(start, length, file->size))
        return error_set(err, PST_ERR_MODEL,
                         "weight.bin: %s is at %llu with %llu bytes, expected at %llu in a file "
                         "of %zu",
                         name, (unsigned long long)start, (unsigned long long)length,
                         (unsigned long long)(offset + BLOB_RECORD_BYTES), file->size);
    *data = file->data + start;
    *bytes = (size_t)length;
    return PST_OK;
}

int blob_header_read(const struct file_view *file, struct blob_header *header) {
    if (file->size < BLOB_ALIGNMENT) return 0;
    *header = (struct blob_header){get_u32(file->data), get_u32(file->data + 4)};
    return header->version == BLOB_VERSION;
}

/* Bits of an element by the file's number of its type; 0: no such type. */
static uint32_t number_bits(uint32_t number) {
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (numbers[i].number == number) return mil_bits(numbers[i].dtype);
    return 0;
}

int blob_record_read(const struct file_view *file, uint64_t offset, struct blob_record *record) {
    if (offset % BLOB_ALIGNMENT != 0 || !checked_range(offset, BLOB_RECORD_BYTES, file->size))
        return 0;
    const unsigned char *at = file->data + offset;
    uint64_t length = get_u64(at + 8), start = get_u64(at + 16), padding = get_u64(at + 24);
    uint32_t number = get_u32(at + 4), bits = number_bits(number);
    if (get_u32(at) != BLOB_SENTINEL || bits == 0 || start != offset + BLOB_RECORD_BYTES ||
        !checked_range(start, length, file->size))
        return 0;
    *record = (struct blob_record){.data = file->data + start,
                                   .bytes = (size_t)length,
                                   .dtype = number,
                                   .offset = offset,
                                   .start = start,
                                   .clean = 1};
    record->packed = padding < 8 && (padding == 0 || bits < 8) && length < UINT64_MAX / 8 &&
                     (length * 8 - padding) % bits == 0;
    for (int i = 32; i < BLOB_RECORD_BYTES; i++) record->clean &= at[i] == 0;
    return 1;
}
