/* precision.c - see precision.h. */
#include "model/precision.h"

#include <string.h>

#include "base/error.h"

const char *precision_name(enum precision precision) {
    static const char *const NAMES[PRECISION_COUNT] = {"f32", "bf16", "int8"};
    return NAMES[precision];
}

/* The narrower the values the less memory is read, but only where one instruction multiplies and adds
 * several of them is there anything to gain: emulated, both lose to float32. */
static enum precision fastest(const struct kernels *kernels) {
    return strcmp(kernels->name, "avx512") == 0 ? PRECISION_INT8 : PRECISION_F32;
}

pst_status precision_choose(enum precision *precision, pst_precision wanted,
                            const struct kernels *kernels, pst_error *err) {
    switch (wanted) {
    case PST_PRECISION_F32: *precision = PRECISION_F32; return PST_OK;
    case PST_PRECISION_BF16: *precision = PRECISION_BF16; return PST_OK;
    case PST_PRECISION_INT8: *precision = PRECISION_INT8; return PST_OK;
    case PST_PRECISION_AUTO: *precision = fastest(kernels); return PST_OK;
    }
    return error_set(err, PST_ERR_ARGUMENT, "precision is %d, expected one of enum pst_precision",
                     (int)wanted);
}
