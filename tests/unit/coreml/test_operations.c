/* test_operations.c - what each operation of Core ML programs computes, against values made by
 * hand. */
#include "support/mil_case.h"

/* ------------------------------------------------------------------------------------- elements */

static void expect_unary(const char *type, float x, float wanted) {
    struct program p = program_begin();
    struct mil_value *value = floats(&p, D(1), &x);
    op(&p, type);
    arg(&p, "x", value);
    expect_floats(&p, D(1), &wanted);
}

static void functions_of_one_number(void **state) {
    (void)state;
    expect_unary("abs", -2, 2);
    expect_unary("ceil", 1.2f, 2);
    expect_unary("cos", 1, 0.54030231f);
    expect_unary("erf", 0.5f, 0.52049988f);
    expect_unary("exp", 1, 2.7182818f);
    expect_unary("floor", -1.2f, -2);
    expect_unary("relu", -1, 0);
    expect_unary("relu", NAN, NAN);
    expect_unary("round", 2.5f, 2); /* to even */
    expect_unary("sigmoid", -2, 0.11920292f);
    expect_unary("sign", -3, -1);
    expect_unary("silu", 2, 1.7615942f);
    expect_unary("sin", 1, 0.84147098f);
    expect_unary("softplus", 2, 2.1269280f);
    expect_unary("softplus", 200, 200);
    expect_unary("sqrt", 2, 1.4142136f);
    expect_unary("square", -3, 9);
    expect_unary("tanh", 0.5f, 0.46211716f);
}

static void expect_gelu(const char *mode, float wanted) {
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1), F(1.5f));
    op(&p, "gelu");
    arg(&p, "x", x);
    arg_text(&p, "mode", mode);
    expect_floats(&p, D(1), &wanted);
}

static void gelu_has_three_modes(void **state) {
    (void)state;
    expect_gelu("EXACT", 1.3997892f);
    expect_gelu("TANH_APPROXIMATION", 1.3995716f);
    expect_gelu("SIGMOID_APPROXIMATION", 1.3916623f);
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1), F(1));
    op(&p, "gelu");
    arg(&p, "x", x);
    arg_text(&p, "mode", "ROUGH");
    output(&p, MIL_F32, D(1));
    expect_error(&p, PST_ERR_MODEL, "mode is ROUGH, expected EXACT, TANH_APPROXIMATION or");
}

static void expect_parameters(const char *type, const char *name, float alpha, const char *other,
                              float beta, float x, float wanted) {
    struct program p = program_begin();
    struct mil_value *value = floats(&p, D(1), &x);
    op(&p, type);
    arg(&p, "x", value);
    arg_float(&p, name, alpha);
    if (other) arg_float(&p, other, beta);
    expect_floats(&p, D(1), &wanted);
}

static void functions_with_parameters(void **state) {
    (void)state;
    expect_parameters("clip", "alpha", -1, "beta", 2, 3, 2);
    expect_parameters("clip", "alpha", -1, "beta", 2, -3, -1);
    expect_parameters("elu", "alpha", 2, NULL, 0, -1, -1.2642411f);
    expect_parameters("log", "epsilon", 1, NULL, 0, 1, 0.69314718f);
    expect_parameters("rsqrt", "epsilon", 2, NULL, 0, 2, 0.5f);
    expect_parameters("inverse", "epsilon", 1, NULL, 0, 3, 0.25f);
}

static void expect_binary(const char *type, float x, float y, float wanted) {
    struct program p = program_begin();
    struct mil_value *a = floats(&p, D(1), &x), *b = floats(&p, D(1), &y);
    op(&p, type);
    arg(&p, "x", a);
    arg(&p, "y", b);
    expect_floats(&p, D(1), &wanted);
}

static void functions_of_two_numbers(void **state) {
    (void)state;
    expect_binary("add", 2, 3, 5);
    expect_binary("sub", 2, 3, -1);
    expect_binary("mul", 2, 3, 6);
    expect_binary("real_div", 3, 2, 1.5f);
    expect_binary("floor_div", -3, 2, -2);
    expect_binary("mod", -3, 2, 1);
    expect_binary("maximum", 2, 3, 3);
    expect_binary("maximum", 2, NAN, NAN);
    expect_binary("minimum", NAN, 3, NAN);
    expect_binary("minimum", 2, 3, 2);
    expect_binary("pow", 2, 3, 8);
}

static void expect_integers(const char *type, int32_t x, int32_t y, int32_t wanted) {
    struct program p = program_begin();
    struct mil_value *a = ints(&p, SCALAR, &x), *b = ints(&p, SCALAR, &y);
    op(&p, type);
    arg(&p, "x", a);
    arg(&p, "y", b);
    expect_ints(&p, MIL_I32, SCALAR, &wanted);
}

static void integers_never_fault(void **state) {
    (void)state;
    expect_integers("add", INT32_MAX, 1, INT32_MIN);
    expect_integers("mul", 65536, 65536, 0);
    expect_integers("floor_div", -7, 2, -4);
    expect_integers("floor_div", INT32_MIN, -1, INT32_MIN);
    expect_integers("floor_div", 7, 0, 0);
    expect_integers("mod", -7, 2, 1);
    expect_integers("pow", 3, 4, 81);
    expect_integers("pow", -1, -3, -1);
    expect_integers("maximum", -7, 2, 2);
}

static void expect_comparison(const char *type, float x, float y, int32_t wanted) {
    struct program p = program_begin();
    struct mil_value *a = floats(&p, D(1), &x), *b = floats(&p, D(1), &y);
    op(&p, type);
    arg(&p, "x", a);
    arg(&p, "y", b);
    expect_ints(&p, MIL_BOOL, D(1), &wanted);
}

