/* op_gather.c - elements by index, read and written. A negative index counts from the end; one outside
 * of the tensor ends the run with an error. */
#include "coreml/ops/op.h"

/* `index` into a dimension of n, or -1. */
static int64_t place_in(int32_t index, int64_t n) {
    int64_t place = index < 0 ? (int64_t)index + n : index;
    return place >= 0 && place < n ? place : -1;
}

static pst_status outside(struct op_call *call, int32_t index, int64_t n) {
    return op_error(call, PST_ERR_MODEL, "index %d is outside of %lld", index, (long long)n);
}

static void move_elements(struct mil_tensor *y, size_t to, const struct mil_tensor *x, size_t from,
                          size_t count) {
    if (y->f)
        memcpy(y->f + to, x->f + from, count * sizeof *y->f);
    else
        memcpy(y->i + to, x->i + from, count * sizeof *y->i);
}

/* x [batch, outer, n, inner], indices [batch, count]: y [batch, outer, count, inner]. */
static pst_status run_gather(struct op_call *call) {
    const struct mil_tensor *x, *indices;
    struct mil_tensor *y;
    uint32_t axis = 0;
    int32_t batch_dims = 0;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_integers(call, "indices", &indices);
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status == PST_OK) status = op_int(call, "batch_dims", &batch_dims);
    if (status) return status;
    uint32_t batches = (uint32_t)batch_dims;
    if (batch_dims < 0 || batches > axis || batches > indices->type.rank ||
        x->type.rank - 1 + indices->type.rank - batches > MIL_RANK_MAX)
        return op_error(call, PST_ERR_MODEL, "batch_dims %d does not fit", batch_dims);
    struct mil_type type = {.dtype = x->type.dtype};
    for (uint32_t d = 0; d < axis; d++) {
        if (d < batches && x->type.dims[d] != indices->type.dims[d])
            return op_error(call, PST_ERR_MODEL, "x and indices differ in dimension %u", d);
        type.dims[type.rank++] = x->type.dims[d];
    }
    for (uint32_t d = batches; d < indices->type.rank; d++)
        type.dims[type.rank++] = indices->type.dims[d];
    for (uint32_t d = axis + 1; d < x->type.rank; d++) type.dims[type.rank++] = x->type.dims[d];
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    size_t batch = span_of(&x->type, 0, batches), outer = span_of(&x->type, batches, axis);
    size_t inner = span_of(&x->type, axis + 1, x->type.rank), n = (size_t)x->type.dims[axis];
    size_t count = span_of(&indices->type, batches, indices->type.rank);
    if (inner == 0) return PST_OK;
    for (size_t i = 0; i < batch * outer * count; i++) {
        size_t row = i / count, at = i % count;
        int32_t index = indices->i[row / outer * count + at];
        int64_t place = place_in(index, (int64_t)n);
        if (place < 0) return outside(call, index, (int64_t)n);
        move_elements(y, i * inner, x, (row * n + (size_t)place) * inner, inner);
    }
    return PST_OK;
}

static int same_but(const struct mil_type *a, const struct mil_type *b, uint32_t axis) {
    int same = a->rank == b->rank;
    for (uint32_t d = 0; same && d < a->rank; d++) same = d == axis || a->dims[d] == b->dims[d];
    return same;
}

static pst_status run_gather_along_axis(struct op_call *call) {
    const struct mil_tensor *x, *indices;
    struct mil_tensor *y;
    uint32_t axis = 0;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_integers(call, "indices", &indices);
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status) return status;
    if (!same_but(&x->type, &indices->type, axis))
        return op_error(call, PST_ERR_MODEL, "x and indices do not fit each other");
    struct mil_type type = indices->type;
    type.dtype = x->type.dtype;
    status = op_output(call, 0, &type, &y);
    size_t total = 0;
    if (status || !mil_type_count(&type, &total)) return status;
    size_t inner = span_of(&type, axis + 1, type.rank), count = (size_t)type.dims[axis];
    size_t n = (size_t)x->type.dims[axis];
    for (size_t i = 0; i < total; i++) {
        int64_t place = place_in(indices->i[i], (int64_t)n);
        if (place < 0) return outside(call, indices->i[i], (int64_t)n);
        move_elements(y, i, x, (i / (inner * count) * n + (size_t)place) * inner + i % inner, 1);
    }
    return PST_OK;
}

