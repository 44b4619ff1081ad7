/* op_join.c - larger tensors from smaller ones: concat, stack, tile, pad. */
#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

/* -------------------------------------------------------------------------------- concat, stack */

static int infer_concat(struct op_call *call) {
    struct mil_type type = *op_type_at(call, "values", 0);
    int axis = op_axis(call, type.rank), interleave = op_int(call, "interleave", 0) != 0;
    char first[MIL_TYPE_TEXT_SIZE], other[MIL_TYPE_TEXT_SIZE];
    if (axis < 0) return 0;
    int64_t each = type.dims[axis];
    for (size_t i = 1; i < op_count(call, "values"); i++) {
        struct mil_type given = *op_type_at(call, "values", i), next = given;
        int64_t length = next.dims[axis];
        next.dims[axis] = type.dims[axis];
        if (!mil_types_agree(&type, &next))
            return op_refuse(call, "%s and %s do not fit together along axis %d",
                             mil_type_text(&type, first), mil_type_text(&given, other), axis);
        if (interleave && each >= 0 && length >= 0 && length != each)
            return op_refuse(call, "values of %lld and %lld elements cannot be interleaved",
                             (long long)each, (long long)length);
        for (int d = 0; d < (int)type.rank; d++) /* one value may know what another does not */
            if (type.dims[d] < 0 && d != axis) type.dims[d] = next.dims[d];
        type.dims[axis] =
            type.dims[axis] < 0 || length < 0 ? MIL_UNKNOWN : type.dims[axis] + length;
    }
    return op_give(call, type);
}

static pst_status run_concat(struct op_call *call) {
    size_t count = op_count(call, "values");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, y->type.rank);
    int interleave = op_int(call, "interleave", 0) != 0;
    struct place to = place_of(y);
    ptrdiff_t step = to.strides[axis];
    if (interleave) to.strides[axis] = step * (ptrdiff_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct mil_tensor *x = op_tensor_at(call, "values", i);
        struct place from = place_of(x);
        move_block(x->type.rank, x->type.dims, &to, &from);
        to.base += interleave ? step : step * (ptrdiff_t)x->type.dims[axis];
    }
    return PST_OK;
}

static int infer_stack(struct op_call *call) {
    struct mil_type one = *op_type_at(call, "values", 0), type = one;
    size_t count = op_count(call, "values");
    int axis = one.rank == MIL_RANK_MAX ? -1 : op_axis(call, one.rank + 1);
    if (axis < 0) return op_refuse(call, "the result does not have that axis");
    for (size_t i = 1; i < count; i++)
        if (!mil_types_agree(&one, op_type_at(call, "values", i)))
            return op_refuse(call, "value %zu has another shape than the first", i);
    type.rank++;
    for (int i = 0; i < (int)type.rank; i++)
        type.dims[i] = i == axis ? (int64_t)count : one.dims[i - (i > axis)];
    return op_give(call, type);
}

static pst_status run_stack(struct op_call *call) {
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, y->type.rank);
    struct place whole = place_of(y), to = whole;
    for (uint32_t d = axis; d + 1 < y->type.rank; d++) to.strides[d] = whole.strides[d + 1];
    for (size_t i = 0; i < op_count(call, "values"); i++) {
        const struct mil_tensor *x = op_tensor_at(call, "values", i);
        struct place from = place_of(x);
        to.base = (ptrdiff_t)i * whole.strides[axis];
        move_block(x->type.rank, x->type.dims, &to, &from);
    }
    return PST_OK;
}

/* ----------------------------------------------------------------------------------------- tile */

static int infer_tile(struct op_call *call) {
    struct mil_type type = *op_type(call, "x");
    int64_t reps[OP_INTS_MAX];
    int count = op_ints(call, "reps", reps);
    if (count >= 0 && count != (int)type.rank)
        return op_refuse(call, "reps has %d elements for a tensor of rank %u", count,
                         (unsigned)type.rank);
    for (uint32_t i = 0; i < type.rank; i++) {
        if (count >= 0 && reps[i] < 1)
            return op_refuse(call, "reps is %lld at axis %u", (long long)reps[i], (unsigned)i);
        type.dims[i] = count < 0 || type.dims[i] < 0 ? MIL_UNKNOWN : type.dims[i] * reps[i];
    }
    return op_give(call, type);
}