static void comparisons_and_logic(void **state) {
    (void)state;
    expect_comparison("equal", 2, 2, 1);
    expect_comparison("not_equal", 2, NAN, 1);
    expect_comparison("greater", 2, 2, 0);
    expect_comparison("greater_equal", 2, 2, 1);
    expect_comparison("less", 2, 3, 1);
    expect_comparison("less_equal", 3, 2, 0);
    static const char *const types[] = {"logical_and", "logical_or", "logical_xor"};
    static const int32_t wanted[] = {0, 1, 1};
    for (int i = 0; i < 3; i++) {
        struct program p = program_begin();
        struct mil_value *a = mil_const_bool(p.model, p.block, "a", 1);
        struct mil_value *b = mil_const_bool(p.model, p.block, "b", 0);
        op(&p, types[i]);
        arg(&p, "x", a);
        arg(&p, "y", b);
        expect_ints(&p, MIL_BOOL, SCALAR, &wanted[i]);
    }
}

static void shapes_broadcast_as_in_numpy(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 1), F(1, 2)), *y = floats(&p, D(3), F(10, 20, 30));
    op(&p, "add");
    arg(&p, "x", x);
    arg(&p, "y", y);
    expect_floats(&p, D(2, 3), F(11, 21, 31, 12, 22, 32));
    p = program_begin();
    x = floats(&p, D(2), F(1, 2));
    y = floats(&p, D(3), F(1, 2, 3));
    op(&p, "add");
    arg(&p, "x", x);
    arg(&p, "y", y);
    output(&p, MIL_F32, D(3));
    expect_error(&p, PST_ERR_MODEL, "do not fit");
}

static void select_takes_from_two(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *cond = constant(&p, MIL_BOOL, D(3), "\1\0\1");
    struct mil_value *a = floats(&p, D(3), F(1, 2, 3)), *b = floats(&p, SCALAR, F(9));
    op(&p, "select");
    arg(&p, "cond", cond);
    arg(&p, "a", a);
    arg(&p, "b", b);
    expect_floats(&p, D(3), F(1, 9, 3));
}

static void casts_cut_and_wrap(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(4), F(1.9f, -1.9f, 3e9f, NAN));
    op(&p, "cast");
    arg(&p, "x", x);
    arg_text(&p, "dtype", "int32");
    expect_ints(&p, MIL_I32, D(4), I(1, -1, INT32_MAX, 0));
    p = program_begin_for(8);
    x = ints(&p, D(3), I(0, 7, 200));
    op(&p, "cast");
    arg(&p, "x", x);
    arg_text(&p, "dtype", "int8");
    expect_ints(&p, MIL_I8, D(3), I(0, 7, -56));
    p = program_begin();
    x = ints(&p, D(2), I(0, 7));
    op(&p, "cast");
    arg(&p, "x", x);
    arg_text(&p, "dtype", "bool");
    expect_ints(&p, MIL_BOOL, D(2), I(0, 1));
}

static void softmax_along_any_axis(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 2), F(0, 0, 0, 1.0986123f));
    op(&p, "softmax");
    arg(&p, "x", x);
    arg_int(&p, "axis", 0);
    expect_floats(&p, D(2, 2), F(0.5f, 0.25f, 0.5f, 0.75f));
    p = program_begin();
    x = floats(&p, D(2, 2), F(0, 0, 0, 1.0986123f));
    op(&p, "softmax");
    arg(&p, "x", x);
    arg_int(&p, "axis", -1);
    expect_floats(&p, D(2, 2), F(0.5f, 0.5f, 0.25f, 0.75f));
}

/* ------------------------------------------------------------------------------------- products */

static void matmul_transposes_and_broadcasts(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    struct mil_value *y = floats(&p, D(2, 3), F(1, 0, 1, 0, 1, 0));
    op(&p, "matmul");
    arg(&p, "x", x);
    arg(&p, "y", y);
    arg_bool(&p, "transpose_x", 0);
    arg_bool(&p, "transpose_y", 1);
    expect_floats(&p, D(2, 2), F(4, 2, 10, 5));
    p = program_begin();
    x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    y = floats(&p, D(2, 2, 1), F(1, 1, 1, -1));
    op(&p, "matmul");
    arg(&p, "x", x);
    arg(&p, "y", y);
    arg_bool(&p, "transpose_x", 1);
    arg_bool(&p, "transpose_y", 0);
    expect_floats(&p, D(2, 3, 1), F(5, 7, 9, -3, -3, -3));
    p = program_begin();
    x = floats(&p, D(3), F(1, 2, 3));
    y = floats(&p, D(3), F(1, 1, 1));
    op(&p, "matmul");
    arg(&p, "x", x);
    arg(&p, "y", y);
    arg_bool(&p, "transpose_x", 0);
    arg_bool(&p, "transpose_y", 0);
    expect_floats(&p, SCALAR, F(6));
}

static void integers_are_multiplied_too(void **state) {
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        struct program p = program_begin();
        struct mil_value *x = transposed ? ints(&p, D(1, 3, 2), I(1, 4, 2, 5, 3, 6))
                                         : ints(&p, D(1, 2, 3), I(1, 2, 3, 4, 5, 6));
        struct mil_value *y = transposed ? ints(&p, D(2, 1, 3), I(1, 0, 1, 0, -1, 0))
                                         : ints(&p, D(2, 3, 1), I(1, 0, 1, 0, -1, 0));
        op(&p, "matmul");
        arg(&p, "x", x);
        arg(&p, "y", y);
        arg_bool(&p, "transpose_x", transposed);
        arg_bool(&p, "transpose_y", transposed);
        expect_ints(&p, MIL_I32, D(2, 2, 1), I(4, 10, -2, -5));
    }
}

