/* op_shape.c - the same elements in another shape or order. */
#include <string.h>

#include "base/checked.h"
#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

static pst_status run_copy(struct op_call *call) {
    tensor_copy(op_result(call, 0), op_tensor(call, "x"));
    return PST_OK;
}

/* 0 in the shape keeps the dimension of x at its place, one -1 takes what is left. */
static int infer_reshape(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *shape = op_type(call, "shape");
    struct mil_type type = mil_type_open(x->dtype, shape->dims[0]);
    int64_t dims[OP_INTS_MAX];
    int count = op_ints(call, "shape", dims), open = -1, known = !mil_has_unknown(x);
    size_t total = mil_elements(x), product = 1;
    if (count < 0) return op_give(call, type);
    if (count > MIL_RANK_MAX) return op_refuse(call, "shape has %d elements", count);
    for (int i = 0; i < count; i++) {
        type.dims[i] = dims[i] == 0 && (uint32_t)count == x->rank ? x->dims[i] : dims[i];
        if (dims[i] < -1 || (dims[i] == -1 && open >= 0))
            return op_refuse(call, "shape has %lld at %d", (long long)dims[i], i);
        if (dims[i] == -1)
            open = i;
        else if (type.dims[i] < 0)
            known = 0;
        else if (!checked_mul(product, (size_t)type.dims[i], &product))
            return op_refuse(call, "shape has too many elements");
    }
    if (!known) return op_give(call, type);
    if (open >= 0 ? product == 0 || total % product != 0 : product != total)
        return op_refuse(call, "%zu elements cannot take a shape of %zu", total, product);
    if (open >= 0) type.dims[open] = (int64_t)(total / product);
    return op_give(call, type);
}

static int infer_expand_dims(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *axes = op_type(call, "axes");
    struct mil_type type = {.dtype = x->dtype};
    uint32_t from = 0;
    if (axes->dims[0] < 0 || x->rank + axes->dims[0] > MIL_RANK_MAX)
        return op_refuse(call, "it adds %lld axes", (long long)axes->dims[0]);
    type.rank = x->rank + (uint32_t)axes->dims[0];
    int bits = op_axes(call, type.rank);
    if (bits < 0) return 0;
    for (uint32_t i = 0; i < type.rank; i++)
        type.dims[i] = (bits >> i & 1) != 0 ? 1 : x->dims[from++];
    return op_give(call, type);
}

static int infer_squeeze(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type type = {.dtype = x->dtype};
    int all = op_count(call, "axes") == 0, bits = all ? 0 : op_axes(call, x->rank);
    if (bits < 0) return 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        int squeezed = (bits >> i & 1) != 0;
        if (squeezed && x->dims[i] >= 0 && x->dims[i] != 1)
            return op_refuse(call, "axis %u has %lld elements, expected 1", (unsigned)i,
                             (long long)x->dims[i]);
        if (!squeezed && !(all && x->dims[i] == 1)) type.dims[type.rank++] = x->dims[i];
    }
    return op_give(call, type);
}

/* The axis of x that becomes axis `i` of the result. */
static int source_axis(struct op_call *call, uint32_t i) {
    int64_t axis = 0;
    op_element(call, "perm", i, &axis);
    return op_axis_of(call, axis, op_type(call, "x")->rank);
}

static int infer_transpose(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type type = *x;
    int64_t perm[OP_INTS_MAX];
    int count = op_ints(call, "perm", perm);
    unsigned seen = 0;
    if (count != (int)x->rank)
        return op_refuse(call, "perm has %d elements for a tensor of rank %u", count,
                         (unsigned)x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        int axis = source_axis(call, i);
        if (axis < 0) return 0;
        if ((seen >> axis & 1) != 0) return op_refuse(call, "perm has axis %d twice", axis);
        seen |= 1u << axis;
        type.dims[i] = x->dims[axis];
    }
    return op_give(call, type);
}

static pst_status run_transpose(struct op_call *call) {
    struct mil_tensor *y = op_result(call, 0);
    struct place whole = place_of(op_tensor(call, "x")), from = whole, to = place_of(y);
    for (uint32_t i = 0; i < y->type.rank; i++)
        from.strides[i] = whole.strides[source_axis(call, i)];
    move_block(y->type.rank, y->type.dims, &to, &from);
    return PST_OK;
}

static int infer_shape(struct op_call *call) {
    return op_give(
        call, (struct mil_type){.dtype = MIL_I32, .rank = 1, .dims = {op_type(call, "x")->rank}});
}

static pst_status run_shape(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    for (uint32_t i = 0; i < x->rank; i++) y->i[i] = (int32_t)x->dims[i];
    return PST_OK;
}

const struct op_row op_shape_rows[] = {
    {"expand_dims", 6, "x A, axes! i1", infer_expand_dims, run_copy, 0, OP_MOVES},
    {"identity", 6, "x A", op_infer_same, run_copy, 0, OP_MOVES},
    {"reshape", 6, "x A, shape i1", infer_reshape, run_copy, 0, OP_MOVES},
    {"shape", 6, "x w", infer_shape, run_shape, 0, 0},
    {"squeeze", 6, "x A, axes?! i1", infer_squeeze, run_copy, 0, OP_MOVES},
    {"transpose", 6, "x A, perm! i1", infer_transpose, run_transpose, 0, OP_MOVES},
    {0},
};
