/* op_cast.c - from one number type to another. */
#include "coreml/ops/op.h"

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

static void convert(struct mil_tensor *y, const struct mil_tensor *x, size_t count) {
    enum mil_dtype dtype = y->type.dtype;
    for (size_t i = 0; i < count; i++) {
        if (y->f)
            y->f[i] = x->f ? x->f[i] : (float)x->i[i];
        else if (x->f)
            y->i[i] = dtype == MIL_BOOL ? x->f[i] != 0 : wrap(dtype, to_integer(x->f[i]));
        else
            y->i[i] = wrap(dtype, x->i[i]);
    }
}

static pst_status run_cast(struct op_call *call) {
    static const enum mil_dtype dtypes[] = {MIL_F16, MIL_F32, MIL_I32, MIL_BOOL,
                                            MIL_I8,  MIL_U8,  MIL_I16, MIL_U16};
    const struct mil_tensor *x;
    struct mil_tensor *y;
    int choice = -1;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK)
        status = op_choice(call, "dtype", "fp16|fp32|int32|bool|int8|uint8|int16|uint16", &choice);
    if (status) return status;
    if (choice < 0) return op_error(call, PST_ERR_MODEL, "needs a dtype");
    struct mil_type type = x->type;
    type.dtype = dtypes[choice];
    status = op_output(call, 0, &type, &y);
    size_t count = 0;
    if (status == PST_OK && mil_type_count(&type, &count)) convert(y, x, count);
    return status;
}

const struct op_entry op_cast_entries[] = {
    {"cast", run_cast, 0, 0},
    {0},
};