static void expect_einsum(const char *equation, const float *wanted, uint32_t rank,
                          const int64_t *dims) {
    struct program p = program_begin();
    const struct mil_value *values[] = {floats(&p, D(2, 2), F(1, 2, 3, 4)),
                                        floats(&p, D(2, 2), F(5, 6, 7, 8))};
    op(&p, "einsum");
    mil_op_arguments(p.model, p.op, "values", values, 2);
    arg_text(&p, "equation", equation);
    if (wanted) {
        expect_floats(&p, rank, dims, wanted);
        return;
    }
    output(&p, MIL_F32, rank, dims);
    expect_error(&p, PST_ERR_MODEL, "(einsum): the equation's result has");
}

static void einsum_sums_by_letters(void **state) {
    (void)state;
    expect_einsum("ab,bc->ac", F(19, 22, 43, 50), D(2, 2));
    expect_einsum("ab,cb->ca", F(17, 39, 23, 53), D(2, 2));
    expect_einsum("ab,ab->a", F(17, 53), D(2));
    expect_einsum("aa,bb->ab", F(5, 8, 20, 32), D(2, 2)); /* the diagonals */
    expect_einsum("ab,cd->", F(260), SCALAR);
    expect_einsum("ab,bc->ad", NULL, D(2, 2));
    expect_einsum("ab,bc->aa", NULL, D(2, 2));
}

static void linear_has_rows_as_outputs(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 2), F(1, 2, 3, 4));
    struct mil_value *weight = floats(&p, D(3, 2), F(1, 0, 0, 1, 1, 1));
    struct mil_value *bias = floats(&p, D(3), F(0, 10, 20));
    op(&p, "linear");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    arg(&p, "bias", bias);
    expect_floats(&p, D(2, 3), F(1, 12, 23, 3, 14, 27));
    p = program_begin();
    x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    weight = floats(&p, D(1, 2), F(1, 0));
    bias = floats(&p, D(1), F(0));
    op(&p, "linear");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    arg(&p, "bias", bias);
    output(&p, MIL_F32, D(2, 1));
    expect_error(&p, PST_ERR_MODEL, "x has 3 columns, the weight takes 2");
}

static void attention_in_one_operation(void **state) {
    (void)state;
    struct program p = program_begin_for(9);
    struct mil_value *q = floats(&p, D(1, 1, 4), F(2, 0, 0, 0));
    struct mil_value *k = floats(&p, D(1, 3, 4), F(0, 0, 0, 0, 1.0986123f, 0, 0, 0, 9, 9, 9, 9));
    struct mil_value *v = floats(&p, D(1, 3, 1), F(4, 8, 1000));
    struct mil_value *mask = constant(&p, MIL_BOOL, D(1, 3), "\1\1\0");
    op(&p, "scaled_dot_product_attention");
    arg(&p, "query", q);
    arg(&p, "key", k);
    arg(&p, "value", v);
    arg(&p, "attn_mask", mask);
    expect_floats(&p, D(1, 1, 1), F(7)); /* weights 1/4 and 3/4 */
}

static void conv_args(struct program *p, const char *pad_type, const int64_t *pad, int64_t stride,
                      int64_t dilation) {
    arg_list(p, "strides", 1, &stride);
    arg_text(p, "pad_type", pad_type);
    arg_list(p, "pad", 2, pad);
    arg_list(p, "dilations", 1, &dilation);
    arg_int(p, "groups", 1);
}

/* Along two axes, with nothing special. */
static void plain_conv_args(struct program *p, int32_t groups) {
    arg_list(p, "strides", D(1, 1));
    arg_text(p, "pad_type", "valid");
    arg_list(p, "pad", D(0, 0, 0, 0));
    arg_list(p, "dilations", D(1, 1));
    arg_int(p, "groups", groups);
}

struct conv_case {
    const char *pad_type;
    const int64_t *pad;
    int64_t stride, dilation, out;
    const float *wanted;
};

static void convolution_pads_in_four_ways(void **state) {
    (void)state;
    static const int64_t none[] = {0, 0}, custom[] = {2, 1};
    const struct conv_case cases[] = {
        {"valid", none, 1, 1, 4, F(5, 8, 11, 14)},
        {"custom", custom, 2, 1, 4, F(0, 5, 11, 5)},
        {"same", none, 1, 1, 5, F(5, 8, 11, 14, 5)},
        {"same_lower", none, 1, 1, 5, F(2, 5, 8, 11, 14)},
        {"valid", none, 1, 2, 3, F(7, 10, 13)},
        {"same", none, 2, 1, 3, F(5, 11, 5)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program p = program_begin();
        struct mil_value *x = floats(&p, D(1, 1, 5), F(1, 2, 3, 4, 5));
        struct mil_value *weight = floats(&p, D(1, 1, 2), F(1, 2));
        op(&p, "conv");
        arg(&p, "x", x);
        arg(&p, "weight", weight);
        conv_args(&p, cases[i].pad_type, cases[i].pad, cases[i].stride, cases[i].dilation);
        expect_floats(&p, D(1, 1, cases[i].out), cases[i].wanted);
    }
}

static void convolution_in_two_dimensions_and_groups(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 2, 2, 2), F(1, 2, 3, 4, 10, 20, 30, 40));
    struct mil_value *weight = floats(&p, D(2, 1, 2, 1), F(1, 1, 1, -1));
    struct mil_value *bias = floats(&p, D(2), F(100, 200));
    op(&p, "conv");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    arg(&p, "bias", bias);
    plain_conv_args(&p, 2);
    expect_floats(&p, D(1, 2, 1, 2), F(104, 106, 180, 180));
    p = program_begin(); /* 1 x 1 over a line, and over a point */
    x = floats(&p, D(1, 2, 1, 3), F(1, 2, 3, 10, 20, 30));
    weight = floats(&p, D(1, 2, 1, 1), F(1, 0.1f));
    op(&p, "conv");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    plain_conv_args(&p, 1);
    expect_floats(&p, D(1, 1, 1, 3), F(2, 4, 6));
    p = program_begin();
    x = floats(&p, D(1, 2, 1, 1), F(1, 10));
    weight = floats(&p, D(2, 2, 1, 1), F(1, 0.1f, 1, 1));
    op(&p, "conv");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    plain_conv_args(&p, 1);
    expect_floats(&p, D(1, 2, 1, 1), F(2, 11));
}

