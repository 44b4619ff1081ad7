/* op_unary.c - operations on each element of one tensor. */
#include "coreml/ops/op_product.h"

#include <stdlib.h>

/* Elements a task takes: some tens of microseconds of the dearer functions. */
enum { PIECE = 16384 };

enum unary {
    ABS,
    ACOS,
    ASIN,
    ATAN,
    ATANH,
    CEIL,
    CLAMPED_RELU,
    CLIP,
    COS,
    COSH,
    ELU,
    ERF,
    EXP,
    EXP2,
    FLOOR,
    GELU,
    GELU_TANH,
    GELU_SIGMOID,
    INVERSE,
    LEAKY_RELU,
    LINEAR,
    LOG,
    RELU,
    RELU6,
    ROUND,
    RSQRT,
    SCALED_TANH,
    SIGMOID,
    SIGMOID_HARD,
    SIGN,
    SILU,
    SIN,
    SINH,
    SOFTPLUS,
    SOFTSIGN,
    SQRT,
    SQUARE,
    TAN,
    TANH,
    THRESHOLD,
    THRESHOLDED_RELU,
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
    case ACOS: return acosf(x);
    case ASIN: return asinf(x);
    case ATAN: return atanf(x);
    case ATANH: return atanhf(x);
    case CEIL: return ceilf(x);
    case CLAMPED_RELU: return fminf(x >= 0 ? x : alpha * x, beta);
    case CLIP: return x < alpha ? alpha : x > beta ? beta : x;
    case COS: return cosf(x);
    case COSH: return coshf(x);
    case ELU: return x >= 0 ? x : alpha * expm1f(x);
    case ERF: return erff(x);
    case EXP: return expf(x);
    case EXP2: return exp2f(x);
    case FLOOR: return floorf(x);
    case GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678f)); /* 1 / sqrt(2) */
    case GELU_TANH:                                              /* sqrt(2 / pi) */
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case GELU_SIGMOID: return x * sigmoid(1.702f * x);
    case INVERSE: return 1.0f / (x + alpha);
    case LEAKY_RELU: return x >= 0 ? x : alpha * x;
    case LINEAR: return alpha * x + beta;
    case LOG: return logf(x + alpha);
    case RELU: return keep_positive(x);
    case RELU6: return x > 6 ? 6 : keep_positive(x);
    case ROUND: return rintf(x);
    case RSQRT: return 1.0f / sqrtf(x + alpha);
    case SCALED_TANH: return alpha * tanhf(beta * x);
    case SIGMOID: return sigmoid(x);
    case SIGMOID_HARD: return fminf(fmaxf(alpha * x + beta, 0), 1);
    case SIGN: return (float)((x > 0) - (x < 0));
    case SILU: return x * sigmoid(x);
    case SIN: return sinf(x);
    case SINH: return sinhf(x);
    case SOFTPLUS: return keep_positive(x) + log1pf(expf(-fabsf(x)));
    case SOFTSIGN: return x / (1.0f + fabsf(x));
    case SQRT: return sqrtf(x);
    case SQUARE: return x * x;
    case TAN: return tanf(x);
    case TANH: return tanhf(x);
    case THRESHOLD: return x < alpha ? alpha : x;
    case THRESHOLDED_RELU: return x >= alpha ? x : 0;
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
    const struct mil_tensor *x;
    pst_status status = op_floats(call, "x", &x);
    if (status == PST_OK) status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    size_t count = 0;
    (void)mil_type_count(&x->type, &count);
    struct job job = {unary, call->resources->kernels, call->step->outputs[0]->tensor.f, alpha,
                      beta};
    op_spread(call, count, PIECE, run_piece, &job);
    return PST_OK;
}

static pst_status run_integers(struct op_call *call, const struct mil_tensor *x) {
    pst_status status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    size_t count = 0;
    (void)mil_type_count(&x->type, &count);
    int32_t *y = call->step->outputs[0]->tensor.i;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)y[i]; /* wraps, as the format leaves overflow open */
        switch (call->step->entry->variant) {
        case ABS: value = y[i] < 0 ? 0 - value : value; break;
        case SIGN: value = (uint32_t)((y[i] > 0) - (y[i] < 0)); break;
        case SQUARE: value *= value; break;
        case RELU: value = y[i] < 0 ? 0 : value; break;
        default: break; /* ceil, floor, round: integers stay as they are */
        }
        y[i] = (int32_t)value;
    }
    return PST_OK;
}

static pst_status run_plain(struct op_call *call) {
    const struct mil_tensor *x;
    pst_status status = op_tensor(call, "x", &x);
    if (status) return status;
    switch (call->step->entry->variant) {
    case ABS:
    case SIGN:
    case SQUARE:
    case RELU:
    case CEIL:
    case FLOOR:
    case ROUND:
        if (x->i) return run_integers(call, x);
        break;
    default: break;
    }
    return run_floats(call, (enum unary)call->step->entry->variant, 0, 0);
}

static pst_status run_gelu(struct op_call *call) {
    int mode = 0;
    pst_status status =
        op_choice(call, "mode", "EXACT|TANH_APPROXIMATION|SIGMOID_APPROXIMATION", &mode);
    return status ? status : run_floats(call, (enum unary)(GELU + mode), 0, 0);
}

