/* op_cast.c - from one number type to another. */
#include <math.h>
#include <string.h>

#include "coreml/ops/op.h"

/* The type that a text names; 0: none that this specification casts to. */
static enum mil_dtype named_dtype(const char *name, int32_t specification) {
    static const enum mil_dtype casts[] = {MIL_F16, MIL_F32, MIL_I32, MIL_BOOL,
                                           MIL_I8,  MIL_U8,  MIL_I16, MIL_U16};
    size_t count = specification >= 8 ? 8 : 4;
    for (size_t i = 0; i < count; i++)
        if (strcmp(mil_dtype_name(casts[i]), name) == 0) return casts[i];
    return 0;
}

static int infer_cast(struct op_call *call) {
    struct mil_type type = *op_type(call, "x");
    const char *name = op_text(call, "dtype"), *from = mil_dtype_name(type.dtype);
    if (named_dtype(from, INT32_MAX) == 0)
        return op_refuse(call, "x is %s, expected a number", from);
    type.dtype = named_dtype(name, call->specification);
    if (type.dtype == 0)
        return op_refuse(call, "dtype is %s, which this opset does not cast to", name);
    return op_give(call, type);
}

/* Toward zero; what an int32 cannot hold becomes its nearest, NaN 0. */
static int32_t to_integer(float x) {
    if (isnan(x)) return 0;
    if (x >= 2147483648.0f) return INT32_MAX;
    if (x <= -2147483648.0f) return INT32_MIN;
    return (int32_t)x;
}

/* Keeps the bits that the type has. */
static int32_t wrap(enum mil_dtype dtype, int32_t x) {
    uint32_t bits = mil_bits(dtype), value = (uint32_t)x;
    if (dtype == MIL_BOOL) return x != 0;
    if (bits >= 32) return x;
    value &= (1u << bits) - 1;
    int is_signed = dtype == MIL_I8 || dtype == MIL_I16;
    uint32_t sign = 1u << (bits - 1);
    return is_signed ? (int32_t)((value ^ sign) - sign) : (int32_t)value;
}

static pst_status run_cast(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    enum mil_dtype dtype = y->type.dtype;
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) {
        if (y->f)
            y->f[i] = x->f ? x->f[i] : (float)x->i[i];
        else if (x->f)
            y->i[i] = dtype == MIL_BOOL ? x->f[i] != 0 : wrap(dtype, to_integer(x->f[i]));
        else
            y->i[i] = wrap(dtype, x->i[i]);
    }
    return PST_OK;
}

const struct op_row op_cast_rows[] = {
    {"cast", 6, "x w, dtype! s0", infer_cast, run_cast, 0, 0},
    {0},
};
