/* adapted.h - the adapters in use, as the network meets them.
 *
 * effect.h has the formulas. Several adapters act one after the other in the order of use; each scale
 * is multiplied by the weight the caller gave. Where no adapter acts nothing here runs. */
#ifndef PST_NETWORK_ADAPTED_H
#define PST_NETWORK_ADAPTED_H

#include "network/workspace.h"

/* How much of a map changes. */
enum adapted {
    ADAPTED_NOT,
    ADAPTED_ADDS,  /* products are added to what the base gives, wherever that is added to */
    ADAPTED_SCALES /* what the base gives is scaled, and must be had alone first */
};

enum adapted adapted_by(const struct workspace *ws, uint32_t slot);

/* What stands for the base's tensor: the one that an adapter replaces it with, else `base`. */
const float *adapted_weight(const struct workspace *ws, uint32_t slot, const float *base);
const float *adapted_bias(const struct workspace *ws, uint32_t slot, const float *base);

/* A block of outputs of a map, as one task computes it. */
struct adapted_block {
    uint32_t slot;
    float *y; /* [rows, outs], rows y_stride apart */
    size_t y_stride;
    const float *x; /* [rows, in], rows x_stride apart */
    size_t x_stride, in;
    const float *bias;      /* [outs] or NULL, as added to y */
    size_t rows, first_out; /* outs from first_out on */
    size_t outs;
    const float *inner; /* [all_rows, rank] of the first adapter: A(x); the next one's follow */
    size_t first_row, all_rows;
};

/* Makes y = base(x) what the adapters make of it. `scratch` as for matmul(), `room` [2, outs]. */
void adapted_apply(const struct workspace *ws, const struct adapted_block *block, float *scratch,
                   float *room);

/* row [dim] = the embedding of `token`. */
void adapted_embed(const struct workspace *ws, uint32_t token, float *row);

#endif
