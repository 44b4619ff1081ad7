/* op_shape.c - the same elements in another shape or order. */
#include "coreml/ops/op.h"

static pst_status run_identity(struct op_call *call) {
    const struct mil_tensor *x;
    pst_status status = op_tensor(call, "x", &x);
    return status ? status : op_copy(call, 0, x, &x->type);
}

/* 0 in the shape keeps the dimension of x at its place, one -1 takes what is left. */
static pst_status run_reshape(struct op_call *call) {
    const struct mil_tensor *x;
    int32_t shape[MIL_RANK_MAX];
    int rank, open = -1;
    size_t known = 1, count = 0;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_ints(call, "shape", MIL_RANK_MAX, shape, &rank);
    if (status) return status;
    (void)mil_type_count(&x->type, &count);
    struct mil_type type = {.dtype = x->type.dtype, .rank = rank > 0 ? (uint32_t)rank : 0};
    for (int i = 0; i < rank; i++) {
        type.dims[i] = shape[i];
        if (shape[i] == 0 && (uint32_t)rank == x->type.rank) type.dims[i] = x->type.dims[i];
        int second = type.dims[i] == -1 && open >= 0;
        if (type.dims[i] == -1) open = i;
        if (second || type.dims[i] < -1 ||
            (type.dims[i] >= 0 && !checked_mul(known, (size_t)type.dims[i], &known)))
            return op_error(call, PST_ERR_MODEL, "the shape cannot be had");
    }
    if (open >= 0) type.dims[open] = known ? (int64_t)(count / known) : 0;
    return op_copy(call, 0, x, &type);
}

static pst_status run_expand_dims(struct op_call *call) {
    const struct mil_tensor *x;
    int32_t axes[MIL_RANK_MAX];
    int count, flags[MIL_RANK_MAX] = {0};
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_ints(call, "axes", MIL_RANK_MAX, axes, &count);
    if (status) return status;
    if (count < 0 || x->type.rank + (uint32_t)count > MIL_RANK_MAX)
        return op_error(call, PST_ERR_UNSUPPORTED, "gives more than %d dimensions", MIL_RANK_MAX);
    struct mil_type type = {.dtype = x->type.dtype, .rank = x->type.rank + (uint32_t)count};
    for (int i = 0; i < count; i++) {
        int64_t place = axes[i] < 0 ? (int64_t)axes[i] + type.rank : axes[i];
        if (place < 0 || place >= type.rank || flags[place])
            return op_error(call, PST_ERR_MODEL, "axes has %d for rank %u", axes[i], type.rank);
        flags[place] = 1;
    }
    uint32_t next = 0;
    for (uint32_t i = 0; i < type.rank; i++) type.dims[i] = flags[i] ? 1 : x->type.dims[next++];
    return op_copy(call, 0, x, &type);
}

static pst_status run_squeeze(struct op_call *call) {
    const struct mil_tensor *x;
    int flags[MIL_RANK_MAX];
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axes(call, "axes", x->type.rank, flags);
    if (status) return status;
    int all = op_argument(call, "axes") == NULL;
    struct mil_type type = {.dtype = x->type.dtype};
    for (uint32_t i = 0; i < x->type.rank; i++) {
        if (flags[i] && !all && x->type.dims[i] != 1)
            return op_error(call, PST_ERR_MODEL, "dimension %u is not 1", i);
        if (!flags[i] || x->type.dims[i] != 1) type.dims[type.rank++] = x->type.dims[i];
    }
    return op_copy(call, 0, x, &type);
}

static pst_status run_flatten2d(struct op_call *call) {
    const struct mil_tensor *x;
    uint32_t axis = 1;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status) return status;
    struct mil_type type = {.dtype = x->type.dtype, .rank = 2};
    type.dims[0] = (int64_t)span_of(&x->type, 0, axis);
    type.dims[1] = (int64_t)span_of(&x->type, axis, x->type.rank);
    return op_copy(call, 0, x, &type);
}

static pst_status run_transpose(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    int32_t perm[MIL_RANK_MAX];
    int count, seen[MIL_RANK_MAX] = {0};
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_ints(call, "perm", MIL_RANK_MAX, perm, &count);
    if (status) return status;
    if (count < 0 || (uint32_t)count != x->type.rank)
        return op_error(call, PST_ERR_MODEL, "perm has not the rank of x");
    struct mil_type type = x->type;
    struct place from = place_of(x);
    ptrdiff_t strides[MIL_RANK_MAX] = {0};
    for (int i = 0; i < count; i++) {
        int place = perm[i] < 0 ? perm[i] + count : perm[i];
        if (place < 0 || place >= count || seen[place])
            return op_error(call, PST_ERR_MODEL, "perm is no permutation");
        seen[place] = 1;
        type.dims[i] = x->type.dims[place];
        strides[i] = from.strides[place];
    }
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    memcpy(from.strides, strides, sizeof strides);
    struct place to = place_of(y);
    move_block(type.rank, type.dims, &to, &from);
    return PST_OK;
}

static pst_status run_reverse(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    int flags[MIL_RANK_MAX];
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axes(call, "axes", x->type.rank, flags);
    if (status == PST_OK) status = op_output(call, 0, &x->type, &y);
    if (status) return status;
    struct place from = place_of(x), to = place_of(y);
    for (uint32_t i = 0; i < x->type.rank; i++) {
        if (!flags[i]) continue;
        from.base += (ptrdiff_t)(x->type.dims[i] - 1) * from.strides[i];
        from.strides[i] = -from.strides[i];
    }
    move_block(x->type.rank, x->type.dims, &to, &from);
    return PST_OK;
}

static pst_status run_shape(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    pst_status status = op_tensor(call, "x", &x);
    if (status) return status;
    struct mil_type type = {.dtype = MIL_I32, .rank = 1, .dims = {x->type.rank}};
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    for (uint32_t i = 0; i < x->type.rank; i++) {
        if (x->type.dims[i] > INT32_MAX)
            return op_error(call, PST_ERR_UNSUPPORTED, "a dimension is beyond 32 bits");
        y->i[i] = (int32_t)x->type.dims[i];
    }
    return PST_OK;
}

const struct op_entry op_shape_entries[] = {
    {"identity", run_identity, 0, 1},
    {"reshape", run_reshape, 0, 1},
    {"expand_dims", run_expand_dims, 0, 1},
    {"squeeze", run_squeeze, 0, 1},
    {"flatten2d", run_flatten2d, 0, 1},
    {"transpose", run_transpose, 0, 1},
    {"reverse", run_reverse, 0, 1},
    {"shape", run_shape, 0, 0},
    {0},
};