static void convolution_checks_its_shapes(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 1, 2), F(1, 2));
    struct mil_value *weight = floats(&p, D(1, 1, 3), F(1, 1, 1));
    op(&p, "conv");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    conv_args(&p, "valid", (const int64_t[]){0, 0}, 1, 1);
    output(&p, MIL_F32, D(1, 1, 1));
    expect_error(&p, PST_ERR_MODEL, "its kernel of 3 is longer than axis 2");
    p = program_begin();
    x = floats(&p, D(1, 1, 2), F(1, 2));
    weight = floats(&p, D(1, 2, 1), F(1, 1));
    op(&p, "conv");
    arg(&p, "x", x);
    arg(&p, "weight", weight);
    conv_args(&p, "valid", (const int64_t[]){0, 0}, 1, 1);
    output(&p, MIL_F32, D(1, 1, 2));
    expect_error(&p, PST_ERR_MODEL, "channels");
}

/* ------------------------------------------------------------------------------- normalisations */

static void layer_norm_over_chosen_axes(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 2, 2), F(1, 5, 3, 9));
    struct mil_value *gamma = floats(&p, D(2), F(1, 10)), *beta = floats(&p, D(2), F(0, 1));
    op(&p, "layer_norm");
    arg(&p, "x", x);
    arg_list(&p, "axes", D(1));
    arg(&p, "gamma", gamma);
    arg(&p, "beta", beta);
    arg_float(&p, "epsilon", 0);
    expect_floats(&p, D(1, 2, 2), F(-1, -1, 11, 11));
    p = program_begin();
    x = floats(&p, D(2, 2), F(1, 3, 5, 5));
    op(&p, "layer_norm");
    arg(&p, "x", x);
    arg_list(&p, "axes", D(-1));
    arg_float(&p, "epsilon", 3);
    expect_floats(&p, D(2, 2), F(-0.5f, 0.5f, 0, 0));
}

static void instance_and_batch_norm(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 2, 2), F(1, 3, 5, 9));
    struct mil_value *gamma = floats(&p, D(2), F(1, 10)), *beta = floats(&p, D(2), F(0, 1));
    op(&p, "instance_norm");
    arg(&p, "x", x);
    arg(&p, "gamma", gamma);
    arg(&p, "beta", beta);
    arg_float(&p, "epsilon", 0);
    expect_floats(&p, D(1, 2, 2), F(-1, 1, -9, 11));
    p = program_begin();
    x = floats(&p, D(1, 2, 2), F(1, 3, 5, 9));
    gamma = floats(&p, D(2), F(1, 10));
    struct mil_value *mean = floats(&p, D(2), F(1, 5)), *variance = floats(&p, D(2), F(4, 16));
    op(&p, "batch_norm");
    arg(&p, "x", x);
    arg(&p, "mean", mean);
    arg(&p, "variance", variance);
    arg(&p, "gamma", gamma);
    arg_float(&p, "epsilon", 0);
    expect_floats(&p, D(1, 2, 2), F(0, 1, 0, 10));
}

static void expect_reduction(const char *type, const float *wanted) {
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 2), F(1, 2, 3, 5));
    op(&p, type);
    arg(&p, "x", x);
    arg_list(&p, "axes", D(-1));
    arg_bool(&p, "keep_dims", 0);
    expect_floats(&p, D(2), wanted);
}

static void reductions(void **state) {
    (void)state;
    expect_reduction("reduce_sum", F(3, 8));
    expect_reduction("reduce_mean", F(1.5f, 4));
    expect_reduction("reduce_sum_square", F(5, 34));
    expect_reduction("reduce_max", F(2, 5));
    expect_reduction("reduce_min", F(1, 3));
    struct program p = program_begin();
    struct mil_value *x = ints(&p, D(2, 2), I(1, 2, 3, 5));
    op(&p, "reduce_sum"); /* no axes: all */
    arg(&p, "x", x);
    arg_bool(&p, "keep_dims", 1);
    expect_ints(&p, MIL_I32, D(1, 1), I(11));
}

static void sums_that_run_on(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(3), F(1, 2, 3));
    op(&p, "cumsum");
    arg(&p, "x", x);
    arg_int(&p, "axis", 0);
    arg_bool(&p, "exclusive", 0);
    arg_bool(&p, "reverse", 0);
    expect_floats(&p, D(3), F(1, 3, 6));
    p = program_begin();
    x = floats(&p, D(3), F(1, 2, 3));
    op(&p, "cumsum");
    arg(&p, "x", x);
    arg_int(&p, "axis", 0);
    arg_bool(&p, "exclusive", 1);
    arg_bool(&p, "reverse", 1);
    expect_floats(&p, D(3), F(5, 3, 0));
}

static void the_first_of_equals_is_chosen(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 7, 7, 2, NAN, 0));
    op(&p, "reduce_argmax");
    arg(&p, "x", x);
    arg_int(&p, "axis", -1);
    arg_bool(&p, "keep_dims", 1);
    expect_ints(&p, MIL_I32, D(2, 1), I(1, 0));
    p = program_begin();
    x = floats(&p, D(2, 2), F(1, 0, 1, 0));
    op(&p, "reduce_argmin");
    arg(&p, "x", x);
    arg_int(&p, "axis", 0);
    arg_bool(&p, "keep_dims", 0);
    expect_ints(&p, MIL_I32, D(2), I(0, 0));
}

