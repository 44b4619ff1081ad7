/* dtype.c - see dtype.h. */
#include "formats/dtype.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/float16.h"

static const struct {
    const char *name;
    size_t bytes;
} TYPES[DTYPE_COUNT] = {
    [DTYPE_BOOL] = {"BOOL", 1},       [DTYPE_U8] = {"U8", 1},           [DTYPE_I8] = {"I8", 1},
    [DTYPE_F8_E5M2] = {"F8_E5M2", 1}, [DTYPE_F8_E4M3] = {"F8_E4M3", 1}, [DTYPE_U16] = {"U16", 2},
    [DTYPE_I16] = {"I16", 2},         [DTYPE_F16] = {"F16", 2},         [DTYPE_BF16] = {"BF16", 2},
    [DTYPE_I32] = {"I32", 4},         [DTYPE_U32] = {"U32", 4},         [DTYPE_F32] = {"F32", 4},
    [DTYPE_C64] = {"C64", 8},         [DTYPE_F64] = {"F64", 8},         [DTYPE_I64] = {"I64", 8},
    [DTYPE_U64] = {"U64", 8},
};

const char *dtype_name(enum dtype dtype) {
    return TYPES[dtype].name;
}

const char *dtype_torch_name(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_F32: return "float32";
    case DTYPE_F16: return "float16";
    case DTYPE_BF16: return "bfloat16";
    default: return NULL;
    }
}

size_t dtype_bytes(enum dtype dtype) {
    return TYPES[dtype].bytes;
}

int dtype_parse(const char *name, enum dtype *dtype) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            *dtype = (enum dtype)i;
            return 1;
        }
    }
    return 0;
}

static float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int dtype_to_float(enum dtype dtype, const unsigned char *data, size_t count, float *out) {
    switch (dtype) {
    case DTYPE_F32: memcpy(out, data, count * sizeof *out); return 1;
    case DTYPE_F16:
        for (size_t i = 0; i < count; i++)
            out[i] = float_of_f16((uint16_t)(data[2 * i] | data[2 * i + 1] << 8));
        return 1;
    case DTYPE_BF16:
        for (size_t i = 0; i < count; i++)
            out[i] = float_from_bits((uint32_t)data[2 * i] << 16 | (uint32_t)data[2 * i + 1] << 24);
        return 1;
    case DTYPE_F64:
        for (size_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, data + 8 * i, sizeof value);
            out[i] = (float)value;
        }
        return 1;
    default: return 0;
    }
}

/* Round to nearest even into sign, exponent and `digits` bits of mantissa; exponents run from 1 -
 * `bias` to `bias`. By way of float it would be rounded twice. */
static uint16_t narrow(double value, int digits, int bias) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = (uint32_t)(bits >> 63) << 15;
    uint32_t infinity = (uint32_t)(2 * bias + 1) << digits;
    int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    uint64_t mantissa = bits & 0xFFFFFFFFFFFFF;
    if (exponent == 1024) /* infinity; NaN stays one, whatever its payload */
        return (uint16_t)(sign | infinity | (mantissa ? 1u << (digits - 1) : 0));
    if (exponent > bias) return (uint16_t)(sign | infinity);
    if (exponent < -bias - digits) return (uint16_t)sign; /* under half of the least */
    int lowest = 1 - bias;
    int cut = 52 - digits + (exponent < lowest ? lowest - exponent : 0);
    uint64_t whole = mantissa | (uint64_t)1 << 52, kept = whole >> cut;
    uint64_t rest = whole & (((uint64_t)1 << cut) - 1), half = (uint64_t)1 << (cut - 1);
    kept += rest > half || (rest == half && (kept & 1));
    /* The leading one that is not stored adds itself to the exponent; a carry does so too. */
    uint32_t below = exponent < lowest ? 0 : (uint32_t)(exponent - lowest) << digits;
    return (uint16_t)(sign | (below + (uint32_t)kept));
}

size_t dtype_from_double(enum dtype dtype, const double *values, size_t count, void *out) {
    size_t bad = count;
    for (size_t i = count; i-- > 0;) {
        int finite;
        if (dtype == DTYPE_F32) {
            float value = (float)values[i];
            ((float *)out)[i] = value;
            finite = isfinite(value);
        } else {
            int digits = dtype == DTYPE_F16 ? 10 : 7, bias = dtype == DTYPE_F16 ? 15 : 127;
            uint16_t value = narrow(values[i], digits, bias);
            uint32_t infinity = (uint32_t)(2 * bias + 1) << digits;
            ((uint16_t *)out)[i] = value;
            finite = (value & infinity) != infinity;
        }
        if (!finite) bad = i;
    }
    return bad;
}
