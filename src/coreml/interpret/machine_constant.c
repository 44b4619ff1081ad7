/* machine_constant.c - see machine_constant.h: float16 widened, integers of every width to int32, packed
 * ones unpacked. */
#include "coreml/interpret/machine_constant.h"

#include "base/checked.h"
#include "base/error.h"
#include "formats/dtype.h"

/* Element `index` of `bits` bits each, the first in the lowest bits. */
static uint32_t unpack(const unsigned char *data, size_t index, uint32_t bits) {
    size_t bit = index * bits;
    uint32_t value = 0;
    for (uint32_t i = 0; i < bits; i++, bit++)
        value |= (uint32_t)(data[bit / 8] >> (bit % 8) & 1) << i;
    return value;
}

static int64_t sign_extend(uint64_t value, uint32_t bits) {
    uint64_t sign = (uint64_t)1 << (bits - 1);
    return (int64_t)((value ^ sign) - sign);
}

/* 0: the number does not fit 32 bits. */
static int read_integer(enum mil_dtype dtype, const unsigned char *data, size_t index,
                        int32_t *value) {
    uint32_t bits = mil_bits(dtype);
    uint64_t raw = 0;
    if (bits == 0) return 0;
    if (bits < 8) {
        raw = unpack(data, index, bits);
    } else {
        for (uint32_t i = 0; i < bits / 8; i++)
            raw |= (uint64_t)data[index * (bits / 8) + i] << (8 * i);
    }
    int64_t number = (int64_t)raw;
    if (dtype == MIL_BOOL) {
        number = raw != 0;
    } else if (dtype == MIL_I4 || dtype == MIL_I8 || dtype == MIL_I16 || dtype == MIL_I32) {
        number = sign_extend(raw, bits);
    }
    if (dtype == MIL_U64 && raw > INT64_MAX) return 0;
    if (number < INT32_MIN || number > INT32_MAX) return 0;
    *value = (int32_t)number;
    return 1;
}

pst_status machine_decode(struct slot_memory *memory, struct slot *slot, pst_error *err) {
    const struct mil_value *value = slot->value;
    const struct mil_type *type = &value->type;
    if (type->dtype == MIL_STRING || slot_is_filled(slot)) return PST_OK;
    size_t count, bits;
    if (!mil_type_count(type, &count) || !checked_mul(count, mil_bits(type->dtype), &bits) ||
        !mil_bits(type->dtype) || value->bytes < bits / 8 + (bits % 8 != 0))
        return error_set(err, PST_ERR_MODEL, "constant '%s': %zu bytes of data are not its %s",
                         value->name, value->bytes, mil_dtype_name(type->dtype));
    if (type->dtype == MIL_F64)
        return error_set(err, PST_ERR_UNSUPPORTED, "constant '%s': fp64 is not supported",
                         value->name);
    if (type->dtype == MIL_F32 && (uintptr_t)value->data % _Alignof(float) == 0) {
        /* The interpreter never writes to a constant. */
        slot->tensor.type = *type;
        slot->tensor.f = (float *)value->data;
        return PST_OK;
    }
    pst_status status = slot_fill(memory, slot, type, err);
    if (status) return status;
    const unsigned char *data = value->data;
    if (mil_is_float(type->dtype)) {
        dtype_to_float(type->dtype == MIL_F16 ? DTYPE_F16 : DTYPE_F32, data, count, slot->tensor.f);
        return PST_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (read_integer(type->dtype, data, i, &slot->tensor.i[i])) continue;
        slot_release(memory, slot);
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "constant '%s': element %zu is beyond 32 bits with sign", value->name, i);
    }
    return PST_OK;
}