static void topk_gives_values_and_places(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 3, 2, 6, 4, 5));
    struct mil_tensor got[2];
    op(&p, "topk");
    arg(&p, "x", x);
    arg_int(&p, "k", 2);
    arg_int(&p, "axis", 1);
    arg_bool(&p, "ascending", 0);
    arg_bool(&p, "sort", 1);
    arg_bool(&p, "return_indices", 1);
    output(&p, MIL_F32, D(2, 2));
    output(&p, MIL_I32, D(2, 2));
    assert_int_equal(program_run(&p, got, 2, NULL), PST_OK);
    assert_floats(&got[0], D(2, 2), F(3, 2, 6, 5));
    assert_ints(&got[1], D(2, 2), I(1, 2, 0, 2));
    program_end(&p);
}

/* --------------------------------------------------------------------------------------- shapes */

static void reshape_fills_in_dimensions(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    op(&p, "reshape");
    arg(&p, "x", x);
    arg_list(&p, "shape", D(0, -1));
    expect_floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    p = program_begin();
    x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    op(&p, "reshape");
    arg(&p, "x", x);
    arg_list(&p, "shape", D(3, -1, 1));
    expect_floats(&p, D(3, 2, 1), F(1, 2, 3, 4, 5, 6));
    p = program_begin();
    x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    op(&p, "reshape");
    arg(&p, "x", x);
    arg_list(&p, "shape", D(4, -1));
    output(&p, MIL_F32, D(4, 1));
    expect_error(&p, PST_ERR_MODEL, "6 elements cannot take a shape of 4");
}

static void dimensions_come_and_go(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2), F(1, 2));
    op(&p, "expand_dims");
    arg(&p, "x", x);
    arg_list(&p, "axes", D(0, -1));
    expect_floats(&p, D(1, 2, 1), F(1, 2));
    p = program_begin();
    x = floats(&p, D(1, 2, 1), F(1, 2));
    op(&p, "squeeze");
    arg(&p, "x", x);
    arg_list(&p, "axes", D(-1));
    expect_floats(&p, D(1, 2), F(1, 2));
    p = program_begin();
    x = floats(&p, D(1, 2, 1), F(1, 2));
    op(&p, "squeeze");
    arg(&p, "x", x);
    expect_floats(&p, D(2), F(1, 2));
    p = program_begin();
    x = floats(&p, D(1, 2), F(1, 2));
    op(&p, "squeeze");
    arg(&p, "x", x);
    arg_list(&p, "axes", D(1));
    output(&p, MIL_F32, D(1));
    expect_error(&p, PST_ERR_MODEL, "axis 1 has 2 elements, expected 1");
    p = program_begin();
    x = floats(&p, D(2, 1, 2), F(1, 2, 3, 4));
    op(&p, "shape");
    arg(&p, "x", x);
    expect_ints(&p, MIL_I32, D(3), I(2, 1, 2));
}

static void transpose_permutes(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 1, 3), F(1, 2, 3, 4, 5, 6));
    op(&p, "transpose");
    arg(&p, "x", x);
    arg_list(&p, "perm", D(2, 0, -2));
    expect_floats(&p, D(3, 2, 1), F(1, 4, 2, 5, 3, 6));
    p = program_begin();
    x = floats(&p, D(2, 2), F(1, 2, 3, 4));
    op(&p, "transpose");
    arg(&p, "x", x);
    arg_list(&p, "perm", D(0, 0));
    output(&p, MIL_F32, D(2, 2));
    expect_error(&p, PST_ERR_MODEL, "perm has axis 0 twice");
}

static void slices_as_in_python(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 4), F(0, 1, 2, 3, 4, 5, 6, 7));
    op(&p, "slice_by_index");
    arg(&p, "x", x);
    arg_list(&p, "begin", D(1, -1));
    arg_list(&p, "end", D(2, 0));
    arg_list(&p, "stride", D(1, -2));
    arg_flags(&p, "squeeze_mask", D(1, 0));
    expect_floats(&p, D(2), F(7, 5)); /* x[1, -1:0:-2] */
    p = program_begin();
    x = floats(&p, D(2, 4), F(0, 1, 2, 3, 4, 5, 6, 7));
    op(&p, "slice_by_index");
    arg(&p, "x", x);
    arg_list(&p, "begin", D(9, 2));
    arg_list(&p, "end", D(9, -9));
    arg_flags(&p, "begin_mask", D(1, 0));
    arg_flags(&p, "end_mask", D(1, 1));
    expect_floats(&p, D(2, 2), F(2, 3, 6, 7)); /* x[:, 2:] */
    p = program_begin();
    x = ints(&p, D(4), I(0, 1, 2, 3));
    op(&p, "slice_by_size");
    arg(&p, "x", x);
    arg_list(&p, "begin", D(1));
    arg_list(&p, "size", D(-1));
    expect_ints(&p, MIL_I32, D(3), I(1, 2, 3));
    p = program_begin();
    x = ints(&p, D(4), I(0, 1, 2, 3));
    op(&p, "slice_by_size");
    arg(&p, "x", x);
    arg_list(&p, "begin", D(3));
    arg_list(&p, "size", D(2));
    output(&p, MIL_I32, D(2));
    expect_error(&p, PST_ERR_MODEL, "slice_by_size");
}

