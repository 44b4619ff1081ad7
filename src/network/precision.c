/* precision.c - see precision.h. */
#include "network/precision.h"

#include "base/error.h"

const char *precision_name(enum precision precision) {
    static const char *const NAMES[PRECISION_COUNT] = {"f32", "bf16", "int8"};
    return NAMES[precision];
}

enum precision precision_of_sensitive(enum precision precision) {
    return precision == PRECISION_INT8 ? PRECISION_BF16 : precision;
}

enum precision precision_of_encoder(enum precision precision, const struct kernels *kernels) {
    int instructions = kernels->packed[PRECISION_BF16]->native;
    return precision == PRECISION_INT8 && instructions ? PRECISION_BF16 : precision;
}

/* bf16 where the CPU has instructions for it: it changes no word of clear speech. Else int8, where
 * the set has int8 products of its own: the encoder takes a third of the time of float32 with VNNI,
 * three quarters with plain AVX2 (415 frames of 288), and a step of the decoder is bound by the
 * bytes of its weights everywhere. In plain loops float32 is the fastest. */
static enum precision fastest(const struct kernels *kernels) {
    if (kernels->packed[PRECISION_BF16]->native) return PRECISION_BF16;
    if (kernels->packed[PRECISION_INT8] != kernels_reference.packed[PRECISION_INT8])
        return PRECISION_INT8;
    return PRECISION_F32;
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
