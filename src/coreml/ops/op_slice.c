/* op_slice.c - parts of a tensor: slices, pieces, and writing one into it. */
#include <string.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

/* One axis of a slice: `count` elements from `begin` on, `step` apart. */
struct range {
    int64_t begin, step, count;
};

/* The part of a tensor that a slice is. */
static struct place part_of(const struct mil_tensor *x, const struct range *ranges) {
    struct place place = place_of(x);
    for (uint32_t i = 0; i < x->type.rank; i++) {
        place.base += (ptrdiff_t)ranges[i].begin * place.strides[i];
        place.strides[i] *= (ptrdiff_t)ranges[i].step;
    }
    return place;
}

/* -------------------------------------------------------------------------- slices as in Python */

/* Python's x[begin:end:step] of `size` elements, with open ends by from_edge and to_edge. */
static struct range python_range(int64_t size, int64_t begin, int64_t end, int64_t step,
                                 int from_edge, int to_edge) {
    if (begin < 0) begin += size;
    if (end < 0) end += size;
    if (from_edge) begin = step > 0 ? 0 : size - 1;
    if (to_edge) end = step > 0 ? size : -1;
    if (end > size) end = size;
    if (begin < 0 || begin > size || end < -1) return (struct range){.step = step};
    if (step < 0 && begin == size) begin--;
    int64_t span = step > 0 ? end - begin : begin - end, stride = step > 0 ? step : -step;
    return (struct range){begin, step, span > 0 ? (span + stride - 1) / stride : 0};
}

/* The element of `name` for an axis; `missing` when the argument is not there. `*known` becomes 0
 * when it is not known yet. */
static int64_t element(const struct op_call *call, const char *name, uint32_t axis, int64_t missing,
                       int *known) {
    int64_t number = missing;
    if (op_count(call, name) != 0 && !op_element(call, name, axis, &number)) *known = 0;
    return number;
}

/* One axis of the slice that begin, end, stride and the masks describe. Its count is MIL_UNKNOWN
 * while numbers are not known. 0 with a reason. */
static int read_range(struct op_call *call, uint32_t axis, int64_t size, struct range *range,
                      int *squeezed) {
    int bounds = 1, masks = 1;
    int64_t begin = element(call, "begin", axis, 0, &bounds);
    int64_t end = element(call, "end", axis, 0, &bounds);
    int64_t step = element(call, "stride", axis, 1, &masks);
    int from_edge = element(call, "begin_mask", axis, 0, &masks) != 0;
    int to_edge = element(call, "end_mask", axis, 0, &masks) != 0;
    *squeezed = element(call, "squeeze_mask", axis, 0, &masks) != 0;
    int known = masks && size >= 0 && (bounds || (from_edge && to_edge));
    if (*squeezed) { /* an index */
        int64_t at = from_edge ? 0 : begin < 0 ? begin + size : begin;
        *range = (struct range){at, 1, 1};
        return !known || (at >= 0 && at < size) ||
               op_refuse(call, "begin %lld is outside of axis %u of %lld elements",
                         (long long)begin, (unsigned)axis, (long long)size);
    }
    if (step == 0) return op_refuse(call, "stride is 0 at axis %u", (unsigned)axis);
    *range = known ? python_range(size, begin, end, step, from_edge, to_edge)
                   : (struct range){.count = MIL_UNKNOWN};
    return range->count != 0 ||
           op_refuse(call, "axis %u has %lld elements, none from %lld to %lld", (unsigned)axis,
                     (long long)size, (long long)begin, (long long)end);
}

/* Every vector of a slice has an element per axis. */
static int check_vectors(struct op_call *call, uint32_t rank) {
    static const char *const names[] = {"begin",      "end",      "stride",
                                        "begin_mask", "end_mask", "squeeze_mask"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mil_type *type = op_type(call, names[i]);
        if (type != NULL && type->dims[0] >= 0 && type->dims[0] != (int64_t)rank)
            return op_refuse(call, "%s has %lld elements for a tensor of rank %u", names[i],
                             (long long)type->dims[0], (unsigned)rank);
    }
    return 1;
}

/* All axes of the slice of x; `shape` has those that are not squeezed. */
struct slice {
    struct range ranges[MIL_RANK_MAX];
    int squeezed[MIL_RANK_MAX];
    struct mil_type shape;
};

static int read_slice(struct op_call *call, struct slice *slice) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type *shape = &slice->shape;
    *slice = (struct slice){.shape.dtype = x->dtype};
    if (!check_vectors(call, x->rank)) return 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (!read_range(call, i, x->dims[i], &slice->ranges[i], &slice->squeezed[i])) return 0;
        if (!slice->squeezed[i]) shape->dims[shape->rank++] = slice->ranges[i].count;
    }
    return 1;
}

static int infer_slice_by_index(struct op_call *call) {
    struct slice slice;
    return read_slice(call, &slice) && op_give(call, slice.shape);
}

/* The slice of `x` as a place with the axes of its shape. */
static struct place slice_of(struct op_call *call, const struct mil_tensor *x) {
    struct slice slice;
    (void)read_slice(call, &slice);
    struct place part = part_of(x, slice.ranges);
    for (uint32_t i = 0, next = 0; i < x->type.rank; i++)
        if (!slice.squeezed[i]) part.strides[next++] = part.strides[i];
    return part;
}

