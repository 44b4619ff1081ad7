/* op_fill.c - tensors from numbers: fill, ranges, one-hot vectors, bands. */
#include <math.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

static int infer_fill(struct op_call *call) {
    const struct mil_type *shape = op_type(call, "shape");
    struct mil_type type = mil_type_open(op_type(call, "value")->dtype, shape->dims[0]);
    int64_t dims[OP_INTS_MAX];
    int count = op_ints(call, "shape", dims);
    if (count > MIL_RANK_MAX) return op_refuse(call, "shape has %d elements", count);
    for (int i = 0; i < count; i++) {
        if (dims[i] < 0) return op_refuse(call, "shape has %lld", (long long)dims[i]);
        type.dims[i] = dims[i];
    }
    return op_give(call, type);
}

static pst_status run_fill(struct op_call *call) {
    tensor_fill(op_result(call, 0), op_tensor(call, "value"));
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- range */

/* A scalar of any number type; 0: it is not known yet. */
static int number(const struct op_call *call, const char *name, double *value) {
    int64_t integer;
    if (call->step != NULL && mil_is_float(op_type(call, name)->dtype)) {
        *value = (double)op_float(call, name, 0);
        return 1;
    }
    if (!op_element(call, name, 0, &integer)) return 0;
    *value = (double)integer;
    return 1;
}

/* start, start + step, ... before end */
static int infer_range(struct op_call *call) {
    struct mil_type type = {.dtype = op_type(call, "end")->dtype, .rank = 1, .dims = {MIL_UNKNOWN}};
    double start, end, step;
    if (!number(call, "start", &start) || !number(call, "end", &end) ||
        !number(call, "step", &step))
        return op_give(call, type);
    double length = ceil((end - start) / step);
    if (step == 0 || !(length <= MIL_DIMENSION_MAX)) return op_refuse(call, "the range has no end");
    type.dims[0] = length > 0 ? (int64_t)length : 0;
    return op_give(call, type);
}

static pst_status run_range(struct op_call *call) {
    struct mil_tensor *y = op_result(call, 0);
    double start = 0, step = 0;
    number(call, "start", &start);
    number(call, "step", &step);
    for (int64_t i = 0; i < y->type.dims[0]; i++) {
        double value = start + (double)i * step; /* exact for integers of 32 bits */
        if (y->f)
            y->f[i] = (float)value;
        else
            y->i[i] = (int32_t)value;
    }
    return PST_OK;
}

/* -------------------------------------------------------------------------------------- one hot */

static int infer_one_hot(struct op_call *call) {
    const struct mil_type *indices = op_type(call, "indices");
    struct mil_type type = {.dtype = op_type(call, "on_value")->dtype, .rank = indices->rank + 1};
    int64_t size = MIL_UNKNOWN;
    int known = op_element(call, "one_hot_vector_size", 0, &size);
    int axis = type.rank > MIL_RANK_MAX ? -1 : op_axis(call, type.rank), from = 0;
    if (axis < 0) return op_refuse(call, "the result does not have that axis");
    if (known && size < 0) return op_refuse(call, "one_hot_vector_size is %lld", (long long)size);
    for (int i = 0; i < (int)type.rank; i++)
        type.dims[i] = i == axis ? size : indices->dims[from++];
    return op_give(call, type);
}

static pst_status run_one_hot(struct op_call *call) {
    const struct mil_tensor *indices = op_tensor(call, "indices");
    const struct mil_tensor *on = op_tensor(call, "on_value");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, y->type.rank);
    int64_t size = y->type.dims[axis];
    size_t outer = span_of(&y->type, 0, axis), inner = span_of(&y->type, axis + 1, y->type.rank);
    tensor_fill(y, op_tensor(call, "off_value"));
    for (size_t i = 0; i < outer * inner; i++) {
        int64_t hot = indices->i[i] < 0 ? (int64_t)indices->i[i] + size : indices->i[i];
        if (hot >= 0 && hot < size)
            tensor_move(y, (i / inner * (size_t)size + (size_t)hot) * inner + i % inner, on, 0, 1);
    }
    return PST_OK;
}

/* ----------------------------------------------------------------------------------------- band */

static int infer_band_part(struct op_call *call) {
    uint32_t rank = op_type(call, "x")->rank;
    if (rank < 2) return op_refuse(call, "x has rank %u, expected 2 or more", (unsigned)rank);
    return op_infer_same(call);
}

/* Zero outside of a band about the diagonal of the last two dimensions. */
static pst_status run_band_part(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    int64_t lower = op_int(call, "lower", -1), upper = op_int(call, "upper", -1);
    int64_t rows = y->type.dims[y->type.rank - 2], cols = y->type.dims[y->type.rank - 1];
    tensor_fill(y, NULL);
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) {
        int64_t row = (int64_t)i / cols % rows, col = (int64_t)i % cols;
        if ((lower < 0 || row - col <= lower) && (upper < 0 || col - row <= upper))
            tensor_move(y, i, x, i, 1);
    }
    return PST_OK;
}

const struct op_row op_fill_rows[] = {
    {"band_part", 6, "x N, lower! i0, upper! i0", infer_band_part, run_band_part, 0, 0},
    {"fill", 6, "shape i1, value! A0", infer_fill, run_fill, 0, 0},
    {"one_hot", 6, "indices i, one_hot_vector_size i0, axis! i0, on_value! A0, off_value! A0",
     infer_one_hot, run_one_hot, 0, 0},
    {"range_1d", 6, "end N0, start N0, step N0", infer_range, run_range, 0, 0},
    {0},
};
