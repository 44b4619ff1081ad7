/* op_binary.c - operations on pairs of elements, with the shorter shape repeated along the longer:
 * arithmetic, comparison, logic, and select. */
#include "coreml/ops/op.h"

enum binary {
    ADD,
    SUB,
    MUL,
    REAL_DIV,
    FLOOR_DIV,
    MOD,
    MAXIMUM,
    MINIMUM,
    POW,
    EQUAL, /* from here on the result is a boolean */
    NOT_EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    LOGICAL_AND, /* from here on so are the operands */
    LOGICAL_OR,
    LOGICAL_XOR,
};

/* NaN in either gives NaN, as numpy's maximum does. */
static float larger(float x, float y) {
    return isnan(x) || x > y ? x : y;
}

static float smaller(float x, float y) {
    return isnan(x) || x < y ? x : y;
}

static float modulo(float x, float y) {
    float rest = fmodf(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest; /* the sign of y */
}

/* n results; x and y advance by 0 or 1. */
static void run_floats(enum binary binary, float *out, const float *x, const float *y,
                       ptrdiff_t x_step, ptrdiff_t y_step, size_t n) {
#define EACH(expression)                                                                           \
    for (size_t i = 0; i < n; i++) {                                                               \
        float a = x[(ptrdiff_t)i * x_step], b = y[(ptrdiff_t)i * y_step];                          \
        out[i] = expression;                                                                       \
    }                                                                                              \
    break
    switch (binary) {
    case ADD: EACH(a + b);
    case SUB: EACH(a - b);
    case MUL: EACH(a * b);
    case REAL_DIV: EACH(a / b);
    case FLOOR_DIV: EACH(floorf(a / b));
    case MOD: EACH(modulo(a, b));
    case MAXIMUM: EACH(larger(a, b));
    case MINIMUM: EACH(smaller(a, b));
    case POW: EACH(powf(a, b));
    default: break;
    }
#undef EACH
}

static int compare_floats(enum binary binary, float a, float b) {
    switch (binary) {
    case EQUAL: return a == b;
    case NOT_EQUAL: return a != b;
    case GREATER: return a > b;
    case GREATER_EQUAL: return a >= b;
    case LESS: return a < b;
    default: return a <= b;
    }
}

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

static int64_t power(int64_t base, int64_t exponent) {
    uint64_t result = 1, factor = (uint64_t)base;
    for (; exponent > 0; exponent >>= 1, factor *= factor)
        if (exponent & 1) result *= factor;
    return (int64_t)result;
}

/* In 64 bits, of which the caller keeps the lower half; division by zero gives 0. */
static int64_t combine(enum binary binary, int64_t a, int64_t b) {
    switch (binary) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case REAL_DIV: return b ? a / b : 0;
    case FLOOR_DIV: return b ? floor_div(a, b) : 0;
    case MOD: return b ? a - b * floor_div(a, b) : 0;
    case MAXIMUM: return a > b ? a : b;
    case MINIMUM: return a < b ? a : b;
    case POW: return b < 0 ? (a == 1) - (a == -1 && b % 2) + (a == -1 && b % 2 == 0) : power(a, b);
    case EQUAL: return a == b;
    case NOT_EQUAL: return a != b;
    case GREATER: return a > b;
    case GREATER_EQUAL: return a >= b;
    case LESS: return a < b;
    case LESS_EQUAL: return a <= b;
    case LOGICAL_AND: return a && b;
    case LOGICAL_OR: return a || b;
    case LOGICAL_XOR: return !a != !b;
    }
    return 0;
}

/* The walk over all but the last dimension of `out`, with x and y as its tensors 0 and 1; `steps` are
 * theirs along the last one. Returns its length. */
static size_t start_walk(struct walk *walk, const struct mil_type *out, const struct mil_type *x,
                         const struct mil_type *y, ptrdiff_t steps[2]) {
    *walk = (struct walk){.rank = out->rank ? out->rank - 1 : 0};
    steps[0] = steps[1] = 0;
    if (out->rank == 0) return 1;
    broadcast_strides(x, out, walk->stride[0]);
    broadcast_strides(y, out, walk->stride[1]);
    for (uint32_t i = 0; i < walk->rank; i++) walk->dims[i] = (size_t)out->dims[i];
    steps[0] = walk->stride[0][walk->rank];
    steps[1] = walk->stride[1][walk->rank];
    return (size_t)out->dims[walk->rank];
}

