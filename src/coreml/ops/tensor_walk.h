/* tensor_walk.h - walks over the elements of tensors by their strides, and moves of whole parts. */
#ifndef PST_COREML_OPS_TENSOR_WALK_H
#define PST_COREML_OPS_TENSOR_WALK_H

#include "coreml/mil/mil_tensor.h"

/* An index that runs over dims in row-major order, with an offset in each of up to three tensors. */
struct walk {
    uint32_t rank;
    size_t dims[MIL_RANK_MAX], index[MIL_RANK_MAX];
    ptrdiff_t stride[3][MIL_RANK_MAX];
    ptrdiff_t offset[3];
};

/* Advances; 0 at the end. */
int walk_next(struct walk *walk);

/* Strides of a dense tensor. */
void strides_of(const struct mil_type *type, ptrdiff_t *strides);
/* Product of dims [from, to). */
size_t span_of(const struct mil_type *type, uint32_t from, uint32_t to);
/* The shape that two shapes broadcast to; 0: they do not. */
int broadcast_type(const struct mil_type *a, const struct mil_type *b, struct mil_type *type);
/* Strides of `from` seen with the shape `to` that it broadcasts to. */
void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides);

/* Elements of either class are of four bytes, so that moving them is one code. `strides` are counted in
 * elements, over dims [rank]; 0 dimensions: one element. */
struct place {
    void *data;
    ptrdiff_t base;
    ptrdiff_t strides[MIL_RANK_MAX];
};
void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from);
/* The whole of a tensor as a place. */
struct place place_of(const struct mil_tensor *tensor);

#endif
