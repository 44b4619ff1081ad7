/* graph_ops.c - operations with every parameter spelled out.
 *
 * Core ML takes nothing for granted that its own converter would have written, so defaults are
 * written too; the type of a result is what the operation makes of its arguments. */
#include <stdio.h>
#include <string.h>

#include "coreml/graph/graph.h"

static struct mil_op *begin(struct graph *g, const char *type, const struct mil_value *x) {
    struct mil_op *op = mil_op_new(g->model, g->block, type);
    mil_op_argument(g->model, op, "x", x);
    return op;
}

static struct mil_value *end(struct graph *g, struct mil_op *op, const char *name,
                             struct mil_type type) {
    const char *whole = mil_text(g->model, "%s%s", g->prefix, name);
    return whole ? mil_op_output(g->model, op, whole, type) : NULL;
}

struct mil_value *graph_unary(struct graph *g, const char *type, const char *name,
                              const struct mil_value *x) {
    return x ? end(g, begin(g, type, x), name, x->type) : NULL;
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
    struct mil_op *op = begin(g, type, x);
    mil_op_argument(g->model, op, "y", y);
    struct mil_type result = broadcast(x->type, y->type);
    if (compares(type)) result.dtype = MIL_BOOL;
    return end(g, op, name, result);
}

struct mil_value *graph_gelu(struct graph *g, const char *name, const struct mil_value *x) {
    if (!x) return NULL;
    struct mil_value *mode = graph_text(g, "EXACT"); /* what an operation uses comes before it */
    struct mil_op *op = begin(g, "gelu", x);
    mil_op_argument(g->model, op, "mode", mode);
    return end(g, op, name, x->type);
}

struct mil_value *graph_cast(struct graph *g, const char *name, const struct mil_value *x,
                             enum mil_dtype dtype) {
    if (!x) return NULL;
    struct mil_type type = x->type;
    const char *word = dtype == MIL_F16 ? "fp16" : dtype == MIL_F32 ? "fp32" : "int32";
    struct mil_value *text = graph_text(g, word);
    struct mil_op *op = begin(g, "cast", x);
    mil_op_argument(g->model, op, "dtype", text);
    type.dtype = dtype;
    return end(g, op, name, type);
}

struct mil_value *graph_reshape(struct graph *g, const char *name, const struct mil_value *x,
                                uint32_t rank, const int64_t *dims) {
    if (!x) return NULL;
    int32_t shape[MIL_RANK_MAX];
    for (uint32_t i = 0; i < rank; i++) shape[i] = (int32_t)dims[i];
    struct mil_value *to = graph_ints(g, shape, rank);
    struct mil_op *op = begin(g, "reshape", x);
    mil_op_argument(g->model, op, "shape", to);
    return end(g, op, name, mil_type_of(x->type.dtype, rank, dims));
}

struct mil_value *graph_transpose(struct graph *g, const char *name, const struct mil_value *x,
                                  const int32_t *order) {
    if (!x) return NULL;
    struct mil_type from = x->type, to = from;
    for (uint32_t i = 0; i < from.rank; i++) to.dims[i] = from.dims[order[i]];
    struct mil_value *perm = graph_ints(g, order, from.rank);
    struct mil_op *op = begin(g, "transpose", x);
    mil_op_argument(g->model, op, "perm", perm);
    return end(g, op, name, to);
}

struct mil_value *graph_reduce(struct graph *g, const char *type, const char *name,
                               const struct mil_value *x, int32_t axis) {
    if (!x) return NULL;
    struct mil_type result = x->type;
    result.dims[axis] = 1;
    struct mil_value *axes = graph_ints(g, &axis, 1), *keep = graph_bool(g, 1);
    struct mil_op *op = begin(g, type, x);
    mil_op_argument(g->model, op, "axes", axes);
    mil_op_argument(g->model, op, "keep_dims", keep);
    return end(g, op, name, result);
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
    return end(g, op, name, type);
}

void graph_split(struct graph *g, const char *name, const struct mil_value *x, int32_t axis,
                 const int32_t *sizes, size_t count, struct mil_value **parts) {
    if (!x) return;
    struct mil_type type = x->type;
    struct mil_value *at = graph_int(g, axis), *cuts = graph_ints(g, sizes, count);
    struct mil_op *op = begin(g, "split", x);
    mil_op_argument(g->model, op, "axis", at);
    mil_op_argument(g->model, op, "split_sizes", cuts);
    for (size_t i = 0; i < count; i++) {
        type.dims[axis] = sizes[i];
        parts[i] = end(g, op, mil_text(g->model, "%s_%zu", name, i), type);
    }
}