static void a_slice_is_written(void **state) {
    (void)state;
    struct program p = program_begin_for(9);
    struct mil_value *x = floats(&p, D(2, 3), F(0, 0, 0, 0, 0, 0));
    struct mil_value *update = floats(&p, D(2), F(7, 8));
    op(&p, "slice_update");
    arg(&p, "x", x);
    arg(&p, "update", update);
    arg_list(&p, "begin", D(1, 1));
    arg_list(&p, "end", D(2, 3));
    arg_flags(&p, "squeeze_mask", D(1, 0));
    expect_floats(&p, D(2, 3), F(0, 0, 0, 0, 7, 8));
}

static void split_gives_pieces(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 3), F(1, 2, 3));
    struct mil_tensor got[2];
    op(&p, "split");
    arg(&p, "x", x);
    arg_int(&p, "axis", 1);
    arg_list(&p, "split_sizes", D(1, 2));
    output(&p, MIL_F32, D(1, 1));
    output(&p, MIL_F32, D(1, 2));
    assert_int_equal(program_run(&p, got, 2, NULL), PST_OK);
    assert_floats(&got[0], D(1, 1), F(1));
    assert_floats(&got[1], D(1, 2), F(2, 3));
    program_end(&p);
    p = program_begin();
    x = floats(&p, D(1, 3), F(1, 2, 3));
    op(&p, "split");
    arg(&p, "x", x);
    arg_int(&p, "axis", 1);
    arg_int(&p, "num_splits", 1);
    expect_floats(&p, D(1, 3), F(1, 2, 3));
}

static void concat_and_stack(void **state) {
    (void)state;
    for (int interleave = 0; interleave < 2; interleave++) {
        struct program p = program_begin();
        const struct mil_value *values[] = {floats(&p, D(2, 2), F(1, 2, 3, 4)),
                                            floats(&p, D(2, 2), F(5, 6, 7, 8))};
        op(&p, "concat");
        mil_op_arguments(p.model, p.op, "values", values, 2);
        arg_int(&p, "axis", -1);
        arg_bool(&p, "interleave", interleave);
        expect_floats(&p, D(2, 4),
                      interleave ? F(1, 5, 2, 6, 3, 7, 4, 8) : F(1, 2, 5, 6, 3, 4, 7, 8));
    }
    struct program p = program_begin();
    const struct mil_value *values[] = {floats(&p, D(2), F(1, 2)), floats(&p, D(2), F(3, 4))};
    op(&p, "stack");
    mil_op_arguments(p.model, p.op, "values", values, 2);
    arg_int(&p, "axis", -1);
    expect_floats(&p, D(2, 2), F(1, 3, 2, 4));
}

static void tile_and_pad(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 1), F(1, 2));
    op(&p, "tile");
    arg(&p, "x", x);
    arg_list(&p, "reps", D(2, 2));
    expect_floats(&p, D(4, 2), F(1, 1, 2, 2, 1, 1, 2, 2));
    static const char *const modes[] = {"constant", "reflect", "replicate"};
    static const float wanted[3][6] = {{9, 9, 1, 2, 3, 9}, {3, 2, 1, 2, 3, 2}, {1, 1, 1, 2, 3, 3}};
    for (int i = 0; i < 3; i++) {
        p = program_begin();
        x = floats(&p, D(1, 3), F(1, 2, 3));
        op(&p, "pad");
        arg(&p, "x", x);
        arg_list(&p, "pad", D(2, 1));
        arg_text(&p, "mode", modes[i]);
        arg_float(&p, "constant_val", 9);
        expect_floats(&p, D(1, 6), wanted[i]);
    }
    p = program_begin();
    x = floats(&p, D(2), F(1, 2));
    op(&p, "pad");
    arg(&p, "x", x);
    arg_list(&p, "pad", D(2, 0));
    arg_text(&p, "mode", "reflect");
    arg_float(&p, "constant_val", 0);
    output(&p, MIL_F32, D(4));
    expect_error(&p, PST_ERR_MODEL, "2 elements cannot be padded by 2 and 0");
}

static void tensors_from_numbers(void **state) {
    (void)state;
    struct program p = program_begin();
    op(&p, "fill");
    arg_list(&p, "shape", D(1, 2));
    arg_float(&p, "value", 3);
    expect_floats(&p, D(1, 2), F(3, 3));
    p = program_begin();
    op(&p, "range_1d");
    arg_int(&p, "start", 5);
    arg_int(&p, "end", 0);
    arg_int(&p, "step", -2);
    expect_ints(&p, MIL_I32, D(3), I(5, 3, 1));
    p = program_begin();
    op(&p, "range_1d");
    arg_int(&p, "start", 5);
    arg_int(&p, "end", 0);
    arg_int(&p, "step", 0);
    output(&p, MIL_I32, D(3));
    expect_error(&p, PST_ERR_MODEL, "no end");
    p = program_begin();
    struct mil_value *indices = ints(&p, D(2), I(1, -1));
    op(&p, "one_hot");
    arg(&p, "indices", indices);
    arg_int(&p, "one_hot_vector_size", 3);
    arg_int(&p, "axis", -1);
    arg_float(&p, "on_value", 2);
    arg_float(&p, "off_value", 1);
    expect_floats(&p, D(2, 3), F(1, 2, 1, 1, 1, 2));
    p = program_begin();
    struct mil_value *x = floats(&p, D(2, 2), F(1, 2, 3, 4));
    op(&p, "band_part");
    arg(&p, "x", x);
    arg_int(&p, "lower", -1);
    arg_int(&p, "upper", 0);
    expect_floats(&p, D(2, 2), F(1, 0, 3, 4));
}

/* -------------------------------------------------------------------------------------- indices */

