/* op_slice.c - parts of a tensor: slices, pieces, and writing one into it. */
#include "coreml/ops/op.h"

/* One dimension of a slice: `count` elements from `begin` on, `step` apart. */
struct range {
    int64_t begin, step, count;
};

/* Python's x[begin:end:step] of n elements; an open end is told by its flag. */
static struct range python_range(int64_t n, int64_t begin, int64_t end, int64_t step,
                                 int open_begin, int open_end) {
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    if (begin < 0) begin += n;
    if (end < 0) end += n;
    begin = begin < low ? low : begin > high ? high : begin;
    end = end < low ? low : end > high ? high : end;
    if (open_begin) begin = step > 0 ? 0 : n - 1;
    if (open_end) end = step > 0 ? n : -1;
    int64_t span = step > 0 ? end - begin : begin - end, size = step > 0 ? step : -step;
    return (struct range){begin, step, span > 0 ? (span + size - 1) / size : 0};
}

struct slice {
    struct range ranges[MIL_RANK_MAX];
    int squeezed[MIL_RANK_MAX];
};

static pst_status read_slice(struct op_call *call, const struct mil_type *x, struct slice *slice) {
    int32_t begin[MIL_RANK_MAX], end[MIL_RANK_MAX], stride[MIL_RANK_MAX];
    int32_t begin_mask[MIL_RANK_MAX] = {0}, end_mask[MIL_RANK_MAX] = {0};
    int32_t squeeze_mask[MIL_RANK_MAX] = {0};
    for (uint32_t i = 0; i < x->rank; i++) stride[i] = 1;
    if (!op_argument(call, "begin") || !op_argument(call, "end"))
        return op_error(call, PST_ERR_MODEL, "needs begin and end");
    pst_status status = op_ints_of(call, "begin", x->rank, begin);
    if (status == PST_OK) status = op_ints_of(call, "end", x->rank, end);
    if (status == PST_OK) status = op_ints_of(call, "stride", x->rank, stride);
    if (status == PST_OK) status = op_ints_of(call, "begin_mask", x->rank, begin_mask);
    if (status == PST_OK) status = op_ints_of(call, "end_mask", x->rank, end_mask);
    if (status == PST_OK) status = op_ints_of(call, "squeeze_mask", x->rank, squeeze_mask);
    if (status) return status;
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t n = x->dims[i];
        slice->squeezed[i] = squeeze_mask[i] != 0;
        if (stride[i] == 0) return op_error(call, PST_ERR_MODEL, "has a stride of 0");
        if (!squeeze_mask[i]) {
            slice->ranges[i] =
                python_range(n, begin[i], end[i], stride[i], begin_mask[i], end_mask[i]);
            continue;
        }
        int64_t at = begin_mask[i] ? 0 : begin[i] < 0 ? begin[i] + n : begin[i];
        if (at < 0 || at >= n)
            return op_error(call, PST_ERR_MODEL, "begin %d is outside of dimension %u", begin[i],
                            i);
        slice->ranges[i] = (struct range){at, 1, 1};
    }
    return PST_OK;
}

/* The part of a tensor that a slice names. */
static struct place part_of(const struct mil_tensor *x, const struct range *ranges) {
    struct place place = place_of(x);
    for (uint32_t i = 0; i < x->type.rank; i++) {
        place.base += (ptrdiff_t)ranges[i].begin * place.strides[i];
        place.strides[i] *= (ptrdiff_t)ranges[i].step;
    }
    return place;
}

/* Result `index` is the part of x, without the squeezed dimensions. */
static pst_status take_part(struct op_call *call, size_t index, const struct mil_tensor *x,
                            const struct range *ranges, const int *squeezed) {
    struct mil_type type = {.dtype = x->type.dtype};
    struct place part = part_of(x, ranges), from = part;
    for (uint32_t i = 0; i < x->type.rank; i++) {
        if (squeezed && squeezed[i]) continue;
        from.strides[type.rank] = part.strides[i];
        type.dims[type.rank++] = ranges[i].count;
    }
    struct mil_tensor *y;
    pst_status status = op_output(call, index, &type, &y);
    if (status) return status;
    struct place to = place_of(y);
    move_block(type.rank, type.dims, &to, &from);
    return PST_OK;
}

static pst_status run_slice_by_index(struct op_call *call) {
    const struct mil_tensor *x;
    struct slice slice;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = read_slice(call, &x->type, &slice);
    return status ? status : take_part(call, 0, x, slice.ranges, slice.squeezed);
}

