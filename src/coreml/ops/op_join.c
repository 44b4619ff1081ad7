/* op_join.c - larger tensors from smaller ones: concat, stack, tile, pad. */
#include "coreml/ops/op.h"

/* The type of the values joined along `axis`; all other dimensions must agree. */
static pst_status join_type(struct op_call *call, const struct bound_argument *values,
                            uint32_t axis, struct mil_type *type) {
    *type = values->slots[0]->tensor.type;
    for (size_t i = 1; i < values->count; i++) {
        const struct mil_type *other = &values->slots[i]->tensor.type;
        int fits = other->rank == type->rank;
        for (uint32_t d = 0; fits && d < type->rank; d++)
            fits = d == axis || other->dims[d] == type->dims[d];
        if (!fits || __builtin_add_overflow(type->dims[axis], other->dims[axis], &type->dims[axis]))
            return op_error(call, PST_ERR_MODEL, "value %zu does not fit the first", i);
    }
    return PST_OK;
}

static pst_status run_concat(struct op_call *call) {
    const struct bound_argument *values;
    uint32_t axis = 0;
    int32_t interleave = 0;
    struct mil_type type;
    struct mil_tensor *y;
    pst_status status = op_values(call, &values);
    if (status == PST_OK) status = op_axis(call, "axis", values->slots[0]->tensor.type.rank, &axis);
    if (status == PST_OK) status = op_int(call, "interleave", &interleave);
    if (status == PST_OK) status = join_type(call, values, axis, &type);
    if (status == PST_OK) status = op_output(call, 0, &type, &y);
    if (status) return status;
    struct place to = place_of(y);
    ptrdiff_t step = to.strides[axis];
    for (size_t i = 0; i < values->count; i++) {
        const struct mil_tensor *x = &values->slots[i]->tensor;
        struct place from = place_of(x);
        if (interleave && x->type.dims[axis] != values->slots[0]->tensor.type.dims[axis])
            return op_error(call, PST_ERR_MODEL, "values to interleave differ in length");
        if (interleave) to.strides[axis] = step * (ptrdiff_t)values->count;
        move_block(x->type.rank, x->type.dims, &to, &from);
        to.base += interleave ? step : step * (ptrdiff_t)x->type.dims[axis];
    }
    return PST_OK;
}

static pst_status run_stack(struct op_call *call) {
    const struct bound_argument *values;
    uint32_t axis = 0;
    struct mil_tensor *y;
    pst_status status = op_values(call, &values);
    if (status) return status;
    struct mil_type each = values->slots[0]->tensor.type, type = each;
    if (each.rank + 1 > MIL_RANK_MAX)
        return op_error(call, PST_ERR_UNSUPPORTED, "gives more than %d dimensions", MIL_RANK_MAX);
    type.rank++;
    status = op_axis(call, "axis", type.rank, &axis);
    if (status) return status;
    for (uint32_t d = axis; d < each.rank; d++) type.dims[d + 1] = each.dims[d];
    type.dims[axis] = (int64_t)values->count;
    for (size_t i = 1; i < values->count; i++) {
        const struct mil_type *other = &values->slots[i]->tensor.type;
        int fits = other->rank == each.rank;
        for (uint32_t d = 0; fits && d < each.rank; d++) fits = other->dims[d] == each.dims[d];
        if (!fits) return op_error(call, PST_ERR_MODEL, "value %zu does not fit the first", i);
    }
    status = op_output(call, 0, &type, &y);
    if (status) return status;
    struct place whole = place_of(y), to = whole;
    for (uint32_t d = axis; d < each.rank; d++) to.strides[d] = whole.strides[d + 1];
    for (size_t i = 0; i < values->count; i++) {
        struct place from = place_of(&values->slots[i]->tensor);
        to.base = (ptrdiff_t)i * whole.strides[axis];
        move_block(each.rank, each.dims, &to, &from);
    }
    return PST_OK;
}