static void gather_by_axis_and_batch(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    struct mil_value *indices = ints(&p, D(2), I(2, -3));
    op(&p, "gather");
    arg(&p, "x", x);
    arg(&p, "indices", indices);
    arg_int(&p, "axis", 1);
    arg_int(&p, "batch_dims", 0);
    expect_floats(&p, D(2, 2), F(3, 1, 6, 4));
    p = program_begin();
    x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    indices = ints(&p, D(2, 1), I(2, 0));
    op(&p, "gather");
    arg(&p, "x", x);
    arg(&p, "indices", indices);
    arg_int(&p, "axis", 1);
    arg_int(&p, "batch_dims", 1);
    expect_floats(&p, D(2, 1), F(3, 4));
    p = program_begin();
    x = floats(&p, D(2), F(1, 2));
    indices = ints(&p, D(1), I(2));
    op(&p, "gather");
    arg(&p, "x", x);
    arg(&p, "indices", indices);
    arg_int(&p, "axis", 0);
    arg_int(&p, "batch_dims", 0);
    output(&p, MIL_F32, D(1));
    expect_error(&p, PST_ERR_MODEL, "index 2 is outside of 2");
}

static void gather_by_elements(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6));
    struct mil_value *indices = ints(&p, D(2, 1), I(2, 0));
    op(&p, "gather_along_axis");
    arg(&p, "x", x);
    arg(&p, "indices", indices);
    arg_int(&p, "axis", 1);
    expect_floats(&p, D(2, 1), F(3, 4));
}

/* --------------------------------------------------------------------------- compressed weights */

/* Adds an operation's output to itself times 1, so that there is something left to run. */
static void expect_folded(struct program *p, uint32_t rank, const int64_t *dims,
                          const float *wanted) {
    struct mil_value *weight = result(p, MIL_F32, rank, dims);
    op(p, "identity");
    arg(p, "x", weight);
    expect_floats(p, rank, dims, wanted);
}

static void attribute(struct program *p, const char *name, struct mil_value *value) {
    mil_op_attribute(p->model, p->op, name, value);
}

static void int8_with_scales(void **state) {
    (void)state;
    struct program p = program_begin();
    op(&p, "constexpr_affine_dequantize");
    attribute(&p, "quantized_data", constant(&p, MIL_I8, D(2, 2), "\x01\xff\x7f\x80"));
    attribute(&p, "zero_point", constant(&p, MIL_I8, D(2), "\0\1"));
    attribute(&p, "scale", floats(&p, D(2), F(2, 0.5f)));
    attribute(&p, "axis", ints(&p, SCALAR, I(0)));
    expect_folded(&p, D(2, 2), F(2, -2, 63, -64.5f));
}

static void blocks_with_scales(void **state) {
    (void)state;
    struct program p = program_begin_for(9); /* int4, two to a byte, the first in the low half */
    struct mil_value *data = constant(&p, MIL_I4, D(2, 4), "\xf1\x87\x21\x43");
    struct mil_value *scale = floats(&p, D(2, 2), F(1, 2, 10, 20));
    op(&p, "constexpr_blockwise_shift_scale");
    arg(&p, "data", data);
    arg(&p, "scale", scale);
    expect_folded(&p, D(2, 4), F(1, -1, 14, -16, 10, 20, 60, 80));
}

static void palettes(void **state) {
    (void)state;
    struct program p = program_begin(); /* four entries: two bits an index, from the lowest up */
    op(&p, "constexpr_lut_to_dense");
    attribute(&p, "indices", constant(&p, MIL_U8, D(2), "\xe4\x01"));
    attribute(&p, "lut", floats(&p, D(4), F(0, 10, 20, 30)));
    attribute(&p, "shape", constant(&p, MIL_U32, D(1), "\x05\0\0\0"));
    expect_folded(&p, D(5), F(0, 10, 20, 30, 10));
    p = program_begin(); /* six bits an index, across bytes: 1, 33, 63 */
    float lut[64];
    for (int i = 0; i < 64; i++) lut[i] = (float)i;
    op(&p, "constexpr_lut_to_dense");
    attribute(&p, "indices", constant(&p, MIL_U8, D(3), "\x41\xf8\x03"));
    attribute(&p, "lut", floats(&p, D(64), lut));
    attribute(&p, "shape", constant(&p, MIL_U32, D(1), "\x03\0\0\0"));
    expect_folded(&p, D(3), F(1, 33, 63));
    p = program_begin_for(9); /* of iOS 18: a palette for each row */
    struct mil_value *indices = constant(&p, MIL_U1, D(2, 2), "\x06");
    struct mil_value *rows = floats(&p, D(2, 1, 2, 1), F(1, 2, 10, 20));
    op(&p, "constexpr_lut_to_dense");
    arg(&p, "indices", indices);
    arg(&p, "lut", rows);
    expect_folded(&p, D(2, 2), F(1, 2, 20, 10));
    p = program_begin_for(9); /* entries of two elements, laid along axis 0 */
    indices = constant(&p, MIL_U1, D(1, 2), "\x02");
    rows = floats(&p, D(1, 1, 2, 2), F(1, 2, 10, 20));
    op(&p, "constexpr_lut_to_dense");
    arg(&p, "indices", indices);
    arg(&p, "lut", rows);
    arg_int(&p, "vector_axis", 0);
    expect_folded(&p, D(2, 2), F(1, 10, 2, 20));
}

