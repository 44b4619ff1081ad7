/* tensor_walk.h - walks over the elements of tensors by strides, and copies of whole parts.
 *
 * All elements have four bytes, so the same code moves floats and integers. */
#ifndef PST_COREML_OPS_TENSOR_WALK_H
#define PST_COREML_OPS_TENSOR_WALK_H

#include "coreml/mil/mil_tensor.h"

/* An index that runs over dims in row-major order, and its offsets in up to three tensors. */
struct walk {
    uint32_t rank;
    size_t dims[MIL_RANK_MAX], index[MIL_RANK_MAX];
    ptrdiff_t stride[3][MIL_RANK_MAX];
    ptrdiff_t offset[3];
};

/* A walk over a tensor of this type. Strides are 0 until they are set. */
struct walk walk_of(const struct mil_type *type);
/* Two walks that together go over a tensor: one along the axes in `bits`, one along the others. */
void walk_split(const struct mil_type *type, unsigned bits, struct walk *inner, struct walk *outer);
/* Steps that a walk makes. */
size_t walk_length(const struct walk *walk);
/* Advances; 0 at the end. */
int walk_next(struct walk *walk);

/* Strides of a dense tensor. */
void strides_of(const struct mil_type *type, ptrdiff_t *strides);
/* Product of dims [from, to). */
size_t span_of(const struct mil_type *type, uint32_t from, uint32_t to);
/* Strides of `from` seen with the shape `to` that it broadcasts to. */
void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides);

/* A part of a tensor: `strides` are counted in elements; 0 dimensions: one element. */
struct place {
    void *data;
    ptrdiff_t base;
    ptrdiff_t strides[MIL_RANK_MAX];
};
void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from);
/* The whole of a tensor as a place. */
struct place place_of(const struct mil_tensor *tensor);

/* Elements [from, from + count) of `x` to `y` [at, ...), both floats or both integers. */
void tensor_move(struct mil_tensor *y, size_t at, const struct mil_tensor *x, size_t from,
                 size_t count);
/* All of them. */
void tensor_copy(struct mil_tensor *y, const struct mil_tensor *x);
/* Every element of `y` becomes element 0 of `x`; NULL: zero. */
void tensor_fill(struct mil_tensor *y, const struct mil_tensor *x);

#endif
