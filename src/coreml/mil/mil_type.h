/* mil_type.h - the types of values: what an element is, and the shape of a tensor.
 *
 * Numbers of element types are those of the protobuf schema. */
#ifndef PST_COREML_MIL_MIL_TYPE_H
#define PST_COREML_MIL_MIL_TYPE_H

#include <stddef.h>
#include <stdint.h>

enum mil_dtype {
    MIL_BOOL = 1,
    MIL_STRING = 2,
    MIL_F16 = 10,
    MIL_F32 = 11,
    MIL_F64 = 12,
    MIL_I8 = 21,
    MIL_I16 = 22,
    MIL_I32 = 23,
    MIL_I64 = 24,
    MIL_I4 = 25,
    MIL_U8 = 31,
    MIL_U16 = 32,
    MIL_U32 = 33,
    MIL_U64 = 34,
    MIL_U4 = 35,
    MIL_U2 = 36,
    MIL_U1 = 37,
    MIL_U6 = 38,
    MIL_U3 = 39
};

enum { MIL_RANK_MAX = 8 }; /* 5 for what Core ML computes; lookup tables have more */
enum { MIL_UNKNOWN = -1 }; /* a dimension that the package leaves open */
/* Programs read shapes as int32; and the product of two dimensions fits int64. */
enum { MIL_DIMENSION_MAX = INT32_MAX };

struct mil_type {
    enum mil_dtype dtype;
    uint32_t rank; /* 0: a scalar */
    int64_t dims[MIL_RANK_MAX];
    int state; /* a state of this tensor type (iOS 18) */
};

struct mil_type mil_type_of(enum mil_dtype dtype, uint32_t rank, const int64_t *dims);
/* A type with so many unknown dimensions; a negative rank means as many as possible. */
struct mil_type mil_type_open(enum mil_dtype dtype, int64_t rank);
int mil_has_unknown(const struct mil_type *type); /* a dimension */
size_t mil_elements(const struct mil_type *type); /* 0 with an unknown dimension or on overflow */
uint32_t mil_bits(enum mil_dtype dtype);          /* of an element; 0: a string or no type */
const char *mil_dtype_name(enum mil_dtype dtype); /* "fp16", as MIL text has it; never NULL */
/* Counts the elements; 0: a dimension is unknown, or their float32 would not fit into memory. */
int mil_type_count(const struct mil_type *type, size_t *count);
int mil_is_float(enum mil_dtype dtype); /* F16, F32 */
/* Bytes of so many elements of a number type, the last one filled up; 0 on overflow. */
size_t mil_data_bytes(const struct mil_type *type);
/* Element `index` of a constant as packages store it: little endian, elements of less than 8 bits
 * packed from the lowest bit up. 0: it is not an integer, or too large for int64_t. */
int mil_integer(enum mil_dtype dtype, const void *data, size_t index, int64_t *integer);
/* Could both be the type of one value? Unknown dimensions agree with any. */
int mil_types_agree(const struct mil_type *a, const struct mil_type *b);

/* "fp16 [1, 288, 1, ?]" */
enum { MIL_TYPE_TEXT_SIZE = 128 };
const char *mil_type_text(const struct mil_type *type, char text[MIL_TYPE_TEXT_SIZE]);

#endif
