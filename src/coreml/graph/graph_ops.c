/* graph_ops.c - operations with every parameter spelled out.
 *
 * Core ML takes nothing for granted that its own converter would have written, so defaults are
 * written too; the type of a result is what the operation makes of its arguments. */
#include <stdarg.h>
#include <string.h>

#include "coreml/graph/graph.h"

struct mil_value *graph_op(struct graph *g, const char *type, const char *name,
                           struct mil_type result, ...) {
    struct mil_op *op = mil_op_new(g->model, g->block, type);
    const char *parameter, *whole = mil_text(g->model, "%s%s", g->prefix, name);
    va_list list;
    va_start(list, result);
    while ((parameter = va_arg(list, const char *)) != NULL)
        mil_op_argument(g->model, op, parameter, va_arg(list, const struct mil_value *));
    va_end(list);
    return whole ? mil_op_output(g->model, op, whole, result) : NULL;
}

struct mil_value *graph_unary(struct graph *g, const char *type, const char *name,
                              const struct mil_value *x) {
    return x ? graph_op(g, type, name, x->type, "x", x, NULL) : NULL;
}

/* The shape two shapes broadcast to. */
static struct mil_type broadcast(struct mil_type a, struct mil_type b) {
    if (a.rank < b.rank) {
        struct mil_type swap = a;
        a = b;
        b = swap;
    }
    for (uint32_t i = 0; i < b.rank; i++) {
        int64_t *dim = &a.dims[a.rank - b.rank + i];
        if (*dim == 1) *dim = b.dims[i];
    }
    return a;
}

static int compares(const char *type) {
    static const char *const NAMES[] = {"less", "equal", "not_equal", "logical_and"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(type, NAMES[i]) == 0) return 1;
    return 0;
}

struct mil_value *graph_binary(struct graph *g, const char *type, const char *name,
                               const struct mil_value *x, const struct mil_value *y) {
    if (!x || !y) return NULL;
    struct mil_type result = broadcast(x->type, y->type);
    if (compares(type)) result.dtype = MIL_BOOL;
    return graph_op(g, type, name, result, "x", x, "y", y, NULL);
}

struct mil_value *graph_gelu(struct graph *g, const char *name, const struct mil_value *x) {
    if (!x) return NULL;
    struct mil_value *mode = graph_text(g, "EXACT");
    return graph_op(g, "gelu", name, x->type, "x", x, "mode", mode, NULL);
}

struct mil_value *graph_cast(struct graph *g, const char *name, const struct mil_value *x,
                             enum mil_dtype dtype) {
    if (!x) return NULL;
    struct mil_type type = x->type;
    struct mil_value *word = graph_text(g, mil_dtype_name(dtype));
    type.dtype = dtype;
    return graph_op(g, "cast", name, type, "x", x, "dtype", word, NULL);
}

struct mil_value *graph_reshape(struct graph *g, const char *name, const struct mil_value *x,
                                uint32_t rank, const int64_t *dims) {
    if (!x) return NULL;
    int32_t shape[MIL_RANK_MAX];
    for (uint32_t i = 0; i < rank; i++) shape[i] = (int32_t)dims[i];
    struct mil_value *to = graph_ints(g, shape, rank);
    return graph_op(g, "reshape", name, mil_type_of(x->type.dtype, rank, dims), "x", x, "shape", to,
                    NULL);
}

struct mil_value *graph_transpose(struct graph *g, const char *name, const struct mil_value *x,
                                  const int32_t *order) {
    if (!x) return NULL;
    struct mil_type from = x->type, to = from;
    for (uint32_t i = 0; i < from.rank; i++) to.dims[i] = from.dims[order[i]];
    struct mil_value *perm = graph_ints(g, order, from.rank);
    return graph_op(g, "transpose", name, to, "x", x, "perm", perm, NULL);
}

struct mil_value *graph_reduce(struct graph *g, const char *type, const char *name,
                               const struct mil_value *x, int32_t axis) {
    if (!x) return NULL;
    struct mil_type result = x->type;
    result.dims[axis] = 1;
    struct mil_value *axes = graph_ints(g, &axis, 1), *keep = graph_bool(g, 1);
    return graph_op(g, type, name, result, "x", x, "axes", axes, "keep_dims", keep, NULL);
}

struct mil_value *graph_concat(struct graph *g, const char *name,
                               const struct mil_value *const *values, size_t count, int32_t axis) {
    for (size_t i = 0; i < count; i++)
        if (!values[i]) return NULL;
    struct mil_type type = values[0]->type;
    for (size_t i = 1; i < count; i++) type.dims[axis] += values[i]->type.dims[axis];
    struct mil_value *at = graph_int(g, axis), *interleave = graph_bool(g, 0);
    struct mil_op *op = mil_op_new(g->model, g->block, "concat");
    mil_op_arguments(g->model, op, "values", values, count);
    mil_op_argument(g->model, op, "axis", at);
    mil_op_argument(g->model, op, "interleave", interleave);
    return mil_op_output(g->model, op, mil_text(g->model, "%s%s", g->prefix, name), type);
}

void graph_split(struct graph *g, const char *name, const struct mil_value *x, int32_t axis,
                 const int32_t *sizes, size_t count, struct mil_value **parts) {
    if (!x) return;
    struct mil_type type = x->type;
    struct mil_value *at = graph_int(g, axis), *cuts = graph_ints(g, sizes, count);
    struct mil_op *op = mil_op_new(g->model, g->block, "split");
    mil_op_argument(g->model, op, "x", x);
    mil_op_argument(g->model, op, "axis", at);
    mil_op_argument(g->model, op, "split_sizes", cuts);
    for (size_t i = 0; i < count; i++) {
        type.dims[axis] = sizes[i];
        parts[i] =
            mil_op_output(g->model, op, mil_text(g->model, "%s%s_%zu", g->prefix, name, i), type);
    }
}