/* Writes x to every place of y that holds a copy of it. */
static pst_status run_tile(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    struct place from = place_of(x), whole = place_of(y);
    struct walk walk = {.rank = x->type.rank};
    for (uint32_t d = 0; d < walk.rank; d++) {
        walk.dims[d] = (size_t)(y->type.dims[d] / x->type.dims[d]);
        walk.stride[0][d] = whole.strides[d] * (ptrdiff_t)x->type.dims[d];
    }
    do {
        struct place to = whole;
        to.base = walk.offset[0];
        move_block(x->type.rank, x->type.dims, &to, &from);
    } while (walk_next(&walk));
    return PST_OK;
}

/* ------------------------------------------------------------------------------------------ pad */

enum pad_mode { CONSTANT, REFLECT, REPLICATE };

static const char pad_modes[] = "constant|reflect|replicate";

/* `pad` has two numbers for each of the last axes. */
static int infer_pad(struct op_call *call) {
    struct mil_type type = *op_type(call, "x");
    const struct mil_type *pad = op_type(call, "pad");
    int64_t ints[OP_INTS_MAX], pairs = pad->dims[0] / 2;
    int count = op_ints(call, "pad", ints), mode = op_choice(call, "mode", pad_modes);
    if (mode < 0) return 0;
    if (pad->dims[0] % 2 != 0 || pairs > (int64_t)type.rank)
        return op_refuse(call, "pad has %lld elements for a tensor of rank %u",
                         (long long)pad->dims[0], (unsigned)type.rank);
    for (int64_t i = 0; i < pairs; i++) {
        int64_t *size = &type.dims[type.rank - pairs + i], all = *size;
        int64_t before = count < 0 ? 0 : ints[2 * i], after = count < 0 ? 0 : ints[2 * i + 1];
        *size = count < 0 || all < 0 ? MIL_UNKNOWN : all + before + after;
        if (before < 0 || after < 0) return op_refuse(call, "pad is negative");
        if (all >= 0 && mode != CONSTANT && before + after > 0 &&
            (all == 0 || (mode == REFLECT && (before >= all || after >= all))))
            return op_refuse(call, "%lld elements cannot be padded by %lld and %lld",
                             (long long)all, (long long)before, (long long)after);
    }
    return op_give(call, type);
}

/* Where element i of a padded axis comes from, in an axis of n; -1: from the constant. */
static int64_t source_of(enum pad_mode mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (mode) {
    case REFLECT: return i < 0 ? -i : 2 * n - 2 - i;
    case REPLICATE: return i < 0 ? 0 : n - 1;
    default: return -1;
    }
}

static pst_status run_pad(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x"), *filler = op_tensor(call, "constant_val");
    struct mil_tensor *y = op_result(call, 0);
    enum pad_mode mode = (enum pad_mode)op_choice(call, "mode", pad_modes);
    struct walk walk = walk_of(&y->type);
    int64_t before[MIL_RANK_MAX] = {0}, pairs = op_type(call, "pad")->dims[0] / 2;
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(&x->type, strides);
    for (int64_t i = 0; i < pairs; i++)
        op_element(call, "pad", 2 * (size_t)i, &before[walk.rank - pairs + i]);
    size_t at = 0;
    do {
        int inside = 1;
        size_t from = 0;
        for (uint32_t d = 0; d < walk.rank; d++) {
            int64_t i = source_of(mode, (int64_t)walk.index[d] - before[d], x->type.dims[d]);
            inside = inside && i >= 0;
            if (inside) from += (size_t)(i * strides[d]);
        }
        tensor_move(y, at++, inside ? x : filler, inside ? from : 0, 1);
    } while (walk_next(&walk));
    return PST_OK;
}

const struct op_row op_join_rows[] = {
    {"concat", 6, "values A*, axis! i0, interleave! b0", infer_concat, run_concat, 0, OP_MOVES},
    {"pad", 6, "x N, pad i1, mode! s0, constant_val! N0", infer_pad, run_pad, 0, 0},
    {"stack", 6, "values A*, axis! i0", infer_stack, run_stack, 0, OP_MOVES},
    {"tile", 6, "x A, reps i1", infer_tile, run_tile, 0, OP_MOVES},
    {0},
};
