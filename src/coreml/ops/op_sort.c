/* op_sort.c - where the largest are: argmax, top k, sorting. Of equals the first comes first. */
#include <stdlib.h>

#include "coreml/ops/op.h"

/* An element of a line, as a number that sorts both classes of types exactly. */
struct ranked {
    double value;
    size_t index;
};

static int falling(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    if (a->value > b->value) return -1;
    if (a->value < b->value) return 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int rising(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    if (a->value < b->value) return -1;
    if (a->value > b->value) return 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* A tensor cut into lines along an axis. */
struct lines {
    const struct mil_tensor *x;
    uint32_t axis;
    size_t n, inner, count; /* of a line, between its elements, of lines */
};

static pst_status read_lines(struct op_call *call, struct lines *lines, uint32_t axis) {
    pst_status status = op_tensor(call, "x", &lines->x);
    if (status) return status;
    const struct mil_type *type = &lines->x->type;
    lines->axis = axis;
    status = op_axis(call, "axis", type->rank, &lines->axis);
    if (status) return status;
    lines->n = (size_t)type->dims[lines->axis];
    lines->inner = span_of(type, lines->axis + 1, type->rank);
    lines->count = span_of(type, 0, lines->axis) * lines->inner;
    return PST_OK;
}

/* NaN ranks below all numbers. */
static double element(const struct lines *lines, size_t line, size_t i) {
    size_t at = (line / lines->inner * lines->n + i) * lines->inner + line % lines->inner;
    double value = lines->x->f ? (double)lines->x->f[at] : lines->x->i[at];
    return isnan(value) ? -INFINITY : value;
}

/* Is `type` one that indices may have? */
static pst_status index_type(struct op_call *call, const char *name, enum mil_dtype *dtype) {
    int choice = 0;
    pst_status status = op_choice(call, name, "int32|uint16", &choice);
    *dtype = choice ? MIL_U16 : MIL_I32;
    return status;
}

enum { ARGMAX, ARGMIN };

static pst_status run_arg(struct op_call *call) {
    struct lines lines;
    struct mil_tensor *y;
    int32_t keep_dims = 0;
    enum mil_dtype dtype;
    pst_status status = read_lines(call, &lines, UINT32_MAX);
    if (status == PST_OK) status = op_int(call, "keep_dims", &keep_dims);
    if (status == PST_OK) status = index_type(call, "output_dtype", &dtype);
    if (status) return status;
    if (lines.n == 0) return op_error(call, PST_ERR_MODEL, "the axis is empty");
    struct mil_type type = {.dtype = dtype};
    for (uint32_t d = 0; d < lines.x->type.rank; d++)
        if (d != lines.axis || keep_dims)
            type.dims[type.rank++] = d == lines.axis ? 1 : lines.x->type.dims[d];
    status = op_output(call, 0, &type, &y);
    if (status == PST_OK) status = op_work(call, lines.count, lines.n, 1);
    if (status) return status;
    for (size_t line = 0; line < lines.count; line++) {
        size_t best = 0;
        double found = element(&lines, line, 0);
        for (size_t i = 1; i < lines.n; i++) {
            double value = element(&lines, line, i);
            if (call->step->entry->variant == ARGMAX ? value <= found : value >= found) continue;
            found = value;
            best = i;
        }
        y->i[line] = (int32_t)best;
    }
    return PST_OK;
}

/* Sorts every line and keeps the first k of it: values and indices, either of them may be NULL. */
static pst_status sort_lines(struct op_call *call, const struct lines *lines, size_t k,
                             int ascending, struct mil_tensor *values, struct mil_tensor *indices) {
    size_t bytes;
    pst_status status = op_work(call, lines->count, lines->n, 16);
    if (status) return status;
    if (!checked_mul(lines->n ? lines->n : 1, sizeof(struct ranked), &bytes))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    struct ranked *ranked = malloc(bytes);
    if (ranked == NULL) return error_memory(call->err, bytes);
    for (size_t line = 0; line < lines->count; line++) {
        for (size_t i = 0; i < lines->n; i++)
            ranked[i] = (struct ranked){element(lines, line, i), i};
        qsort(ranked, lines->n, sizeof *ranked, ascending ? rising : falling);
        for (size_t i = 0; i < k; i++) {
            size_t at = (line / lines->inner * k + i) * lines->inner + line % lines->inner;
            if (values && values->f) values->f[at] = (float)ranked[i].value;
            if (values && values->i) values->i[at] = (int32_t)ranked[i].value;
            if (indices) indices->i[at] = (int32_t)ranked[i].index;
        }
    }
    free(ranked);
    return PST_OK;
}

static pst_status run_topk(struct op_call *call) {
    struct lines lines;
    struct mil_tensor *values, *indices = NULL;
    int32_t k = 1, ascending = 0, with_indices = 1;
    enum mil_dtype dtype;
    pst_status status = read_lines(call, &lines, UINT32_MAX);
    if (status == PST_OK) status = op_int(call, "k", &k);
    if (status == PST_OK) status = op_int(call, "ascending", &ascending);
    if (status == PST_OK) status = op_int(call, "return_indices", &with_indices);
    if (status == PST_OK) status = index_type(call, "output_indices_dtype", &dtype);
    if (status) return status;
    if (k == -1 && lines.n <= INT32_MAX) k = (int32_t)lines.n;
    if (k < 0 || (size_t)k > lines.n)
        return op_error(call, PST_ERR_MODEL, "k is %d of %zu", k, lines.n);
    struct mil_type type = lines.x->type;
    type.dims[lines.axis] = k;
    status = op_output(call, 0, &type, &values);
    type.dtype = dtype;
    if (status == PST_OK && with_indices) status = op_output(call, 1, &type, &indices);
    if (status) return status;
    return sort_lines(call, &lines, (size_t)k, ascending, values, indices);
}

static pst_status run_argsort(struct op_call *call) {
    struct lines lines;
    struct mil_tensor *indices;
    int32_t ascending = 0;
    pst_status status = read_lines(call, &lines, UINT32_MAX);
    if (status == PST_OK) status = op_int(call, "ascending", &ascending);
    if (status) return status;
    struct mil_type type = lines.x->type;
    type.dtype = MIL_I32;
    status = op_output(call, 0, &type, &indices);
    if (status) return status;
    return sort_lines(call, &lines, lines.n, ascending, NULL, indices);
}

const struct op_entry op_sort_entries[] = {
    {"reduce_argmax", run_arg, ARGMAX, 0},
    {"reduce_argmin", run_arg, ARGMIN, 0},
    {"topk", run_topk, 0, 0},
    {"argsort", run_argsort, 0, 0},
    {0},
};
