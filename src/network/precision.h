/* precision.h - which precision the products of a model are computed in. */
#ifndef PST_NETWORK_PRECISION_H
#define PST_NETWORK_PRECISION_H

#include "kernels/kernels.h"
#include "potstill.h"

/* "f32", "bf16", "int8" */
const char *precision_name(enum precision precision);

/* What int8 is too coarse for has bf16: the convolutions of the stem and the attention of the decoder.
 * Windows of convolutions overlap, so one scale would serve all rows and channels of a block, and the
 * memory would be off by a third. The attention of the decoder turned commas to points in clear speech; it
 * is an eighth of the bytes of a step. */
enum precision precision_of_fine_maps(enum precision precision);

/* Of the encoder's layers and the keys and values of the memory, in a model of `precision`. int8 takes bf16
 * for them where the processor has it: of the words of clear speech 1.8 % differed from float32 with int8
 * there and 0.2 % without, for a tenth of the time of a transcript (docs/PERFORMANCE.md). */
enum precision precision_of_encoder(enum precision precision, const struct kernels *kernels);

/* What `wanted` is with this set of kernels; PST_ERR_ARGUMENT when it is no pst_precision. */
pst_status precision_choose(enum precision *precision, pst_precision wanted,
                            const struct kernels *kernels, pst_error *err);

#endif