static void run_row(enum binary binary, const struct mil_tensor *out, size_t done,
                    const struct mil_tensor *x, const struct mil_tensor *y, const struct walk *walk,
                    const ptrdiff_t steps[2], size_t n) {
    if (out->f) {
        run_floats(binary, out->f + done, x->f + walk->offset[0], y->f + walk->offset[1], steps[0],
                   steps[1], n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t a = walk->offset[0] + (ptrdiff_t)i * steps[0];
        ptrdiff_t b = walk->offset[1] + (ptrdiff_t)i * steps[1];
        out->i[done + i] = x->f ? compare_floats(binary, x->f[a], y->f[b])
                                : (int32_t)(uint32_t)combine(binary, x->i[a], y->i[b]);
    }
}

static pst_status run_binary(struct op_call *call) {
    enum binary binary = (enum binary)call->step->entry->variant;
    const struct mil_tensor *x, *y;
    pst_status status = op_tensor(call, "x", &x);
    if (status == PST_OK) status = op_tensor(call, "y", &y);
    if (status) return status;
    struct mil_type type;
    if (x->type.dtype != y->type.dtype || (binary >= LOGICAL_AND && x->type.dtype != MIL_BOOL))
        return op_error(call, PST_ERR_MODEL, "cannot be done to %s and %s",
                        mil_dtype_name(x->type.dtype), mil_dtype_name(y->type.dtype));
    if (!broadcast_type(&x->type, &y->type, &type))
        return op_error(call, PST_ERR_MODEL, "the shapes of x and y do not fit each other");
    if (binary >= EQUAL) type.dtype = MIL_BOOL;
    struct mil_tensor *out;
    status = op_output(call, 0, &type, &out);
    size_t count = 0, done = 0;
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    struct walk walk;
    ptrdiff_t steps[2];
    size_t n = start_walk(&walk, &type, &x->type, &y->type, steps);
    do {
        run_row(binary, out, done, x, y, &walk, steps, n);
        done += n;
    } while (walk_next(&walk));
    return PST_OK;
}

static pst_status run_select(struct op_call *call) {
    const struct mil_tensor *cond, *a, *b;
    pst_status status = op_integers(call, "cond", &cond);
    if (status == PST_OK) status = op_tensor(call, "a", &a);
    if (status == PST_OK) status = op_tensor(call, "b", &b);
    if (status) return status;
    struct mil_type values, type;
    if (a->type.dtype != b->type.dtype || !broadcast_type(&a->type, &b->type, &values) ||
        !broadcast_type(&values, &cond->type, &type))
        return op_error(call, PST_ERR_MODEL, "cond, a and b do not fit each other");
    struct mil_tensor *out;
    status = op_output(call, 0, &type, &out);
    size_t count = 0;
    if (status || !mil_type_count(&type, &count) || count == 0) return status;
    struct walk walk = {.rank = type.rank};
    broadcast_strides(&a->type, &type, walk.stride[0]);
    broadcast_strides(&b->type, &type, walk.stride[1]);
    broadcast_strides(&cond->type, &type, walk.stride[2]);
    for (uint32_t i = 0; i < type.rank; i++) walk.dims[i] = (size_t)type.dims[i];
    size_t done = 0;
    do {
        int first = cond->i[walk.offset[2]] != 0;
        const struct mil_tensor *from = first ? a : b;
        ptrdiff_t at = walk.offset[first ? 0 : 1];
        if (out->f)
            out->f[done] = from->f[at];
        else
            out->i[done] = from->i[at];
        done++;
    } while (walk_next(&walk));
    return PST_OK;
}

const struct op_entry op_binary_entries[] = {
    {"add", run_binary, ADD, 0},
    {"sub", run_binary, SUB, 0},
    {"mul", run_binary, MUL, 0},
    {"real_div", run_binary, REAL_DIV, 0},
    {"floor_div", run_binary, FLOOR_DIV, 0},
    {"mod", run_binary, MOD, 0},
    {"maximum", run_binary, MAXIMUM, 0},
    {"minimum", run_binary, MINIMUM, 0},
    {"pow", run_binary, POW, 0},
    {"equal", run_binary, EQUAL, 0},
    {"not_equal", run_binary, NOT_EQUAL, 0},
    {"greater", run_binary, GREATER, 0},
    {"greater_equal", run_binary, GREATER_EQUAL, 0},
    {"less", run_binary, LESS, 0},
    {"less_equal", run_binary, LESS_EQUAL, 0},
    {"logical_and", run_binary, LOGICAL_AND, 0},
    {"logical_or", run_binary, LOGICAL_OR, 0},
    {"logical_xor", run_binary, LOGICAL_XOR, 0},
    {"select", run_select, 0, 1},
    {0},
};
