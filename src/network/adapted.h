/* adapted.h - the adapters in use, as the network sees them.
 *
 * effect.h has the formulas. Several adapters act one after the other in the order of use; each
 * scale is multiplied by the weight the caller gave. Where no adapter acts nothing here runs. */
#ifndef PST_NETWORK_ADAPTED_H
#define PST_NETWORK_ADAPTED_H

#include "network/workspace.h"

/* How a module changes. */
enum adapted {
    ADAPTED_NOT,
    ADAPTED_ADDS,  /* products are added to the base's outputs, whatever those are added to */
    ADAPTED_SCALES /* the base's outputs are scaled: they must be computed aside */
};

enum adapted adapted_by(const struct workspace *ws, uint32_t slot);

/* The tensor that an adapter puts in the base's place, else `base`. */
const float *adapted_weight(const struct workspace *ws, uint32_t slot, const float *base);
/* What `norm` multiplies a normed row by. */
const float *adapted_norm(const struct workspace *ws, const struct norm *norm);
const float *adapted_bias(const struct workspace *ws, uint32_t slot, const float *base);

/* Some outputs of a module, as one task computes them. */
struct adapted_outputs {
    uint32_t slot;
    float *y; /* [rows, outs], rows y_stride apart: what the base gives */
    size_t y_stride;
    const float *x; /* [rows, in], rows x_stride apart */
    size_t x_stride, in;
    const float *bias;            /* [outs] or NULL, as added to y */
    size_t rows, first_out, outs; /* outputs first_out and on */
    const float *lora_a; /* A(x) [rows, rank] of the first adapter; the next one's follow */
    int as_many;         /* as in kernels.h */
};

/* Applies the adapters to the outputs of the base. */
void adapted_apply(const struct workspace *ws, const struct adapted_outputs *outputs,
                   struct scratch *scratch);

/* row [embed->in] = row `token` of an embedding, with the scratch of the calling thread. */
void adapted_embed(const struct workspace *ws, const struct linear *embed, uint32_t token,
                   float *row, struct scratch *scratch);

#endif
