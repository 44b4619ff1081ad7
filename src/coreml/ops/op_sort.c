/* op_sort.c - argmax, argmin and top k. Of equal elements the first comes first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

static enum mil_dtype index_dtype(const struct op_call *call, const char *name) {
    return strcmp(op_text(call, name), "uint16") == 0 ? MIL_U16 : MIL_I32;
}

/* A tensor cut into lines along the argument `axis`. */
struct lines {
    const struct mil_tensor *x;
    size_t n, inner, count; /* of a line, between its elements, of lines */
};

static struct lines lines_of(struct op_call *call) {
    struct lines lines = {.x = op_tensor(call, "x")};
    const struct mil_type *type = &lines.x->type;
    uint32_t axis = (uint32_t)op_axis(call, type->rank);
    lines.n = (size_t)type->dims[axis];
    lines.inner = span_of(type, axis + 1, type->rank);
    lines.count = span_of(type, 0, axis) * lines.inner;
    return lines;
}

/* An element as double, which is exact for floats and integers. NaN ranks below all numbers. */
static double element(const struct lines *lines, size_t line, size_t i) {
    size_t at = (line / lines->inner * lines->n + i) * lines->inner + line % lines->inner;
    double value = lines->x->f ? (double)lines->x->f[at] : lines->x->i[at];
    return isnan(value) ? -INFINITY : value;
}

/* --------------------------------------------------------------------------------------- argmax */

enum { ARGMAX, ARGMIN };

static int infer_arg(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type type = {.dtype = index_dtype(call, "output_dtype")};
    int axis = op_axis(call, x->rank), keep = op_int(call, "keep_dims", 0) != 0;
    if (axis < 0) return 0;
    if (x->dims[axis] == 0) return op_refuse(call, "axis %d is empty", axis);
    for (int i = 0; i < (int)x->rank; i++)
        if (i != axis || keep) type.dims[type.rank++] = i == axis ? 1 : x->dims[i];
    return op_give(call, type);
}

static pst_status run_arg(struct op_call *call) {
    struct lines lines = lines_of(call);
    struct mil_tensor *y = op_result(call, 0);
    pst_status status = op_work(call, lines.count, lines.n, 1);
    if (status) return status;
    for (size_t line = 0; line < lines.count; line++) {
        size_t best = 0;
        double found = element(&lines, line, 0);
        for (size_t i = 1; i < lines.n; i++) {
            double value = element(&lines, line, i);
            if (call->row->variant == ARGMAX ? value <= found : value >= found) continue;
            found = value;
            best = i;
        }
        y->i[line] = (int32_t)best;
    }
    return PST_OK;
}

/* ---------------------------------------------------------------------------------------- top k */

static int infer_topk(struct op_call *call) {
    struct mil_type type = *op_type(call, "x");
    int axis = op_axis(call, type.rank);
    int64_t k = 0;
    int known = op_element(call, "k", 0, &k);
    if (axis < 0) return 0;
    if (known && k == -1) k = type.dims[axis]; /* all */
    if (known && (k < MIL_UNKNOWN || (type.dims[axis] >= 0 && k > type.dims[axis])))
        return op_refuse(call, "k is %lld of %lld", (long long)k, (long long)type.dims[axis]);
    type.dims[axis] = known ? k : MIL_UNKNOWN;
    if (!op_give(call, type)) return 0;
    if (call->specification >= 7 && op_int(call, "return_indices", 1) == 0) return 1;
    type.dtype = index_dtype(call, "output_indices_dtype");
    return op_give(call, type);
}

struct ranked {
    double value; /* of the other sign when small ones come first */
    size_t index;
};

static int falling(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    if (a->value > b->value) return -1;
    if (a->value < b->value) return 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* The first k of every line, sorted. */
static pst_status run_topk(struct op_call *call) {
    struct lines lines = lines_of(call);
    struct mil_tensor *values = op_result(call, 0);
    struct mil_tensor *indices = call->op->output_count > 1 ? op_result(call, 1) : NULL;
    double sign = op_int(call, "ascending", 0) != 0 ? -1 : 1;
    size_t bytes, k = mil_elements(&values->type) / lines.count;
    pst_status status = op_work(call, lines.count, lines.n, 16);
    if (status) return status;
    if (!checked_mul(lines.n, sizeof(struct ranked), &bytes))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    struct ranked *ranked = malloc(bytes);
    if (ranked == NULL) return error_memory(call->err, bytes);
    for (size_t line = 0; line < lines.count; line++) {
        for (size_t i = 0; i < lines.n; i++)
            ranked[i] = (struct ranked){sign * element(&lines, line, i), i};
        qsort(ranked, lines.n, sizeof *ranked, falling);
        for (size_t i = 0; i < k; i++) {
            size_t at = (line / lines.inner * k + i) * lines.inner + line % lines.inner;
            if (values->f) values->f[at] = (float)(sign * ranked[i].value);
            if (values->i) values->i[at] = (int32_t)(sign * ranked[i].value);
            if (indices) indices->i[at] = (int32_t)ranked[i].index;
        }
    }
    free(ranked);
    return PST_OK;
}

const struct op_row op_sort_rows[] = {
    {"reduce_argmax", 6, "x N, axis! i0, keep_dims! b0, output_dtype! s0@8", infer_arg, run_arg,
     ARGMAX, 0},
    {"reduce_argmin", 6, "x N, axis! i0, keep_dims! b0, output_dtype! s0@8", infer_arg, run_arg,
     ARGMIN, 0},
    {"topk", 6,
     "x N, k i0, axis! i0, ascending! b0, sort! b0@7, return_indices! b0@7, "
     "output_indices_dtype! s0@8",
     infer_topk, run_topk, 0, 0},
    {0},
};
