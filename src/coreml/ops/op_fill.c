/* op_fill.c - tensors from numbers: fill, ranges, one-hot vectors, bands. */
#include "coreml/ops/op.h"

static void fill(struct mil_tensor *y, const struct mil_tensor *value) {
    size_t count = 0;
    (void)mil_type_count(&y->type, &count);
    for (size_t i = 0; i < count; i++) {
        if (y->f)
            y->f[i] = value ? value->f[0] : 0;
        else
            y->i[i] = value ? value->i[0] : 0;
    }
}

/* A scalar argument of any type, or NULL. */
static pst_status number(struct op_call *call, const char *name, const struct mil_tensor **value) {
    size_t count = 1;
    *value = NULL;
    if (op_argument(call, name) == NULL) return PST_OK;
    pst_status status = op_tensor(call, name, value);
    if (status == PST_OK && (!mil_type_count(&(*value)->type, &count) || count != 1))
        return op_error(call, PST_ERR_MODEL, "%s should be one number", name);
    return status;
}

enum { FILL, FILL_LIKE };

static pst_status run_fill(struct op_call *call) {
    const struct mil_tensor *value, *like;
    struct mil_tensor *y;
    struct mil_type type = {.dtype = MIL_F32};
    int32_t shape[MIL_RANK_MAX];
    int rank = 0;
    pst_status status = number(call, "value", &value);
    if (status) return status;
    if (call->step->entry->variant == FILL_LIKE) {
        status = op_tensor(call, "ref_tensor", &like);
        if (status == PST_OK) type = like->type;
    } else {
        status = op_ints(call, "shape", MIL_RANK_MAX, shape, &rank);
    }
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) return op_error(call, PST_ERR_MODEL, "shape has %d", shape[i]);
        type.dims[type.rank++] = shape[i];
    }
    if (value) type.dtype = value->type.dtype;
    if (status == PST_OK) status = op_output(call, 0, &type, &y);
    if (status == PST_OK) fill(y, value);
    return status;
}

/* Elements of start, start + step, ... before end; -1: there is no end to them. */
static double range_length(double start, double end, double step) {
    double length = ceil((end - start) / step);
    return step == 0 || !(length < 1e15) ? -1 : length < 0 ? 0 : length;
}

static pst_status run_range(struct op_call *call) {
    const struct mil_tensor *start, *end, *step;
    struct mil_tensor *y;
    pst_status status = number(call, "start", &start);
    if (status == PST_OK) status = number(call, "end", &end);
    if (status == PST_OK) status = number(call, "step", &step);
    if (status) return status;
    if (!start || !end || !step || start->type.dtype != end->type.dtype ||
        start->type.dtype != step->type.dtype)
        return op_error(call, PST_ERR_MODEL, "needs start, end and step of one type");
    double length = start->f
                        ? range_length((double)start->f[0], (double)end->f[0], (double)step->f[0])
                        : range_length(start->i[0], end->i[0], step->i[0]);
    if (length < 0) return op_error(call, PST_ERR_MODEL, "the range has no end");
    struct mil_type type = {.dtype = start->type.dtype, .rank = 1, .dims = {(int64_t)length}};
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    for (int64_t i = 0; i < type.dims[0]; i++) {
        if (y->f && start->f && step->f)
            y->f[i] = (float)((double)start->f[0] + (double)i * (double)step->f[0]);
        else if (y->i && start->i && step->i)
            y->i[i] = (int32_t)(start->i[0] + i * step->i[0]);
    }
    return PST_OK;
}

static pst_status run_one_hot(struct op_call *call) {
    const struct mil_tensor *indices, *on, *off;
    struct mil_tensor *y;
    int32_t size = -1;
    uint32_t axis = UINT32_MAX;
    pst_status status = op_integers(call, "indices", &indices);
    if (status == PST_OK) status = op_int(call, "one_hot_vector_size", &size);
    if (status == PST_OK) status = number(call, "on_value", &on);
    if (status == PST_OK) status = number(call, "off_value", &off);
    if (status) return status;
    struct mil_type type = indices->type;
    if (size < 0 || type.rank + 1 > MIL_RANK_MAX ||
        (on && off && on->type.dtype != off->type.dtype))
        return op_error(call, PST_ERR_MODEL, "cannot be made");
    status = op_axis(call, "axis", ++type.rank, &axis);
    if (status) return status;
    for (uint32_t d = type.rank - 1; d > axis; d--) type.dims[d] = type.dims[d - 1];
    type.dims[axis] = size;
    type.dtype = on ? on->type.dtype : off ? off->type.dtype : MIL_I32;
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    fill(y, off);
    size_t outer = span_of(&type, 0, axis), inner = span_of(&type, axis + 1, type.rank);
    for (size_t i = 0; i < outer * inner; i++) {
        int64_t hot = indices->i[i] < 0 ? (int64_t)indices->i[i] + size : indices->i[i];
        if (hot < 0 || hot >= size) continue;
        size_t at = (i / inner * (size_t)size + (size_t)hot) * inner + i % inner;
        if (y->f)
            y->f[at] = on ? on->f[0] : 1;
        else
            y->i[at] = on ? on->i[0] : 1;
    }
    return PST_OK;
}

/* Zero outside of a band about the diagonal of the last two dimensions. */
static pst_status run_band_part(struct op_call *call) {
    const struct mil_tensor *x;
    int32_t lower = -1, upper = -1;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_int(call, "lower", &lower);
    if (status == PST_OK) status = op_int(call, "upper", &upper);
    if (status == PST_OK) status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    if (x->type.rank < 2) return op_error(call, PST_ERR_MODEL, "x should be a matrix");
    struct mil_tensor *y = &call->step->outputs[0]->tensor;
    size_t count = 0;
    (void)mil_type_count(&x->type, &count);
    int64_t rows = x->type.dims[x->type.rank - 2], cols = x->type.dims[x->type.rank - 1];
    for (size_t i = 0; i < count; i++) {
        int64_t row = (int64_t)i / cols % rows, col = (int64_t)i % cols;
        if ((lower < 0 || row - col <= lower) && (upper < 0 || col - row <= upper)) continue;
        if (y->f)
            y->f[i] = 0;
        else
            y->i[i] = 0;
    }
    return PST_OK;
}

const struct op_entry op_fill_entries[] = {
    {"fill", run_fill, FILL, 0},        {"fill_like", run_fill, FILL_LIKE, 0},
    {"range_1d", run_range, 0, 0},      {"one_hot", run_one_hot, 0, 0},
    {"band_part", run_band_part, 0, 0}, {0},
};
