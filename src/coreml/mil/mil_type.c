/* mil_type.c - see mil_type.h. */
#include "coreml/mil/mil_type.h"

#include <stdio.h>

#include "base/checked.h"

static const struct {
    uint8_t bits;
    const char *name;
} dtypes[] = {
    [MIL_BOOL] = {8, "bool"},   [MIL_STRING] = {0, "string"}, [MIL_F16] = {16, "fp16"},
    [MIL_F32] = {32, "fp32"},   [MIL_F64] = {64, "fp64"},     [MIL_I8] = {8, "int8"},
    [MIL_I16] = {16, "int16"},  [MIL_I32] = {32, "int32"},    [MIL_I64] = {64, "int64"},
    [MIL_I4] = {4, "int4"},     [MIL_U8] = {8, "uint8"},      [MIL_U16] = {16, "uint16"},
    [MIL_U32] = {32, "uint32"}, [MIL_U64] = {64, "uint64"},   [MIL_U4] = {4, "uint4"},
    [MIL_U2] = {2, "uint2"},    [MIL_U1] = {1, "uint1"},      [MIL_U6] = {6, "uint6"},
    [MIL_U3] = {3, "uint3"},
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

uint32_t mil_bits(enum mil_dtype dtype) {
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].bits : 0;
}

const char *mil_dtype_name(enum mil_dtype dtype) {
    const char *name = (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : NULL;
    return name != NULL ? name : "unknown";
}

int mil_integer(enum mil_dtype dtype, const void *data, size_t index, int64_t *integer) {
    const unsigned char *bytes = data;
    uint32_t bits = mil_bits(dtype), step = bits < 8 ? 1 : 8, mask = bits < 8 ? 1 : 255;
    uint64_t word = 0;
    *integer = 0;
    if (bits == 0 || mil_is_float(dtype) || dtype == MIL_F64) return 0;
    for (size_t i = 0, at = index * bits; i < bits; i += step, at += step)
        word |= (uint64_t)(bytes[at / 8] >> at % 8 & mask) << i;
    if (dtype == MIL_I4 || dtype == MIL_I8 || dtype == MIL_I16 || dtype == MIL_I32) {
        uint64_t sign = (uint64_t)1 << (bits - 1);
        word = (word ^ sign) - sign;
    }
    *integer = dtype == MIL_BOOL ? word != 0 : (int64_t)word;
    return dtype != MIL_U64 || word <= INT64_MAX;
}

struct mil_type mil_type_of(enum mil_dtype dtype, uint32_t rank, const int64_t *dims) {
    struct mil_type type = {.dtype = dtype, .rank = rank <= MIL_RANK_MAX ? rank : MIL_RANK_MAX};
    for (uint32_t i = 0; i < type.rank; i++) type.dims[i] = dims[i];
    return type;
}

struct mil_type mil_type_open(enum mil_dtype dtype, int64_t rank) {
    struct mil_type type = {.dtype = dtype, .rank = MIL_RANK_MAX};
    if (rank >= 0 && rank < MIL_RANK_MAX) type.rank = (uint32_t)rank;
    for (uint32_t i = 0; i < type.rank; i++) type.dims[i] = MIL_UNKNOWN;
    return type;
}

int mil_has_unknown(const struct mil_type *type) {
    for (uint32_t i = 0; i < type->rank; i++)
        if (type->dims[i] < 0) return 1;
    return 0;
}

size_t mil_elements(const struct mil_type *type) {
    size_t count = 1;
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i] < 0 || !checked_mul(count, (size_t)type->dims[i], &count)) return 0;
    }
    return count;
}

int mil_is_float(enum mil_dtype dtype) {
    return dtype == MIL_F16 || dtype == MIL_F32;
}

int mil_type_count(const struct mil_type *type, size_t *count) {
    size_t span = 1, empty = 0;
    if (type->rank > MIL_RANK_MAX) return 0;
    for (uint32_t i = 0; i < type->rank; i++) {
        size_t dim = type->dims[i] > 0 ? (size_t)type->dims[i] : 1;
        empty |= type->dims[i] == 0;
        /* Strides of an empty tensor have to fit too. */
        if (type->dims[i] < 0 || !checked_mul(span, dim, &span)) return 0;
    }
    *count = empty ? 0 : span;
    return span <= PTRDIFF_MAX / sizeof(float);
}

size_t mil_data_bytes(const struct mil_type *type) {
    size_t bits;
    if (!checked_mul(mil_elements(type), mil_bits(type->dtype), &bits)) return 0;
    return bits / 8 + (bits % 8 != 0);
}

int mil_types_agree(const struct mil_type *a, const struct mil_type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || !a->state != !b->state) return 0;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i] && a->dims[i] >= 0 && b->dims[i] >= 0) return 0;
    return 1;
}

const char *mil_type_text(const struct mil_type *type, char text[MIL_TYPE_TEXT_SIZE]) {
    int at = snprintf(text, MIL_TYPE_TEXT_SIZE, "%s%s", type->state ? "state of " : "",
                      mil_dtype_name(type->dtype));
    if (type->rank == 0) return text;
    for (uint32_t i = 0; i < type->rank && at > 0 && at < MIL_TYPE_TEXT_SIZE; i++) {
        const char *before = i == 0 ? " [" : ", ";
        size_t left = (size_t)(MIL_TYPE_TEXT_SIZE - at);
        at += type->dims[i] < 0
                  ? snprintf(text + at, left, "%s?", before)
                  : snprintf(text + at, left, "%s%lld", before, (long long)type->dims[i]);
    }
    if (at > 0 && at < MIL_TYPE_TEXT_SIZE)
        snprintf(text + at, (size_t)(MIL_TYPE_TEXT_SIZE - at), "]");
    return text;
}