/* The element that the `depth` indices at `index` name in the first dimensions of `type`, times the
 * elements behind it; 0: outside, told. */
static int locate(struct op_call *call, const struct mil_type *type, const int32_t *index,
                  uint32_t depth, size_t *at, pst_status *status) {
    size_t place = 0;
    for (uint32_t d = 0; d < depth; d++) {
        int64_t i = place_in(index[d], type->dims[d]);
        if (i < 0) {
            *status = outside(call, index[d], type->dims[d]);
            return 0;
        }
        place = place * (size_t)type->dims[d] + (size_t)i;
    }
    *at = place * span_of(type, depth, type->rank);
    return 1;
}

/* indices [..., depth] name slices of x by its first `depth` dimensions. */
static pst_status run_gather_nd(struct op_call *call) {
    const struct mil_tensor *x, *indices;
    struct mil_tensor *y;
    int32_t batch_dims = 0;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_integers(call, "indices", &indices);
    if (status == PST_OK) status = op_int(call, "batch_dims", &batch_dims);
    if (status) return status;
    if (batch_dims != 0)
        return op_error(call, PST_ERR_UNSUPPORTED, "has batch_dims %d", batch_dims);
    uint32_t lead = indices->type.rank;
    if (lead == 0 || indices->type.dims[lead - 1] > x->type.rank ||
        lead - 1 + x->type.rank > MIL_RANK_MAX)
        return op_error(call, PST_ERR_MODEL, "x and indices do not fit each other");
    uint32_t depth = (uint32_t)indices->type.dims[--lead];
    struct mil_type type = {.dtype = x->type.dtype};
    for (uint32_t d = 0; d < lead; d++) type.dims[type.rank++] = indices->type.dims[d];
    for (uint32_t d = depth; d < x->type.rank; d++) type.dims[type.rank++] = x->type.dims[d];
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    size_t count = span_of(&indices->type, 0, lead), size = span_of(&x->type, depth, x->type.rank);
    for (size_t i = 0; i < count && size; i++) {
        size_t from;
        if (!locate(call, &x->type, indices->i + i * depth, depth, &from, &status)) return status;
        move_elements(y, i * size, x, from, size);
    }
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- scattering */

enum scatter_mode { UPDATE, PLUS, MINUS, TIMES, OVER, MAX, MIN };

static const char scatter_modes[] = "update|add|sub|mul|div|max|min";

static void scatter_element(struct mil_tensor *y, size_t to, const struct mil_tensor *updates,
                            size_t from, enum scatter_mode mode) {
    float old = 0, new = 0;
    if (y->f) {
        old = y->f[to];
        new = updates->f[from];
    }
    int64_t was = y->f ? 0 : y->i[to], is = y->f ? 0 : updates->i[from];
    switch (mode) {
    case UPDATE: break;
    case PLUS: new = old + new, is = was + is; break;
    case MINUS: new = old - new, is = was - is; break;
    case TIMES: new = old *new, is = was *is; break;
    case OVER: new = old / new, is = is ? was / is : 0; break;
    case MAX: new = old > new ? old : new, is = was > is ? was : is; break;
    case MIN: new = old < new ? old : new, is = was < is ? was : is; break;
    }
    if (y->f)
        y->f[to] = new;
    else
        y->i[to] = (int32_t)(uint32_t)(uint64_t)is;
}

/* The arguments of every scatter; the result starts as a copy of data. */
struct scatter {
    const struct mil_tensor *data, *indices, *updates;
    struct mil_tensor *y;
    int mode;
    uint32_t axis;
};

static pst_status start_scatter(struct op_call *call, struct scatter *s) {
    s->mode = call->step->entry->variant;
    s->axis = 0;
    pst_status status = op_tensor(call, "data", &s->data);
    if (status == PST_OK) status = op_integers(call, "indices", &s->indices);
    if (status == PST_OK) status = op_tensor(call, "updates", &s->updates);
    if (status == PST_OK) status = op_axis(call, "axis", s->data->type.rank, &s->axis);
    if (status == PST_OK) status = op_choice(call, "mode", scatter_modes, &s->mode);
    if (status) return status;
    if (s->data->type.dtype != s->updates->type.dtype)
        return op_error(call, PST_ERR_MODEL, "data and updates are of different types");
    status = op_copy(call, 0, s->data, &s->data->type);
    s->y = &call->step->outputs[0]->tensor;
    return status;
}

/* indices [count]; updates as data, with `count` at the axis. */
static pst_status run_scatter(struct op_call *call) {
    struct scatter s;
    pst_status status = start_scatter(call, &s);
    if (status) return status;
    const struct mil_type *type = &s.data->type;
    uint32_t rank = s.indices->type.rank;
    if (rank != 1 || !same_but(type, &s.updates->type, s.axis) ||
        s.updates->type.dims[s.axis] != s.indices->type.dims[0])
        return op_error(call, PST_ERR_MODEL, "data, indices and updates do not fit each other");
    size_t inner = span_of(type, s.axis + 1, type->rank), outer = span_of(type, 0, s.axis);
    size_t n = (size_t)type->dims[s.axis], count = (size_t)s.indices->type.dims[0];
    for (size_t i = 0; i < outer * count; i++) {
        int32_t index = s.indices->i[i % count];
        int64_t place = place_in(index, (int64_t)n);
        if (place < 0) return outside(call, index, (int64_t)n);
        for (size_t j = 0; j < inner; j++)
            scatter_element(s.y, (i / count * n + (size_t)place) * inner + j, s.updates,
                            i * inner + j, (enum scatter_mode)s.mode);
    }
    return PST_OK;
}

static pst_status run_scatter_along_axis(struct op_call *call) {
    struct scatter s;
    pst_status status = start_scatter(call, &s);
    if (status) return status;
    const struct mil_type *type = &s.data->type, *by = &s.indices->type;
    if (!same_but(type, by, s.axis) || !same_but(by, &s.updates->type, UINT32_MAX))
        return op_error(call, PST_ERR_MODEL, "data, indices and updates do not fit each other");
    size_t total = 0, inner = span_of(by, s.axis + 1, by->rank), count = (size_t)by->dims[s.axis];
    size_t n = (size_t)type->dims[s.axis];
    (void)mil_type_count(by, &total);
    for (size_t i = 0; i < total; i++) {
        int64_t place = place_in(s.indices->i[i], (int64_t)n);
        if (place < 0) return outside(call, s.indices->i[i], (int64_t)n);
        scatter_element(s.y, (i / (inner * count) * n + (size_t)place) * inner + i % inner,
                        s.updates, i, (enum scatter_mode)s.mode);
    }
    return PST_OK;
}

/* indices [..., depth]; updates [..., the dimensions of data behind `depth`]. */
static pst_status run_scatter_nd(struct op_call *call) {
    struct scatter s;
    pst_status status = start_scatter(call, &s);
    if (status) return status;
    const struct mil_type *type = &s.data->type, *by = &s.indices->type, *from = &s.updates->type;
    uint32_t lead = by->rank ? by->rank - 1 : 0;
    int fits = by->rank > 0 && by->dims[lead] <= type->rank;
    uint32_t depth = fits ? (uint32_t)by->dims[lead] : 0;
    fits = fits && from->rank == lead + type->rank - depth;
    for (uint32_t d = 0; fits && d < from->rank; d++)
        fits = from->dims[d] == (d < lead ? by->dims[d] : type->dims[d - lead + depth]);
    if (!fits) return op_error(call, PST_ERR_MODEL, "data, indices and updates do not fit");
    size_t count = span_of(by, 0, lead), size = span_of(type, depth, type->rank);
    for (size_t i = 0; i < count && size; i++) {
        size_t to;
        if (!locate(call, type, s.indices->i + i * depth, depth, &to, &status)) return status;
        for (size_t j = 0; j < size; j++)
            scatter_element(s.y, to + j, s.updates, i * size + j, (enum scatter_mode)s.mode);
    }
    return PST_OK;
}

const struct op_entry op_gather_entries[] = {
    {"gather", run_gather, 0, 1},
    {"gather_along_axis", run_gather_along_axis, 0, 1},
    {"gather_nd", run_gather_nd, 0, 1},
    {"scatter", run_scatter, UPDATE, 0},
    {"scatter_along_axis", run_scatter_along_axis, UPDATE, 0},
    {"scatter_nd", run_scatter_nd, UPDATE, 0},
    {0},
};
