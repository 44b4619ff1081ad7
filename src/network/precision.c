/* precision.c - see precision.h. */
#include "network/precision.h"

#include "base/error.h"

const char *precision_name(pst_precision precision) {
    static const char *const NAMES[PRECISION_COUNT] = {"f32", "bf16", "int8"};
    return NAMES[precision];
}

pst_precision precision_of_sensitive(pst_precision precision) {
    return precision == PST_PRECISION_INT8 ? PST_PRECISION_BF16 : precision;
}

pst_precision precision_of_encoder(pst_precision precision, const struct kernels *kernels) {
    int instructions = kernels->packed[PST_PRECISION_BF16]->native;
    return precision == PST_PRECISION_INT8 && instructions ? PST_PRECISION_BF16 : precision;
}

/* bf16 where the set has products of its own for it: it changes no word of clear speech, and takes
 * two thirds of the time of float32 even with plain AVX2, which widens it: a step of the decoder is
 * bound by the bytes of its weights everywhere. int8 takes another eighth off there but changes
 * commas and words, so it must be asked for. In plain loops float32 is the fastest. */
static pst_precision automatic(const struct kernels *kernels) {
    int own = kernels->packed[PST_PRECISION_BF16] != kernels_reference.packed[PST_PRECISION_BF16];
    return own ? PST_PRECISION_BF16 : PST_PRECISION_F32;
}

pst_status precision_choose(pst_precision *precision, pst_precision wanted,
                            const struct kernels *kernels, pst_error *err) {
    if ((unsigned)wanted > PST_PRECISION_AUTO)
        return error_set(err, PST_ERR_ARGUMENT,
                         "precision is %d, expected one of enum pst_precision", (int)wanted);
    *precision = wanted == PST_PRECISION_AUTO ? automatic(kernels) : wanted;
    return PST_OK;
}
