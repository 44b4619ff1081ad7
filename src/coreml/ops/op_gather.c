/* op_gather.c - elements by index. A negative index counts from the end; an index outside of the
 * axis is an error. */
#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

/* `index` into an axis of n, or -1. */
static int64_t place_in(int32_t index, size_t n) {
    int64_t place = index < 0 ? (int64_t)index + (int64_t)n : index;
    return place >= 0 && place < (int64_t)n ? place : -1;
}

static pst_status outside(struct op_call *call, int32_t index, size_t n) {
    return op_error(call, PST_ERR_MODEL, "index %d is outside of %zu", index, n);
}

static int infer_gather(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *indices = op_type(call, "indices");
    struct mil_type type = {.dtype = x->dtype};
    int64_t batch = op_int(call, "batch_dims", 0);
    int axis = op_axis(call, x->rank);
    if (axis < 0) return 0;
    if (batch < 0 || batch > axis || batch > (int64_t)indices->rank)
        return op_refuse(call, "batch_dims is %lld", (long long)batch);
    if (x->rank - 1 + indices->rank - batch > MIL_RANK_MAX)
        return op_refuse(call, "its result has too many axes");
    for (int i = 0; i < axis; i++) {
        if (i < batch && x->dims[i] >= 0 && indices->dims[i] >= 0 && x->dims[i] != indices->dims[i])
            return op_refuse(call, "x and indices differ along axis %d", i);
        type.dims[type.rank++] = x->dims[i];
    }
    for (uint32_t i = (uint32_t)batch; i < indices->rank; i++)
        type.dims[type.rank++] = indices->dims[i];
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++) type.dims[type.rank++] = x->dims[i];
    return op_give(call, type);
}

/* x [batch, outer, n, inner], indices [batch, count]: y [batch, outer, count, inner]. */
static pst_status run_gather(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *indices = op_tensor(call, "indices");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, x->type.rank);
    uint32_t batches = (uint32_t)op_int(call, "batch_dims", 0);
    size_t batch = span_of(&x->type, 0, batches), outer = span_of(&x->type, batches, axis);
    size_t inner = span_of(&x->type, axis + 1, x->type.rank), n = (size_t)x->type.dims[axis];
    size_t count = span_of(&indices->type, batches, indices->type.rank);
    for (size_t i = 0; i < batch * outer * count; i++) {
        size_t row = i / count, at = i % count;
        int32_t index = indices->i[row / outer * count + at];
        int64_t place = place_in(index, n);
        if (place < 0) return outside(call, index, n);
        tensor_move(y, i * inner, x, (row * n + (size_t)place) * inner, inner);
    }
    return PST_OK;
}

static int infer_gather_along_axis(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type type = *op_type(call, "indices"), other = *x;
    if (type.rank != x->rank)
        return op_refuse(call, "indices has rank %u, x %u", (unsigned)type.rank, (unsigned)x->rank);
    int axis = op_axis(call, x->rank);
    if (axis < 0) return 0;
    type.dtype = x->dtype;
    other.dims[axis] = type.dims[axis];
    if (!mil_types_agree(&type, &other))
        return op_refuse(call, "x and indices differ along another axis than %d", axis);
    return op_give(call, type);
}

static pst_status run_gather_along_axis(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *indices = op_tensor(call, "indices");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, x->type.rank);
    size_t inner = span_of(&y->type, axis + 1, y->type.rank), count = (size_t)y->type.dims[axis];
    size_t n = (size_t)x->type.dims[axis];
    for (size_t i = 0, total = mil_elements(&y->type); i < total; i++) {
        int64_t place = place_in(indices->i[i], n);
        if (place < 0) return outside(call, indices->i[i], n);
        tensor_move(y, i, x, (i / (inner * count) * n + (size_t)place) * inner + i % inner, 1);
    }
    return PST_OK;
}

const struct op_row op_gather_rows[] = {
    {"gather", 6, "x A, indices i, axis! i0, batch_dims! i0@7, validate_indices! b0@8",
     infer_gather, run_gather, 0, OP_MOVES},
    {"gather_along_axis", 6, "x A, indices i, axis! i0, validate_indices! b0@8",
     infer_gather_along_axis, run_gather_along_axis, 0, OP_MOVES},
    {0},
};
