/* op_binary.c - operations on pairs of elements, with the shorter shape repeated along the longer:
 * arithmetic, comparison, logic, and select. */
#include <math.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

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
    LOGICAL_AND,
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

/* In 64 bits, of which the caller keeps the lower 32; division by zero gives 0. */
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

/* By their order; with a NaN there is none. */
static int compare_floats(enum binary binary, float a, float b) {
    if (isnan(a) || isnan(b)) return binary == NOT_EQUAL;
    return (int)combine(binary, (a > b) - (a < b), 0);
}

static int infer_binary(struct op_call *call) {
    struct mil_type type;
    if (!op_broadcast(call, op_type(call, "x"), op_type(call, "y"), &type)) return 0;
    if (call->row->variant >= EQUAL) type.dtype = MIL_BOOL;
    return op_give(call, type);
}

/* The last axis of the result, from element `done` on; `walk` has x and y as its tensors 0 and 1,
 * `steps` are theirs along that axis. */
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
    const struct mil_tensor *x = op_tensor(call, "x"), *y = op_tensor(call, "y");
    const struct mil_tensor *out = op_result(call, 0);
    struct walk walk = walk_of(&out->type);
    ptrdiff_t steps[2] = {0};
    size_t n = 1, done = 0;
    broadcast_strides(&x->type, &out->type, walk.stride[0]);
    broadcast_strides(&y->type, &out->type, walk.stride[1]);
    if (walk.rank > 0) {
        n = walk.dims[--walk.rank];
        for (int i = 0; i < 2; i++) steps[i] = walk.stride[i][walk.rank];
    }
    do {
        run_row((enum binary)call->row->variant, out, done, x, y, &walk, steps, n);
        done += n;
    } while (walk_next(&walk));
    return PST_OK;
}

static int infer_select(struct op_call *call) {
    struct mil_type type;
    return op_broadcast(call, op_type(call, "a"), op_type(call, "b"), &type) &&
           op_broadcast(call, &type, op_type(call, "cond"), &type) && op_give(call, type);
}

static pst_status run_select(struct op_call *call) {
    const struct mil_tensor *cond = op_tensor(call, "cond");
    const struct mil_tensor *from[] = {op_tensor(call, "b"), op_tensor(call, "a")};
    struct mil_tensor *out = op_result(call, 0);
    struct walk walk = walk_of(&out->type);
    for (int i = 0; i < 2; i++) broadcast_strides(&from[i]->type, &out->type, walk.stride[i]);
    broadcast_strides(&cond->type, &out->type, walk.stride[2]);
    size_t done = 0;
    do {
        int which = cond->i[walk.offset[2]] != 0;
        tensor_move(out, done++, from[which], (size_t)walk.offset[which], 1);
    } while (walk_next(&walk));
    return PST_OK;
}

#define NUMBERS "x N, y N"
#define BOOLEANS "x b, y b"

const struct op_row op_binary_rows[] = {
    {"add", 6, NUMBERS, infer_binary, run_binary, ADD, 0},
    {"equal", 6, NUMBERS, infer_binary, run_binary, EQUAL, 0},
    {"floor_div", 6, NUMBERS, infer_binary, run_binary, FLOOR_DIV, 0},
    {"greater", 6, NUMBERS, infer_binary, run_binary, GREATER, 0},
    {"greater_equal", 6, NUMBERS, infer_binary, run_binary, GREATER_EQUAL, 0},
    {"less", 6, NUMBERS, infer_binary, run_binary, LESS, 0},
    {"less_equal", 6, NUMBERS, infer_binary, run_binary, LESS_EQUAL, 0},
    {"logical_and", 6, BOOLEANS, infer_binary, run_binary, LOGICAL_AND, 0},
    {"logical_or", 6, BOOLEANS, infer_binary, run_binary, LOGICAL_OR, 0},
    {"logical_xor", 6, BOOLEANS, infer_binary, run_binary, LOGICAL_XOR, 0},
    {"maximum", 6, NUMBERS, infer_binary, run_binary, MAXIMUM, 0},
    {"minimum", 6, NUMBERS, infer_binary, run_binary, MINIMUM, 0},
    {"mod", 6, NUMBERS, infer_binary, run_binary, MOD, 0},
    {"mul", 6, NUMBERS, infer_binary, run_binary, MUL, 0},
    {"not_equal", 6, NUMBERS, infer_binary, run_binary, NOT_EQUAL, 0},
    {"pow", 6, NUMBERS, infer_binary, run_binary, POW, 0},
    {"real_div", 6, NUMBERS, infer_binary, run_binary, REAL_DIV, 0},
    {"select", 6, "cond b, a A, b A", infer_select, run_select, 0, OP_MOVES},
    {"sub", 6, NUMBERS, infer_binary, run_binary, SUB, 0},
    {0},
};