/* Each dimension repeated: a walk over twice the dimensions, the repetitions standing still in x. */
static pst_status run_tile(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    int32_t reps[MIL_RANK_MAX];
    pst_status status = op_tensor(call, "x", &x);
    if (status) return status;
    struct mil_type type = x->type;
    if (op_argument(call, "reps") == NULL) return op_error(call, PST_ERR_MODEL, "needs reps");
    status = op_ints_of(call, "reps", type.rank, reps);
    if (status) return status;
    for (uint32_t d = 0; d < type.rank; d++)
        if (reps[d] < 0 || __builtin_mul_overflow(type.dims[d], (int64_t)reps[d], &type.dims[d]))
            return op_error(call, PST_ERR_MODEL, "reps %d cannot be had", reps[d]);
    status = op_output(call, 0, &type, &y);
    size_t count = 0;
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    struct place from = place_of(x), whole = place_of(y);
    struct walk walk = {.rank = type.rank};
    for (uint32_t d = 0; d < type.rank; d++) {
        walk.dims[d] = (size_t)reps[d];
        walk.stride[0][d] = whole.strides[d] * (ptrdiff_t)x->type.dims[d];
    }
    do {
        struct place to = whole;
        to.base = walk.offset[0];
        move_block(type.rank, x->type.dims, &to, &from);
    } while (walk_next(&walk));
    return PST_OK;
}

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE };

/* Where element i of a padded dimension comes from, in a dimension of n; -1: from the constant. */
static int64_t pad_source(enum pad_mode mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    if (mode == PAD_CONSTANT) return -1;
    if (mode == PAD_REPLICATE) return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

static void pad_elements(struct mil_tensor *y, const struct mil_tensor *x, enum pad_mode mode,
                         const int32_t *before, const struct mil_tensor *constant) {
    struct walk walk = {.rank = y->type.rank};
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(&x->type, strides);
    for (uint32_t d = 0; d < walk.rank; d++) walk.dims[d] = (size_t)y->type.dims[d];
    size_t at = 0;
    do {
        ptrdiff_t from = 0;
        int inside = 1;
        for (uint32_t d = 0; d < walk.rank; d++) {
            int64_t i = pad_source(mode, (int64_t)walk.index[d] - before[d], x->type.dims[d]);
            inside = inside && i >= 0;
            from += (ptrdiff_t)i * strides[d];
        }
        if (y->f)
            y->f[at] = inside ? x->f[from] : constant ? constant->f[0] : 0;
        else
            y->i[at] = inside ? x->i[from] : constant ? constant->i[0] : 0;
        at++;
    } while (walk_next(&walk));
}

/* `pad` has two numbers for each of the last dimensions. */
static pst_status read_pad(struct op_call *call, enum pad_mode mode, struct mil_type *type,
                           int32_t *before) {
    int32_t pad[2 * MIL_RANK_MAX];
    int count;
    pst_status status = op_ints(call, "pad", 2 * MIL_RANK_MAX, pad, &count);
    if (status) return status;
    if (count < 0 || count % 2 || (uint32_t)count > 2 * type->rank)
        return op_error(call, PST_ERR_MODEL, "pad has %d numbers for rank %u", count, type->rank);
    uint32_t lead = type->rank - (uint32_t)count / 2;
    for (uint32_t d = 0; d < type->rank; d++) {
        const int32_t *both = d < lead ? NULL : pad + 2 * (d - lead);
        int64_t n = type->dims[d];
        before[d] = both ? both[0] : 0;
        int64_t after = both ? both[1] : 0, most = mode == PAD_REFLECT ? n - 1 : INT32_MAX;
        int needed = before[d] || after;
        if (before[d] < 0 || after < 0 || (needed && (before[d] > most || after > most)) ||
            (needed && mode != PAD_CONSTANT && n == 0))
            return op_error(call, PST_ERR_MODEL, "cannot pad dimension %u by %d and %lld", d,
                            before[d], (long long)after);
        type->dims[d] += before[d] + after;
    }
    return PST_OK;
}

static pst_status run_pad(struct op_call *call) {
    const struct mil_tensor *x, *constant = NULL;
    struct mil_tensor *y;
    int mode = PAD_CONSTANT;
    int32_t before[MIL_RANK_MAX] = {0};
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_choice(call, "mode", "constant|reflect|replicate", &mode);
    if (status) return status;
    if (mode == PAD_CONSTANT) status = op_optional(call, "constant_val", x->f != NULL, &constant);
    struct mil_type type = x->type;
    if (status == PST_OK) status = read_pad(call, (enum pad_mode)mode, &type, before);
    size_t count = 0, one = 1;
    if (status == PST_OK && constant && (!mil_type_count(&constant->type, &one) || one != 1))
        return op_error(call, PST_ERR_MODEL, "constant_val should be one number");
    if (status == PST_OK) status = op_output(call, 0, &type, &y);
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    pad_elements(y, x, (enum pad_mode)mode, before, constant);
    return PST_OK;
}

const struct op_entry op_join_entries[] = {
    {"concat", run_concat, 0, 1},
    {"stack", run_stack, 0, 1},
    {"tile", run_tile, 0, 1},
    {"pad", run_pad, 0, 0},
    {0},
};
