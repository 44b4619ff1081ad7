/* op_unary.c - operations on each element of one tensor. */
#include <math.h>
#include <string.h>

#include "coreml/ops/op_product.h"
#include "coreml/ops/tensor_walk.h"

/* Elements a task takes: some tens of microseconds of the slower functions. */
enum { PIECE = 16384 };

enum unary {
    ABS,
    CEIL,
    CLIP,
    COS,
    ELU,
    ERF,
    EXP,
    FLOOR,
    GELU, /* and its modes */
    GELU_TANH,
    GELU_SIGMOID,
    INVERSE,
    LOG,
    RELU,
    ROUND,
    RSQRT,
    SIGMOID,
    SIGN,
    SILU,
    SIN,
    SOFTPLUS,
    SQRT,
    SQUARE,
    TANH,
};

static float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

static float keep_positive(float x) {
    return x > 0 || isnan(x) ? x : 0;
}

static float apply(enum unary unary, float x, float alpha, float beta) {
    switch (unary) {
    case ABS: return fabsf(x);
    case CEIL: return ceilf(x);
    case CLIP: return x < alpha ? alpha : x > beta ? beta : x;
    case COS: return cosf(x);
    case ELU: return x >= 0 ? x : alpha * expm1f(x);
    case ERF: return erff(x);
    case EXP: return expf(x);
    case FLOOR: return floorf(x);
    case GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678f)); /* 1 / sqrt(2) */
    case GELU_TANH:                                              /* sqrt(2 / pi) */
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case GELU_SIGMOID: return x * sigmoid(1.702f * x);
    case INVERSE: return 1.0f / (x + alpha);
    case LOG: return logf(x + alpha);
    case RELU: return keep_positive(x);
    case ROUND: return rintf(x);
    case RSQRT: return 1.0f / sqrtf(x + alpha);
    case SIGMOID: return sigmoid(x);
    case SIGN: return (float)((x > 0) - (x < 0));
    case SILU: return x * sigmoid(x);
    case SIN: return sinf(x);
    case SOFTPLUS: return keep_positive(x) + log1pf(expf(-fabsf(x)));
    case SQRT: return sqrtf(x);
    case SQUARE: return x * x;
    case TANH: return tanhf(x);
    }
    return x;
}

struct job {
    enum unary unary;
    const struct kernels *kernels;
    float *y;
    float alpha, beta;
};

static void run_piece(void *context, size_t first, size_t count) {
    const struct job *job = context;
    float *y = job->y + first;
    if (job->unary == GELU)
        job->kernels->gelu(y, count);
    else if (job->unary == TANH)
        job->kernels->tanh(y, count);
    else
        for (size_t i = 0; i < count; i++) y[i] = apply(job->unary, y[i], job->alpha, job->beta);
}

static pst_status run_floats(struct op_call *call, enum unary unary, float alpha, float beta) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    struct job job = {unary, call->resources->kernels, y->f, alpha, beta};
    tensor_copy(y, x);
    op_spread(call, mil_elements(&y->type), PIECE, run_piece, &job);
    return PST_OK;
}

static pst_status run_unary(struct op_call *call) {
    return run_floats(call, (enum unary)call->row->variant, 0, 0);
}

static pst_status run_abs(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    if (x->f != NULL) return run_unary(call);
    for (size_t i = 0, count = mil_elements(&y->type); i < count;
         i++) /* the smallest has no positive */
        y->i[i] = x->i[i] < 0 ? (int32_t)(0 - (uint32_t)x->i[i]) : x->i[i];
    return PST_OK;
}

/* With a number that is added to x before the logarithm or the division. */
static pst_status run_epsilon(struct op_call *call) {
    return run_floats(call, (enum unary)call->row->variant, op_float(call, "epsilon", 0), 0);
}

static pst_status run_alpha_beta(struct op_call *call) {
    return run_floats(call, (enum unary)call->row->variant, op_float(call, "alpha", 0),
                      op_float(call, "beta", 0));
}

static const char gelu_modes[] = "EXACT|TANH_APPROXIMATION|SIGMOID_APPROXIMATION";

static int infer_gelu(struct op_call *call) {
    return op_choice(call, "mode", gelu_modes) >= 0 && op_infer_same(call);
}

static pst_status run_gelu(struct op_call *call) {
    return run_floats(call, (enum unary)(GELU + op_choice(call, "mode", gelu_modes)), 0, 0);
}

static pst_status run_logical_not(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0);
    for (size_t i = 0, count = mil_elements(&y->type); i < count; i++) y->i[i] = !x->i[i];
    return PST_OK;
}

const struct op_row op_unary_rows[] = {
    {"abs", 6, "x N", op_infer_same, run_abs, ABS, 0},
    {"ceil", 6, "x F", op_infer_same, run_unary, CEIL, 0},
    {"clip", 6, "x F, alpha! g0, beta! g0", op_infer_same, run_alpha_beta, CLIP, 0},
    {"cos", 6, "x F", op_infer_same, run_unary, COS, 0},
    {"elu", 6, "x F, alpha! g0", op_infer_same, run_alpha_beta, ELU, 0},
    {"erf", 6, "x F", op_infer_same, run_unary, ERF, 0},
    {"exp", 6, "x F", op_infer_same, run_unary, EXP, 0},
    {"floor", 6, "x F", op_infer_same, run_unary, FLOOR, 0},
    {"gelu", 6, "x F, mode! s0", infer_gelu, run_gelu, 0, 0},
    {"inverse", 6, "x F, epsilon! g0", op_infer_same, run_epsilon, INVERSE, 0},
    {"log", 6, "x F, epsilon! g0", op_infer_same, run_epsilon, LOG, 0},
    {"logical_not", 6, "x b", op_infer_same, run_logical_not, 0, 0},
    {"relu", 6, "x F", op_infer_same, run_unary, RELU, 0},
    {"round", 6, "x F", op_infer_same, run_unary, ROUND, 0},
    {"rsqrt", 6, "x F, epsilon! g0", op_infer_same, run_epsilon, RSQRT, 0},
    {"sigmoid", 6, "x F", op_infer_same, run_unary, SIGMOID, 0},
    {"sign", 6, "x F", op_infer_same, run_unary, SIGN, 0},
    {"silu", 6, "x F", op_infer_same, run_unary, SILU, 0},
    {"sin", 6, "x F", op_infer_same, run_unary, SIN, 0},
    {"softplus", 6, "x F", op_infer_same, run_unary, SOFTPLUS, 0},
    {"sqrt", 6, "x F", op_infer_same, run_unary, SQRT, 0},
    {"square", 6, "x F", op_infer_same, run_unary, SQUARE, 0},
    {"tanh", 6, "x F", op_infer_same, run_unary, TANH, 0},
    {0},
};