static void palettes_that_lie(void **state) {
    (void)state;
    struct program p = program_begin();
    op(&p, "constexpr_lut_to_dense");
    attribute(&p, "indices", constant(&p, MIL_U8, D(1), "\xe4"));
    attribute(&p, "lut", floats(&p, D(4), F(0, 10, 20, 30)));
    attribute(&p, "shape", constant(&p, MIL_U32, D(1), "\x05\0\0\0"));
    output(&p, MIL_F32, D(5));
    expect_error(&p, PST_ERR_MODEL, "indices has 1 bytes for 5 elements of 2 bits");
    p = program_begin_for(9);
    struct mil_value *indices = constant(&p, MIL_U8, D(1), "\x02");
    struct mil_value *lut = floats(&p, D(1, 2, 1), F(1, 2));
    op(&p, "constexpr_lut_to_dense");
    arg(&p, "indices", indices);
    arg(&p, "lut", lut);
    output(&p, MIL_F32, D(1));
    expect_error(&p, PST_ERR_MODEL, "lut has 2 entries for indices of type uint8");
}

static void masks_and_casts(void **state) {
    (void)state;
    struct program p = program_begin();
    op(&p, "constexpr_sparse_to_dense");
    attribute(&p, "nonzero_data", floats(&p, D(2), F(5, 6)));
    attribute(&p, "mask", constant(&p, MIL_U8, D(1), "\x05"));
    attribute(&p, "shape", constant(&p, MIL_U32, D(1), "\x04\0\0\0"));
    expect_folded(&p, D(4), F(5, 0, 6, 0));
    p = program_begin();
    op(&p, "constexpr_cast");
    attribute(&p, "source_val", constant(&p, MIL_F16, D(2), "\x00\x3c\x00\xc0"));
    attribute(&p, "output_dtype", mil_const_text(p.model, NULL, "t", "fp32"));
    expect_folded(&p, D(2), F(1, -2));
}

/* ----------------------------------------------------------------------------------------- LSTM */

static void lstm_steps(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_tensor got[3];
    struct mil_value *x = floats(&p, D(2, 1, 1), F(1, 2)), *h = floats(&p, D(1, 1), F(0.5f));
    struct mil_value *c = floats(&p, D(1, 1), F(1));
    struct mil_value *ih = floats(&p, D(4, 1), F(1, 0, -1, 0.5f));
    struct mil_value *hh = floats(&p, D(4, 1), F(0, 1, 0, 1));
    struct mil_value *bias = floats(&p, D(4), F(0, 0.5f, 1, 0));
    op(&p, "lstm");
    arg(&p, "x", x);
    arg(&p, "initial_h", h);
    arg(&p, "initial_c", c);
    arg(&p, "weight_ih", ih);
    arg(&p, "weight_hh", hh);
    arg(&p, "bias", bias);
    arg_text(&p, "direction", "forward");
    arg_bool(&p, "output_sequence", 1);
    arg_text(&p, "recurrent_activation", "sigmoid");
    arg_text(&p, "cell_activation", "tanh");
    arg_text(&p, "activation", "tanh");
    output(&p, MIL_F32, D(2, 1, 1));
    output(&p, MIL_F32, D(1, 1));
    output(&p, MIL_F32, D(1, 1));
    assert_int_equal(program_run(&p, got, 3, NULL), PST_OK);
    double hidden = 0.5, cell = 1;
    for (int t = 0; t < 2; t++) {
        double in = t + 1, i = 1 / (1 + exp(-in)), f = 1 / (1 + exp(-(hidden + 0.5)));
        double o = 1 / (1 + exp(-(1 - in))), z = tanh(0.5 * in + hidden);
        cell = f * cell + i * z;
        hidden = o * tanh(cell);
        assert_near(got[0].f[t], (float)hidden);
    }
    assert_near(got[1].f[0], (float)hidden);
    assert_near(got[2].f[0], (float)cell);
    program_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_one_number),
        cmocka_unit_test(gelu_has_three_modes),
        cmocka_unit_test(functions_with_parameters),
        cmocka_unit_test(functions_of_two_numbers),
        cmocka_unit_test(integers_never_fault),
        cmocka_unit_test(comparisons_and_logic),
        cmocka_unit_test(shapes_broadcast_as_in_numpy),
        cmocka_unit_test(select_takes_from_two),
        cmocka_unit_test(casts_cut_and_wrap),
        cmocka_unit_test(softmax_along_any_axis),
        cmocka_unit_test(matmul_transposes_and_broadcasts),
        cmocka_unit_test(integers_are_multiplied_too),
        cmocka_unit_test(einsum_sums_by_letters),
        cmocka_unit_test(linear_has_rows_as_outputs),
        cmocka_unit_test(attention_in_one_operation),
        cmocka_unit_test(convolution_pads_in_four_ways),
        cmocka_unit_test(convolution_in_two_dimensions_and_groups),
        cmocka_unit_test(convolution_checks_its_shapes),
        cmocka_unit_test(layer_norm_over_chosen_axes),
        cmocka_unit_test(instance_and_batch_norm),
        cmocka_unit_test(reductions),
        cmocka_unit_test(sums_that_run_on),
        cmocka_unit_test(the_first_of_equals_is_chosen),
        cmocka_unit_test(topk_gives_values_and_places),
        cmocka_unit_test(reshape_fills_in_dimensions),
        cmocka_unit_test(dimensions_come_and_go),
        cmocka_unit_test(transpose_permutes),
        cmocka_unit_test(slices_as_in_python),
        cmocka_unit_test(a_slice_is_written),
        cmocka_unit_test(split_gives_pieces),
        cmocka_unit_test(concat_and_stack),
        cmocka_unit_test(tile_and_pad),
        cmocka_unit_test(tensors_from_numbers),
        cmocka_unit_test(gather_by_axis_and_batch),
        cmocka_unit_test(gather_by_elements),
        cmocka_unit_test(int8_with_scales),
        cmocka_unit_test(blocks_with_scales),
        cmocka_unit_test(palettes),
        cmocka_unit_test(palettes_that_lie),
        cmocka_unit_test(masks_and_casts),
        cmocka_unit_test(lstm_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