struct mil_value *graph_cut(struct graph *g, const char *name, const struct mil_value *x,
                            int64_t first, int64_t count) {
    if (!x) return NULL;
    uint32_t axis = x->type.rank - 1;
    int32_t sizes[] = {(int32_t)first, (int32_t)count,
                       (int32_t)(x->type.dims[axis] - first - count)};
    const char *parts = mil_text(g->model, "%s_part", name);
    struct mil_value *cut[3] = {0};
    if (first == 0 && sizes[2] == 0) return graph_unary(g, "identity", name, x);
    if (first == 0) {
        graph_split(g, parts, x, (int32_t)axis, sizes + 1, 2, cut);
        return cut[0];
    }
    graph_split(g, parts, x, (int32_t)axis, sizes, sizes[2] ? 3 : 2, cut);
    return cut[1];
}

struct mil_value *graph_matmul(struct graph *g, const char *name, const struct mil_value *x,
                               const struct mil_value *y, int transpose_x, int transpose_y) {
    if (!x || !y) return NULL;
    struct mil_type type = x->type, other = y->type;
    uint32_t row = type.rank - 2, column = type.rank - 1;
    type.dims[row] = transpose_x ? type.dims[column] : type.dims[row];
    type.dims[column] = other.dims[transpose_y ? row : column];
    struct mil_value *tx = graph_bool(g, transpose_x), *ty = graph_bool(g, transpose_y);
    return graph_op(g, "matmul", name, type, "x", x, "y", y, "transpose_x", tx, "transpose_y", ty,
                    NULL);
}

struct mil_value *graph_softmax(struct graph *g, const char *name, const struct mil_value *x) {
    if (!x) return NULL;
    struct mil_value *axis = graph_int(g, -1);
    return graph_op(g, "softmax", name, x->type, "x", x, "axis", axis, NULL);
}

struct mil_value *graph_gather(struct graph *g, const char *name, const struct mil_value *table,
                               const struct mil_value *index) {
    if (!table || !index) return NULL;
    struct mil_type type = index->type;
    type.dtype = table->type.dtype;
    for (uint32_t i = 1; i < table->type.rank; i++) type.dims[type.rank++] = table->type.dims[i];
    struct mil_value *zero = graph_int(g, 0), *no = graph_bool(g, 0);
    return graph_op(g, "gather", name, type, "x", table, "indices", index, "axis", zero,
                    "batch_dims", g->specification >= GRAPH_IOS16 ? zero : NULL, "validate_indices",
                    g->specification >= GRAPH_IOS18 ? no : NULL, NULL);
}

struct mil_value *graph_pad(struct graph *g, const char *name, const struct mil_value *x,
                            int32_t before, int32_t behind, float filling) {
    if (!x) return NULL;
    struct mil_type type = x->type;
    int32_t amounts[2 * MIL_RANK_MAX] = {0};
    amounts[2 * type.rank - 2] = before;
    amounts[2 * type.rank - 1] = behind;
    type.dims[type.rank - 1] += before + behind;
    struct mil_value *pad = graph_ints(g, amounts, 2 * (size_t)type.rank);
    struct mil_value *mode = graph_text(g, "constant");
    struct mil_value *value = graph_float(g, filling == 0 ? "zero" : "filling", filling);
    return graph_op(g, "pad", name, type, "x", x, "pad", pad, "mode", mode, "constant_val", value,
                    NULL);
}

struct mil_value *graph_convolve(struct graph *g, const char *name, const struct mil_value *x,
                                 const struct mil_value *weight, const struct mil_value *bias,
                                 int32_t stride) {
    if (!x || !weight) return NULL;
    struct mil_type type = x->type;
    struct mil_value *strides = graph_ints(g, (int32_t[]){1, stride}, 2);
    struct mil_value *valid = graph_text(g, "valid"), *one = graph_int(g, 1);
    struct mil_value *pad = graph_ints(g, (int32_t[4]){0}, 4);
    struct mil_value *dilations = graph_ints(g, (int32_t[]){1, 1}, 2);
    type.dims[1] = weight->type.dims[0];
    type.dims[3] = (type.dims[3] - weight->type.dims[3]) / stride + 1;
    return graph_op(g, "conv", name, type, "x", x, "weight", weight, "bias", bias, "strides",
                    strides, "pad_type", valid, "pad", pad, "dilations", dilations, "groups", one,
                    NULL);
}

struct mil_value *graph_conv(struct graph *g, const char *name, const struct mil_value *x,
                             uint32_t slot, int32_t width, int32_t stride) {
    const struct stored_module *module = &g->stored->modules[slot];
    int64_t out = (int64_t)module->weight.rows, in = (int64_t)module->weight.columns / width;
    const char *weight_name = mil_text(g->model, "%s_weight", name);
    struct mil_value *weight =
        graph_stored(g, weight_name, &module->weight, SHAPE(out, in, 1, width));
    struct mil_value *bias = NULL;
    if (module->bias.data)
        bias = graph_stored(g, mil_text(g->model, "%s_bias", name), &module->bias, 1, &out);
    return graph_convolve(g, name, x, weight, bias, stride);
}