struct mil_value *graph_matmul(struct graph *g, const char *name, const struct mil_value *x,
                               const struct mil_value *y, int transpose_x, int transpose_y) {
    if (!x || !y) return NULL;
    struct mil_type type = x->type, other = y->type;
    uint32_t row = type.rank - 2, column = type.rank - 1;
    type.dims[row] = transpose_x ? type.dims[column] : type.dims[row];
    type.dims[column] = other.dims[transpose_y ? row : column];
    struct mil_value *tx = graph_bool(g, transpose_x), *ty = graph_bool(g, transpose_y);
    struct mil_op *op = begin(g, "matmul", x);
    mil_op_argument(g->model, op, "y", y);
    mil_op_argument(g->model, op, "transpose_x", tx);
    mil_op_argument(g->model, op, "transpose_y", ty);
    return end(g, op, name, type);
}

struct mil_value *graph_softmax(struct graph *g, const char *name, const struct mil_value *x) {
    if (!x) return NULL;
    struct mil_value *axis = graph_int(g, -1);
    struct mil_op *op = begin(g, "softmax", x);
    mil_op_argument(g->model, op, "axis", axis);
    return end(g, op, name, x->type);
}

struct mil_value *graph_gather(struct graph *g, const char *name, const struct mil_value *table,
                               const struct mil_value *index) {
    if (!table || !index) return NULL;
    struct mil_type type = table->type, of_index = index->type;
    int64_t dims[MIL_RANK_MAX] = {1, 1, type.dims[1]};
    struct mil_value *zero = graph_int(g, 0), *no = graph_bool(g, 0);
    struct mil_op *op = begin(g, "gather", table);
    mil_op_argument(g->model, op, "indices", index);
    mil_op_argument(g->model, op, "axis", zero);
    if (g->specification >= GRAPH_IOS16) mil_op_argument(g->model, op, "batch_dims", zero);
    if (g->specification >= GRAPH_IOS18) mil_op_argument(g->model, op, "validate_indices", no);
    if (of_index.rank == 1) return end(g, op, name, mil_type_of(type.dtype, 2, dims + 1));
    return end(g, op, name, mil_type_of(type.dtype, 3, dims));
}

struct mil_value *graph_pad(struct graph *g, const char *name, const struct mil_value *x,
                            int32_t zeros) {
    if (!x) return NULL;
    struct mil_type type = x->type;
    int32_t amounts[2 * MIL_RANK_MAX] = {0};
    amounts[2 * type.rank - 1] = zeros;
    type.dims[type.rank - 1] += zeros;
    struct mil_value *pad = graph_ints(g, amounts, 2 * (size_t)type.rank);
    struct mil_value *mode = graph_text(g, "constant"), *zero = graph_float(g, "zero", 0);
    struct mil_op *op = begin(g, "pad", x);
    mil_op_argument(g->model, op, "pad", pad);
    mil_op_argument(g->model, op, "mode", mode);
    mil_op_argument(g->model, op, "constant_val", zero);
    return end(g, op, name, type);
}

struct mil_value *graph_conv(struct graph *g, const char *name, const struct mil_value *x,
                             uint32_t slot, int32_t width, int32_t stride) {
    if (!x) return NULL;
    const struct stored_module *module = &g->stored->modules[slot];
    struct mil_type type = x->type;
    int64_t out = (int64_t)module->weight.rows, in = (int64_t)module->weight.columns / width;
    const char *weight_name = mil_text(g->model, "%s_weight", name);
    struct mil_value *weight =
        graph_stored(g, weight_name, &module->weight, SHAPE(out, in, 1, width));
    struct mil_value *bias = NULL;
    if (module->bias.data)
        bias = graph_stored(g, mil_text(g->model, "%s_bias", name), &module->bias, 1, &out);
    struct mil_value *strides = graph_ints(g, (int32_t[]){1, stride}, 2);
    struct mil_value *valid = graph_text(g, "valid"), *one = graph_int(g, 1);
    struct mil_value *pad = graph_ints(g, (int32_t[4]){0}, 4);
    struct mil_value *dilations = graph_ints(g, (int32_t[]){1, 1}, 2);
    struct mil_op *op = begin(g, "conv", x);
    mil_op_argument(g->model, op, "weight", weight);
    if (bias) mil_op_argument(g->model, op, "bias", bias);
    mil_op_argument(g->model, op, "strides", strides);
    mil_op_argument(g->model, op, "pad_type", valid);
    mil_op_argument(g->model, op, "pad", pad);
    mil_op_argument(g->model, op, "dilations", dilations);
    mil_op_argument(g->model, op, "groups", one);
    type.dims[1] = out;
    type.dims[3] = (type.dims[3] - width) / stride + 1;
    return end(g, op, name, type);
}