static pst_status run_slice_by_size(struct op_call *call) {
    const struct mil_tensor *x;
    int32_t begin[MIL_RANK_MAX] = {0}, size[MIL_RANK_MAX] = {0};
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_ints_of(call, "begin", x->type.rank, begin);
    if (status == PST_OK) status = op_ints_of(call, "size", x->type.rank, size);
    if (status) return status;
    if (!op_argument(call, "begin") || !op_argument(call, "size"))
        return op_error(call, PST_ERR_MODEL, "needs begin and size");
    struct range ranges[MIL_RANK_MAX];
    for (uint32_t i = 0; i < x->type.rank; i++) {
        int64_t n = x->type.dims[i], from = begin[i] < 0 ? begin[i] + n : begin[i];
        int64_t count = size[i] == -1 ? n - from : size[i];
        if (from < 0 || count < 0 || from > n || count > n - from)
            return op_error(call, PST_ERR_MODEL, "begin %d and size %d leave dimension %u of %lld",
                            begin[i], size[i], i, (long long)n);
        ranges[i] = (struct range){from, 1, count};
    }
    return take_part(call, 0, x, ranges, NULL);
}

/* x with `update` written into a slice of it. */
static pst_status run_slice_update(struct op_call *call) {
    const struct mil_tensor *x, *update;
    struct slice slice;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_tensor(call, "update", &update);
    if (status == PST_OK) status = read_slice(call, &x->type, &slice);
    if (status) return status;
    struct place whole = place_of(update), from = whole;
    int64_t dims[MIL_RANK_MAX];
    uint32_t next = 0;
    int fits = update->type.dtype == x->type.dtype;
    for (uint32_t i = 0; fits && i < x->type.rank; i++) {
        dims[i] = slice.ranges[i].count;
        from.strides[i] = 0;
        if (slice.squeezed[i]) continue;
        fits = next < update->type.rank && update->type.dims[next] == dims[i];
        from.strides[i] = whole.strides[next++];
    }
    if (!fits || next != update->type.rank)
        return op_error(call, PST_ERR_MODEL, "update has not the shape of the slice");
    status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    struct place to = part_of(&call->step->outputs[0]->tensor, slice.ranges);
    move_block(x->type.rank, dims, &to, &from);
    return PST_OK;
}

/* The sizes of the pieces along a dimension of n: given, or equal. */
static pst_status read_sizes(struct op_call *call, int64_t n, int32_t *sizes, size_t count) {
    int32_t pieces = (int32_t)count;
    pst_status status = op_int(call, "num_splits", &pieces);
    if (status) return status;
    for (size_t i = 0; i < count; i++) sizes[i] = (int32_t)(n / (int64_t)count);
    int given = op_argument(call, "split_sizes") != NULL;
    int found = (int)count;
    if (given) status = op_ints(call, "split_sizes", count, sizes, &found);
    if (status) return status;
    int64_t sum = 0;
    int fits = (size_t)found == count && (given || (size_t)pieces == count);
    for (size_t i = 0; i < count; i++) {
        fits = fits && sizes[i] >= 0;
        sum += sizes[i];
    }
    return fits && sum == n
               ? PST_OK
               : op_error(call, PST_ERR_MODEL, "the pieces do not add up to the dimension");
}

/* Pieces of one split; more would be no program's. */
enum { PIECES_MAX = 1024 };

static pst_status run_split(struct op_call *call) {
    const struct mil_tensor *x;
    uint32_t axis = UINT32_MAX;
    int32_t sizes[PIECES_MAX];
    size_t count = call->step->output_count;
    if (count == 0 || count > PIECES_MAX)
        return op_error(call, PST_ERR_UNSUPPORTED, "splits into %zu pieces", count);
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status == PST_OK) status = read_sizes(call, x->type.dims[axis], sizes, count);
    if (status) return status;
    struct range ranges[MIL_RANK_MAX];
    for (uint32_t i = 0; i < x->type.rank; i++) ranges[i] = (struct range){0, 1, x->type.dims[i]};
    for (size_t i = 0; i < count; i++) {
        ranges[axis].count = sizes[i];
        status = take_part(call, i, x, ranges, NULL);
        if (status) return status;
        ranges[axis].begin += sizes[i];
    }
    return PST_OK;
}

const struct op_entry op_slice_entries[] = {
    {"slice_by_index", run_slice_by_index, 0, 1},
    {"slice_by_size", run_slice_by_size, 0, 1},
    {"slice_update", run_slice_update, 0, 1},
    {"split", run_split, 0, 1},
    {0},
};
