/* op_reduce.c - many elements to one: sums and their like over axes. Sums are in double and rounded
 * once. */
#include <stdlib.h>

#include "coreml/ops/op.h"

enum reduce { SUM, MEAN, SUM_SQUARE, L1, L2, LOG_SUM, LOG_SUM_EXP, PROD, MAX, MIN };

static void fold(enum reduce reduce, double *sum, double x, int first) {
    switch (reduce) {
    case SUM_SQUARE:
    case L2: *sum += x * x; break;
    case L1: *sum += fabs(x); break;
    case PROD: *sum = first ? x : *sum * x; break;
    case MAX: *sum = first || x > *sum || isnan(x) ? x : *sum; break;
    case MIN: *sum = first || x < *sum || isnan(x) ? x : *sum; break;
    default: *sum += x; break;
    }
}

/* The elements that `walk` visits from `at` on, of which there are `n`. */
static double reduce_one(enum reduce reduce, const struct mil_tensor *x, size_t at,
                         struct walk walk, size_t n) {
    double sum = 0, largest = 0;
    if (n == 0) return reduce == PROD ? 1 : 0;
    if (reduce == LOG_SUM_EXP) {
        largest = reduce_one(MAX, x, at, walk, n);
        if (isinf(largest)) return largest;
    }
    int first = 1;
    do {
        size_t i = at + (size_t)walk.offset[0];
        double value = x->f ? (double)x->f[i] : x->i[i];
        fold(reduce, &sum, reduce == LOG_SUM_EXP ? exp(value - largest) : value, first);
        first = 0;
    } while (walk_next(&walk));
    switch (reduce) {
    case MEAN: return x->f ? sum / (double)n : floor(sum / (double)n);
    case L2: return sqrt(sum);
    case LOG_SUM: return log(sum);
    case LOG_SUM_EXP: return largest + log(sum);
    default: return sum;
    }
}

/* Numbers beyond int32 become its nearest. */
static int32_t narrow(double x) {
    return x >= INT32_MAX ? INT32_MAX : x <= INT32_MIN || isnan(x) ? INT32_MIN : (int32_t)x;
}

struct job {
    enum reduce reduce;
    const struct mil_tensor *x;
    struct mil_tensor *y;
    struct walk inner, outer;
    size_t n;
};

static pst_status run_reduce(struct op_call *call) {
    const struct mil_tensor *x;
    int32_t keep_dims = 0;
    int flags[MIL_RANK_MAX];
    struct job job = {.reduce = (enum reduce)call->step->entry->variant, .n = 1};
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axes(call, "axes", x->type.rank, flags);
    if (status == PST_OK) status = op_int(call, "keep_dims", &keep_dims);
    if (status) return status;
    struct mil_type type = {.dtype = x->type.dtype};
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(&x->type, strides);
    for (uint32_t d = 0; d < x->type.rank; d++) {
        struct walk *walk = flags[d] ? &job.inner : &job.outer;
        walk->dims[walk->rank] = (size_t)x->type.dims[d];
        walk->stride[0][walk->rank++] = strides[d];
        if (flags[d])
            job.n *= (size_t)x->type.dims[d];
        else
            type.dims[type.rank++] = x->type.dims[d];
        if (flags[d] && keep_dims) type.dims[type.rank++] = 1;
    }
    status = op_output(call, 0, &type, &job.y);
    size_t count = 0, done = 0;
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    status = op_work(call, count, job.n, 1);
    if (status) return status;
    do {
        double value = reduce_one(job.reduce, x, (size_t)job.outer.offset[0], job.inner, job.n);
        if (job.y->f)
            job.y->f[done++] = (float)value;
        else
            job.y->i[done++] = narrow(value);
    } while (walk_next(&job.outer));
    return PST_OK;
}

static pst_status run_cumsum(struct op_call *call) {
    const struct mil_tensor *x;
    uint32_t axis = 0;
    int32_t exclusive = 0, reverse = 0;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status == PST_OK) status = op_int(call, "exclusive", &exclusive);
    if (status == PST_OK) status = op_int(call, "reverse", &reverse);
    if (status == PST_OK) status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    struct mil_tensor *y = &call->step->outputs[0]->tensor;
    size_t n = (size_t)x->type.dims[axis], inner = span_of(&x->type, axis + 1, x->type.rank);
    size_t lines = n ? span_of(&x->type, 0, axis) * inner : 0;
    for (size_t line = 0; line < lines; line++) {
        double sum = 0;
        uint32_t whole = 0;
        for (size_t i = 0; i < n; i++) {
            size_t step = reverse ? n - 1 - i : i;
            size_t at = (line / inner * n + step) * inner + line % inner;
            if (x->f) {
                if (exclusive) y->f[at] = (float)sum;
                sum += (double)x->f[at];
                if (!exclusive) y->f[at] = (float)sum;
            } else {
                if (exclusive) y->i[at] = (int32_t)whole;
                whole += (uint32_t)x->i[at];
                if (!exclusive) y->i[at] = (int32_t)whole;
            }
        }
    }
    return PST_OK;
}

const struct op_entry op_reduce_entries[] = {
    {"reduce_sum", run_reduce, SUM, 0},
    {"reduce_mean", run_reduce, MEAN, 0},
    {"reduce_sum_square", run_reduce, SUM_SQUARE, 0},
    {"reduce_l1_norm", run_reduce, L1, 0},
    {"reduce_l2_norm", run_reduce, L2, 0},
    {"reduce_log_sum", run_reduce, LOG_SUM, 0},
    {"reduce_log_sum_exp", run_reduce, LOG_SUM_EXP, 0},
    {"reduce_prod", run_reduce, PROD, 0},
    {"reduce_max", run_reduce, MAX, 0},
    {"reduce_min", run_reduce, MIN, 0},
    {"cumsum", run_cumsum, 0, 0},
    {0},
};
