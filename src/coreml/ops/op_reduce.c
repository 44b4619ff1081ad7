/* op_reduce.c - sums, means and extremes over axes. Sums are in double and rounded once. */
#include <math.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

enum reduce { SUM, MEAN, SUM_SQUARE, MAX, MIN };

static int infer_reduce(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x");
    struct mil_type type = {.dtype = x->dtype};
    int bits = op_count(call, "axes") == 0 ? (1 << x->rank) - 1 : op_axes(call, x->rank);
    int keep = op_int(call, "keep_dims", 0) != 0;
    if (bits < 0) return 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((bits >> i & 1) == 0)
            type.dims[type.rank++] = x->dims[i];
        else if (keep)
            type.dims[type.rank++] = 1;
    }
    return op_give(call, type);
}

static void fold(enum reduce reduce, double *sum, double x, int first) {
    switch (reduce) {
    case SUM_SQUARE: *sum += x * x; break;
    case MAX: *sum = first || x > *sum || isnan(x) ? x : *sum; break;
    case MIN: *sum = first || x < *sum || isnan(x) ? x : *sum; break;
    default: *sum += x; break;
    }
}

/* The elements that `walk` visits from `at` on, of which there are `n`. */
static double reduce_one(enum reduce reduce, const struct mil_tensor *x, size_t at,
                         struct walk walk, size_t n) {
    double sum = 0;
    int first = 1;
    if (n == 0) return 0;
    do {
        size_t i = at + (size_t)walk.offset[0];
        fold(reduce, &sum, x->f ? (double)x->f[i] : x->i[i], first);
        first = 0;
    } while (walk_next(&walk));
    if (reduce != MEAN) return sum;
    return x->f ? sum / (double)n : floor(sum / (double)n);
}

/* Numbers beyond int32 become its nearest. */
static int32_t narrow(double x) {
    return x >= INT32_MAX ? INT32_MAX : x <= INT32_MIN || isnan(x) ? INT32_MIN : (int32_t)x;
}

static pst_status run_reduce(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    int all = op_count(call, "axes") == 0;
    struct walk inner, outer;
    walk_split(&x->type, all ? ~0u : (unsigned)op_axes(call, x->type.rank), &inner, &outer);
    size_t n = walk_length(&inner), done = 0;
    pst_status status = op_work(call, mil_elements(&y->type), n, 1);
    if (status) return status;
    do {
        double value =
            reduce_one((enum reduce)call->row->variant, x, (size_t)outer.offset[0], inner, n);
        if (y->f)
            y->f[done++] = (float)value;
        else
            y->i[done++] = narrow(value);
    } while (walk_next(&outer));
    return PST_OK;
}

static pst_status run_cumsum(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    uint32_t axis = (uint32_t)op_axis(call, x->type.rank);
    int exclusive = op_int(call, "exclusive", 0) != 0, reverse = op_int(call, "reverse", 0) != 0;
    size_t n = (size_t)x->type.dims[axis], inner = span_of(&x->type, axis + 1, x->type.rank);
    for (size_t line = 0, lines = span_of(&x->type, 0, axis) * inner; line < lines; line++) {
        double sum = 0;
        uint32_t whole = 0; /* wraps */
        for (size_t i = 0; i < n; i++) {
            size_t step = reverse ? n - 1 - i : i;
            size_t at = (line / inner * n + step) * inner + line % inner;
            double before = sum;
            uint32_t whole_before = whole;
            if (x->f) {
                sum += (double)x->f[at];
                y->f[at] = (float)(exclusive ? before : sum);
            } else {
                whole += (uint32_t)x->i[at];
                y->i[at] = (int32_t)(exclusive ? whole_before : whole);
            }
        }
    }
    return PST_OK;
}

#define AXES "x N, axes?! i1, keep_dims! b0"

const struct op_row op_reduce_rows[] = {
    {"cumsum", 6, "x N, axis! i0, exclusive! b0, reverse! b0", op_infer_along_axis, run_cumsum, 0,
     0},
    {"reduce_max", 6, AXES, infer_reduce, run_reduce, MAX, 0},
    {"reduce_mean", 6, AXES, infer_reduce, run_reduce, MEAN, 0},
    {"reduce_min", 6, AXES, infer_reduce, run_reduce, MIN, 0},
    {"reduce_sum", 6, AXES, infer_reduce, run_reduce, SUM, 0},
    {"reduce_sum_square", 6, AXES, infer_reduce, run_reduce, SUM_SQUARE, 0},
    {0},
};
