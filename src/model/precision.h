/* precision.h - which precision the products of a model are computed in. */
#ifndef PST_MODEL_PRECISION_H
#define PST_MODEL_PRECISION_H

#include "kernels/kernels.h"
#include "potstill.h"

/* "f32", "bf16", "int8" */
const char *precision_name(enum precision precision);

/* What `wanted` is with this set of kernels; PST_ERR_ARGUMENT when it is no pst_precision. */
pst_status precision_choose(enum precision *precision, pst_precision wanted,
                            const struct kernels *kernels, pst_error *err);

#endif