static pst_status run_slice_by_index(struct op_call *call) {
    struct mil_tensor *y = op_result(call, 0);
    struct place from = slice_of(call, op_tensor(call, "x")), to = place_of(y);
    move_block(y->type.rank, y->type.dims, &to, &from);
    return PST_OK;
}

static int infer_slice_update(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *update = op_type(call, "update");
    struct slice slice;
    if (!check_vectors(call, x->rank)) return 0;
    if (update->rank == 0 || update->rank > x->rank)
        return op_refuse(call, "update has rank %u, x %u", (unsigned)update->rank,
                         (unsigned)x->rank);
    if (!read_slice(call, &slice)) return 0;
    if (!mil_types_agree(&slice.shape, update))
        return op_refuse(call, "update does not have the shape of the slice");
    return op_give(call, *x);
}

/* x with `update` written into a slice of it. */
static pst_status run_slice_update(struct op_call *call) {
    const struct mil_tensor *update = op_tensor(call, "update");
    struct mil_tensor *y = op_result(call, 0);
    struct place from = place_of(update), to = slice_of(call, y);
    tensor_copy(y, op_tensor(call, "x"));
    move_block(update->type.rank, update->type.dims, &to, &from);
    return PST_OK;
}

/* ------------------------------------------------------------------------------- slices by size */

static int infer_slice_by_size(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *length = op_type(call, "size");
    struct mil_type type = *x;
    if (!check_vectors(call, x->rank) ||
        (length->dims[0] >= 0 && length->dims[0] != (int64_t)x->rank))
        return op_refuse(call, "begin and size need %u elements", (unsigned)x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        int from = 1, sized = 1;
        int64_t begin = element(call, "begin", i, 0, &from);
        int64_t size = element(call, "size", i, 0, &sized);
        int64_t rest = !from || x->dims[i] < 0 ? MIL_UNKNOWN : x->dims[i] - begin;
        type.dims[i] = !sized ? MIL_UNKNOWN : size == -1 ? rest : size;
        if (sized && from && x->dims[i] >= 0 && (begin < 0 || size < -1 || size > rest || rest < 0))
            return op_refuse(call, "axis %u has %lld elements, not %lld from %lld on", (unsigned)i,
                             (long long)x->dims[i], (long long)size, (long long)begin);
    }
    return op_give(call, type);
}

static pst_status run_slice_by_size(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    struct range ranges[MIL_RANK_MAX];
    for (uint32_t i = 0; i < x->type.rank; i++) {
        ranges[i] = (struct range){0, 1, y->type.dims[i]};
        op_element(call, "begin", i, &ranges[i].begin);
    }
    struct place from = part_of(x, ranges), to = place_of(y);
    move_block(y->type.rank, y->type.dims, &to, &from);
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- split */

static int infer_split(struct op_call *call) {
    struct mil_type type = *op_type(call, "x");
    const struct mil_type *sizes = op_type(call, "split_sizes");
    int64_t parts = sizes != NULL ? sizes->dims[0] : op_int(call, "num_splits", 0), total = 0;
    int axis = op_axis(call, type.rank), known = 1;
    if (axis < 0) return 0;
    int64_t length = type.dims[axis];
    if (parts <= 0 || (size_t)parts != call->op->output_count)
        return op_refuse(call, "it has %zu outputs, expected %lld", call->op->output_count,
                         (long long)parts);
    if (sizes == NULL && length >= 0 && length % parts != 0)
        return op_refuse(call, "%lld elements cannot be split in %lld", (long long)length,
                         (long long)parts);
    for (int64_t i = 0; i < parts; i++) {
        int64_t size = length < 0 ? MIL_UNKNOWN : length / parts;
        if (sizes != NULL) {
            if (!op_element(call, "split_sizes", (size_t)i, &size)) known = 0;
            if (known && size < 0) return op_refuse(call, "split_sizes has %lld", (long long)size);
            total += size;
        }
        type.dims[axis] = known ? size : MIL_UNKNOWN;
        if (!op_give(call, type)) return 0;
    }
    if (sizes != NULL && known && length >= 0 && total != length)
        return op_refuse(call, "split_sizes is %lld in all, x has %lld", (long long)total,
                         (long long)length);
    return 1;
}

static pst_status run_split(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    uint32_t axis = (uint32_t)op_axis(call, x->type.rank);
    struct place from = place_of(x);
    for (size_t i = 0; i < call->op->output_count; i++) {
        struct mil_tensor *y = op_result(call, i);
        struct place to = place_of(y);
        move_block(y->type.rank, y->type.dims, &to, &from);
        from.base += (ptrdiff_t)y->type.dims[axis] * from.strides[axis];
    }
    return PST_OK;
}

#define MASKS "stride? i1, begin_mask? b1, end_mask? b1, squeeze_mask? b1"

const struct op_row op_slice_rows[] = {
    {"slice_by_index", 6, "x A, begin i1, end i1, " MASKS, infer_slice_by_index, run_slice_by_index,
     0, OP_MOVES},
    {"slice_by_size", 6, "x A, begin i1, size i1", infer_slice_by_size, run_slice_by_size, 0,
     OP_MOVES},
    {"slice_update", 9, "x A, update A, begin i1, end i1, " MASKS, infer_slice_update,
     run_slice_update, 0, OP_MOVES},
    {"split", 6, "x A, axis! i0, num_splits?! i0, split_sizes?! i1", infer_split, run_split, 0,
     OP_MOVES},
    {0},
};
