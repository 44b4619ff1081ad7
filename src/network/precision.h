/* precision.h - which precision the products of a model are computed in. */
#ifndef PST_NETWORK_PRECISION_H
#define PST_NETWORK_PRECISION_H

#include "kernels/kernels.h"
#include "potstill.h"

/* "f32", "bf16", "int8" */
const char *precision_name(pst_precision precision);

/* Of the layers that int8 is too imprecise for, which then use bf16: the convolutions of the stem
 * and the attention of the decoder. Windows of convolutions overlap, so all rows and channels of a
 * block would share one scale, and the memory would be off by a third. With int8 in its attention
 * the decoder turned commas into points in clear speech; that attention is an eighth of the bytes
 * of a step. */
pst_precision precision_of_sensitive(pst_precision precision);

/* Of the encoder's layers and the keys and values of the memory. int8 models use bf16 for them
 * where the kernels have instructions for it: of the words of clear speech 1.8 % differed from
 * float32 with int8 in the encoder and 0.2 % without, which costs a tenth of the time of a
 * transcript (docs/PERFORMANCE.md). */
pst_precision precision_of_encoder(pst_precision precision, const struct kernels *kernels);

/* The precision that `wanted` means with these kernels; PST_ERR_ARGUMENT when it is not a
 * pst_precision. */
pst_status precision_choose(pst_precision *precision, pst_precision wanted,
                            const struct kernels *kernels, pst_error *err);

#endif
