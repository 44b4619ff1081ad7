/* machine_constant.c - see machine_constant.h: float16 widened, integers of every width to int32,
 * packed ones unpacked. */
#include "coreml/interpret/machine_constant.h"

#include "base/error.h"
#include "formats/dtype.h"

/* Indices and weights are bytes, millions of them: read without asking at each what it is.
 * 0: other integers. */
static int widen_bytes(enum mil_dtype dtype, const void *data, size_t count, int32_t *integers) {
    const uint8_t *plain = data;
    const int8_t *with_sign = data;
    if (dtype != MIL_U8 && dtype != MIL_I8) return 0;
    for (size_t i = 0; i < count; i++) integers[i] = dtype == MIL_U8 ? plain[i] : with_sign[i];
    return 1;
}

pst_status machine_decode(struct slot_memory *memory, struct slot *slot, pst_error *err) {
    const struct mil_value *value = slot->value;
    const struct mil_type *type = &value->type;
    if (type->dtype == MIL_STRING || slot_is_filled(slot)) return PST_OK;
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
    size_t count = mil_elements(type);
    if (mil_is_float(type->dtype)) {
        dtype_to_float(type->dtype == MIL_F16 ? DTYPE_F16 : DTYPE_F32, value->data, count,
                       slot->tensor.f);
        return PST_OK;
    }
    if (widen_bytes(type->dtype, value->data, count, slot->tensor.i)) return PST_OK;
    for (size_t i = 0; i < count; i++) {
        int64_t integer;
        if (!mil_integer(type->dtype, value->data, i, &integer) || integer < INT32_MIN ||
            integer > INT32_MAX) {
            slot_release(memory, slot);
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "constant '%s': element %zu is beyond 32 bits with sign", value->name,
                             i);
        }
        slot->tensor.i[i] = (int32_t)integer;
    }
    return PST_OK;
}