/* What is added under a logarithm or a division; coremltools' defaults. */
static pst_status run_epsilon(struct op_call *call) {
    float epsilon = call->step->entry->variant == RSQRT     ? 1e-12f
                    : call->step->entry->variant == INVERSE ? 1e-4f
                                                            : 1e-45f;
    pst_status status = op_float(call, "epsilon", &epsilon);
    return status ? status : run_floats(call, (enum unary)call->step->entry->variant, epsilon, 0);
}

static pst_status run_alpha_beta(struct op_call *call) {
    static const struct {
        int variant;
        float alpha, beta;
    } defaults[] = {
        {CLIP, -INFINITY, INFINITY},
        {CLAMPED_RELU, 0, INFINITY},
        {ELU, 1, 0},
        {LEAKY_RELU, 0.01f, 0},
        {LINEAR, 1, 0},
        {SCALED_TANH, 1, 1},
        {SIGMOID_HARD, 0.2f, 0.5f},
        {THRESHOLD, 0, 0},
        {THRESHOLDED_RELU, 1, 0},
    };
    float alpha = 0, beta = 0;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (defaults[i].variant != call->step->entry->variant) continue;
        alpha = defaults[i].alpha;
        beta = defaults[i].beta;
    }
    pst_status status = op_float(call, "alpha", &alpha);
    if (status == PST_OK) status = op_float(call, "beta", &beta);
    return status ? status : run_floats(call, (enum unary)call->step->entry->variant, alpha, beta);
}

static pst_status run_logical_not(struct op_call *call) {
    const struct mil_tensor *x;
    struct mil_tensor *y;
    pst_status status = op_integers(call, "x", &x);
    if (status == PST_OK) status = op_output(call, 0, &x->type, &y);
    if (status) return status;
    size_t count = 0;
    (void)mil_type_count(&x->type, &count);
    for (size_t i = 0; i < count; i++) y->i[i] = !x->i[i];
    return PST_OK;
}

static pst_status run_softmax(struct op_call *call) {
    const struct mil_tensor *x;
    pst_status status = op_floats(call, "x", &x);
    uint32_t axis = UINT32_MAX; /* -1 */
    if (status == PST_OK) status = op_axis(call, "axis", x->type.rank, &axis);
    if (status == PST_OK) status = op_copy(call, 0, x, &x->type);
    if (status) return status;
    float *y = call->step->outputs[0]->tensor.f, *row = NULL;
    size_t n = (size_t)x->type.dims[axis], inner = span_of(&x->type, axis + 1, x->type.rank);
    size_t outer = n ? span_of(&x->type, 0, axis) : 0;
    if (inner > 1) status = op_floats_new(call, n, &row);
    if (status) return status;
    for (size_t i = 0; i < outer * inner; i++) {
        float *at = y + i / inner * n * inner + i % inner;
        if (inner == 1) {
            call->resources->kernels->softmax(at, n);
            continue;
        }
        for (size_t j = 0; j < n; j++) row[j] = at[j * inner];
        call->resources->kernels->softmax(row, n);
        for (size_t j = 0; j < n; j++) at[j * inner] = row[j];
    }
    free(row);
    return PST_OK;
}

const struct op_entry op_unary_entries[] = {
    {"abs", run_plain, ABS, 0},
    {"acos", run_plain, ACOS, 0},
    {"asin", run_plain, ASIN, 0},
    {"atan", run_plain, ATAN, 0},
    {"atanh", run_plain, ATANH, 0},
    {"ceil", run_plain, CEIL, 0},
    {"clamped_relu", run_alpha_beta, CLAMPED_RELU, 0},
    {"clip", run_alpha_beta, CLIP, 0},
    {"cos", run_plain, COS, 0},
    {"cosh", run_plain, COSH, 0},
    {"elu", run_alpha_beta, ELU, 0},
    {"erf", run_plain, ERF, 0},
    {"exp", run_plain, EXP, 0},
    {"exp2", run_plain, EXP2, 0},
    {"floor", run_plain, FLOOR, 0},
    {"gelu", run_gelu, GELU, 0},
    {"inverse", run_epsilon, INVERSE, 0},
    {"leaky_relu", run_alpha_beta, LEAKY_RELU, 0},
    {"linear_activation", run_alpha_beta, LINEAR, 0},
    {"log", run_epsilon, LOG, 0},
    {"logical_not", run_logical_not, 0, 0},
    {"relu", run_plain, RELU, 0},
    {"relu6", run_plain, RELU6, 0},
    {"round", run_plain, ROUND, 0},
    {"rsqrt", run_epsilon, RSQRT, 0},
    {"scaled_tanh", run_alpha_beta, SCALED_TANH, 0},
    {"sigmoid", run_plain, SIGMOID, 0},
    {"sigmoid_hard", run_alpha_beta, SIGMOID_HARD, 0},
    {"sign", run_plain, SIGN, 0},
    {"silu", run_plain, SILU, 0},
    {"sin", run_plain, SIN, 0},
    {"sinh", run_plain, SINH, 0},
    {"softmax", run_softmax, 0, 0},
    {"softplus", run_plain, SOFTPLUS, 0},
    {"softsign", run_plain, SOFTSIGN, 0},
    {"sqrt", run_plain, SQRT, 0},
    {"square", run_plain, SQUARE, 0},
    {"tan", run_plain, TAN, 0},
    {"tanh", run_plain, TANH, 0},
    {"threshold", run_alpha_beta, THRESHOLD, 0},
    {"thresholded_relu", run_alpha_beta, THRESHOLDED_RELU, 0},
    {0},
};
