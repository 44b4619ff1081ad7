/* block_rotation.h - rotations of blocks of a module's inputs, for OFT and BOFT.
 *
 * A skew-symmetric matrix S gives a rotation by Cayley's formula, exactly or by the first terms of
 * its series:
 *
 *     Q = (I - S) (I + S)^-1           Q = I + 2 S + 2 S^2 + ... + S^n
 *
 * Rotating the inputs, W (x Q), is the same as rotating the weight, (W QT) x, which costs nothing
 * when the network runs. */
#ifndef PST_ADAPTER_METHODS_ROTATING_BLOCK_ROTATION_H
#define PST_ADAPTER_METHODS_ROTATING_BLOCK_ROTATION_H

#include "adapter/adapter_walk.h"

struct block_rotation {
    size_t size, count; /* count 1 and more blocks in the weight: one for all */
    double *blocks;     /* [count, size, size], from malloc(): S, then Q */
    int transposed;     /* W Q instead: an embedding's outputs are rotated */
};

/* Memory for blocks, zero. */
pst_status block_rotation_new(struct block_rotation *rotation, size_t size, size_t count,
                              pst_error *err);
void block_rotation_free(struct block_rotation *rotation);

/* Q for S, exactly (terms 0) or by PEFT's series of `terms`. */
pst_status block_rotation_cayley(struct block_rotation *rotation, size_t terms, pst_error *err);

/* weight [out, in], from change_new(): what rotating the inputs makes of the base's. */
void block_rotation_turn(const struct adapter_walk *walk, uint32_t slot,
                         const struct block_rotation *rotation, float *weight);

#endif
