/* test_interpret.c - how programs are prepared and run: inputs, outputs, rounding, loops, states,
 * limits, and what is refused. */
#include <stdlib.h>

#include "support/mil_case.h"

static struct mil_value *input(struct program *p, const char *name, enum mil_dtype dtype,
                               uint32_t rank, const int64_t *dims) {
    return mil_function_input(p->model, p->function, name, mil_type_of(dtype, rank, dims));
}

static struct mil_value *unary(struct program *p, const char *type, const struct mil_value *x) {
    op(p, type);
    arg(p, "x", x);
    return result(p, x->type.dtype, x->type.rank, x->type.dims);
}

static struct mil_value *binary(struct program *p, const char *type, const struct mil_value *x,
                                const struct mil_value *y) {
    op(p, type);
    arg(p, "x", x);
    arg(p, "y", y);
    return result(p, x->type.dtype, x->type.rank, x->type.dims);
}

static void give(struct program *p, const struct mil_value *value) {
    mil_block_output(p->model, p->function->block, value);
}

static struct mil_tensor tensor(const char *name, enum mil_dtype dtype, uint32_t rank,
                                const int64_t *dims, float *data) {
    return (struct mil_tensor){.name = name, .type = mil_type_of(dtype, rank, dims), .f = data};
}

/* ------------------------------------------------------------------------------ inputs, outputs */

static void inputs_are_found_by_name(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *a = input(&p, "a", MIL_F32, D(2)), *b = input(&p, "b", MIL_F32, D(2));
    give(&p, binary(&p, "sub", a, b));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float one[] = {1, 2}, two[] = {10, 30};
    struct mil_tensor got,
        inputs[] = {tensor("b", MIL_F32, D(2), two), tensor("a", MIL_F32, D(2), one)};
    for (int again = 0; again < 3; again++) {
        one[0] = (float)again;
        assert_int_equal(mil_machine_run(p.machine, inputs, 2, &got, 1, NULL), PST_OK);
        assert_floats(&got, D(2), F((float)again - 10, -28));
    }
    program_end(&p);
}

static void inputs_have_to_fit(void **state) {
    (void)state;
    struct program p = program_begin();
    give(&p, unary(&p, "relu", input(&p, "a", MIL_F32, D(2))));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float data[3] = {1, 2, 3};
    struct mil_tensor got,
        wrong[] = {
            tensor("b", MIL_F32, D(2), data), tensor("a", MIL_F16, D(2), data),
            tensor("a", MIL_F32, D(3), data), tensor("a", MIL_F32, D(1, 2), data),
            tensor("a", MIL_F32, D(2), NULL),
        };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(mil_machine_run(p.machine, &wrong[i], 1, &got, 1, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(mil_machine_run(p.machine, NULL, 0, &got, 1, NULL), PST_ERR_ARGUMENT);
    struct mil_tensor right = tensor("a", MIL_F32, D(2), data);
    assert_int_equal(mil_machine_run(p.machine, &right, 1, &got, 2, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(mil_machine_run(p.machine, &right, 1, &got, 1, NULL), PST_OK);
    program_end(&p);
}

static void open_dimensions_follow_the_input(void **state) {
    (void)state;
    struct program p = program_begin();
    give(&p, unary(&p, "relu", input(&p, "a", MIL_F32, D(1, MIL_UNKNOWN))));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float data[3] = {-1, 2, 3};
    for (int64_t n = 1; n <= 3; n++) {
        struct mil_tensor got, given = tensor("a", MIL_F32, D(1, n), data);
        assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
        assert_floats(&got, D(1, n), F(0, 2, 3));
    }
    program_end(&p);
}

/* What the program leaves open the rules look at again when it is known. */
static void open_dimensions_have_to_fit(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *a = input(&p, "a", MIL_F32, D(MIL_UNKNOWN));
    struct mil_value *b = input(&p, "b", MIL_F32, D(MIL_UNKNOWN));
    give(&p, binary(&p, "add", a, b));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float data[3] = {1, 2, 3};
    static const struct {
        int64_t a, b, sum; /* -1: they do not fit */
    } cases[] = {{3, 3, 3}, {1, 3, 3}, {3, 2, -1}, {0, 0, 0}, {0, 1, 0}, {0, 2, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mil_tensor got, given[] = {tensor("a", MIL_F32, D(cases[i].a), data),
                                          tensor("b", MIL_F32, D(cases[i].b), data)};
        pst_error err = {0};
        pst_status status = mil_machine_run(p.machine, given, 2, &got, 1, &err);
        assert_int_equal(status, cases[i].sum < 0 ? PST_ERR_MODEL : PST_OK);
        if (status)
            assert_non_null(strstr(err.message, "do not fit together"));
        else
            assert_type(&got, MIL_F32, D(cases[i].sum));
    }
    program_end(&p);
}

/* A rule with one answer is asked once; one that looks at numbers is asked in every run, also at
 * numbers of float type: range_1d from 0 to the sum of the input. */
static void a_computed_length_is_new_in_every_run(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *a = input(&p, "a", MIL_F32, D(2));
    op(&p, "reduce_sum");
    arg(&p, "x", a);
    arg_list(&p, "axes", D(0));
    arg_bool(&p, "keep_dims", 0);
    struct mil_value *length = result(&p, MIL_F32, SCALAR);
    op(&p, "range_1d");
    arg_float(&p, "start", 0);
    arg(&p, "end", length);
    arg_float(&p, "step", 1);
    output(&p, MIL_F32, D(MIL_UNKNOWN));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    for (int n = 4; n >= 1; n--) {
        float data[] = {(float)n, -1};
        struct mil_tensor got, given = tensor("a", MIL_F32, D(2), data);
        assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
        assert_floats(&got, D(n - 1), F(0, 1, 2));
    }
    program_end(&p);
}

/* x[at:] of as many as x has, `at` being an input */
static void computed_numbers_have_to_fit(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = input(&p, "x", MIL_F32, D(MIL_UNKNOWN));
    struct mil_value *at = input(&p, "at", MIL_I32, D(1));
    op(&p, "shape");
    arg(&p, "x", x);
    struct mil_value *end = result(&p, MIL_I32, D(1));
    op(&p, "slice_by_index");
    arg(&p, "x", x);
    arg(&p, "begin", at);
    arg(&p, "end", end);
    output(&p, MIL_F32, D(MIL_UNKNOWN));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float data[3] = {1, 2, 3};
    for (int32_t begin = -4; begin <= 4; begin++) {
        struct mil_tensor got, given[] = {tensor("x", MIL_F32, D(3), data),
                                          {.name = "at", .type = at->type, .i = &begin}};
        int inside = begin >= -3 && begin < 3, first = begin < 0 ? begin + 3 : begin;
        pst_status status = mil_machine_run(p.machine, given, 2, &got, 1, NULL);
        assert_int_equal(status, inside ? PST_OK : PST_ERR_MODEL);
        if (inside) assert_floats(&got, D(3 - first), data + first);
    }
    program_end(&p);
}

static void a_value_lives_until_its_last_use(void **state) {
    (void)state;
    /* x is read by the first and by the last of a chain, what stands between only once. */
    struct program p = program_begin();
    struct mil_value *x = unary(&p, "square", input(&p, "a", MIL_F32, D(256))), *y = x;
    for (int i = 0; i < 50; i++) y = binary(&p, "add", y, y);
    give(&p, binary(&p, "sub", y, x));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    /* Four tensors at once and a little: 50 would not fit. */
    mil_machine_limit(p.machine, (struct mil_limits){5 * 256 * sizeof(float), 1 << 20});
    float data[256] = {3};
    struct mil_tensor got, given = tensor("a", MIL_F32, D(256), data);
    pst_error err = {0};
    if (mil_machine_run(p.machine, &given, 1, &got, 1, &err)) fail_msg("%s", err.message);
    assert_near(got.f[0], 9 * (ldexpf(1, 50) - 1));
    program_end(&p);
}

/* ------------------------------------------------------------------------------------- rounding */

static float rounded(float x) {
    struct program p = program_begin();
    struct mil_tensor got, given = tensor("a", MIL_F16, D(1), &x);
    give(&p, unary(&p, "identity", input(&p, "a", MIL_F16, D(1))));
    assert_int_equal(program_prepare(&p, MIL_ROUND_F16, NULL), PST_OK);
    assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
    x = got.f[0];
    program_end(&p);
    return x;
}

static void results_are_rounded_to_float16(void **state) {
    (void)state;
    assert_true(rounded(1 + 0x1p-11f) == 1); /* a tie goes to the even one */
    assert_true(rounded(1 + 0x3p-11f) == 1 + 0x1p-9f);
    assert_true(rounded(1 + 0x1.01p-11f) == 1 + 0x1p-10f);
    assert_true(rounded(65519.996f) == 65504);
    assert_true(isinf(rounded(65520)));
    assert_true(rounded(-1e30f) == -INFINITY);
    assert_true(rounded(0x1p-24f) == 0x1p-24f); /* the smallest */
    assert_true(rounded(0x1p-25f) == 0);
    assert_true(rounded(0x1.8p-25f) == 0x1p-24f);
    assert_true(rounded(0x1.ffcp-15f) == 0x1p-14f);
    assert_true(rounded(-0x1.002p-14f) == -0x1p-14f);
    assert_true(isnan(rounded(NAN)));
    assert_true(signbit(rounded(-0.0f)) != 0);
}

static void rounding_happens_after_each_operation(void **state) {
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct program p = program_begin();
        struct mil_value *a = input(&p, "a", MIL_F16, D(1));
        struct mil_value *big = constant(&p, MIL_F16, D(1), "\x00\x68"); /* 2048 */
        give(&p, binary(&p, "sub", binary(&p, "add", a, big), big));
        float one = 1;
        struct mil_tensor got, given = tensor("a", MIL_F16, D(1), &one);
        assert_int_equal(program_prepare(&p, mode ? MIL_ROUND_F16 : MIL_ROUND_NONE, NULL), PST_OK);
        assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
        assert_near(got.f[0], mode ? 0 : 1); /* 2049 is no float16 */
        program_end(&p);
    }
}

/* --------------------------------------------------------------------------- loops and branches */

/* while (i < limit) { i = i + 1; x = x * factor; }, the factor of an outer block */
static void make_loop(struct program *p, int32_t limit) {
    struct mil_value *factor = floats(p, D(1), F(2)), *start = ints(p, SCALAR, I(0));
    struct mil_value *x = unary(p, "identity", floats(p, D(1), F(3)));
    struct mil_value *twice = binary(p, "mul", factor, factor);
    struct mil_block *outer = p->block;
    const struct mil_value *variables[] = {start, x};
    struct mil_block *blocks[2];
    for (int b = 0; b < 2; b++) {
        struct mil_block *block = blocks[b] = p->block = mil_block_new(p->model);
        struct mil_value *i = mil_block_input(p->model, block, b ? "bi" : "ci", start->type);
        struct mil_value *y = mil_block_input(p->model, block, b ? "bx" : "cx", x->type);
        if (b == 0) {
            op(p, "less");
            arg(p, "x", i);
            arg_int(p, "y", limit);
            mil_block_output(p->model, block, result(p, MIL_BOOL, SCALAR));
        } else {
            mil_block_output(p->model, block, binary(p, "add", i, ints(p, SCALAR, I(1))));
            mil_block_output(p->model, block, binary(p, "mul", y, twice));
        }
    }
    p->block = outer;
    op(p, "while_loop");
    mil_op_arguments(p->model, p->op, "loop_vars", variables, 2);
    mil_op_block(p->model, p->op, blocks[0]);
    mil_op_block(p->model, p->op, blocks[1]);
    output(p, MIL_I32, SCALAR);
    output(p, MIL_F32, D(1));
}

static void loops_carry_variables(void **state) {
    (void)state;
    for (int32_t limit = 0; limit <= 3; limit += 3) {
        struct program p = program_begin();
        struct mil_tensor got[2];
        make_loop(&p, limit);
        assert_int_equal(program_run(&p, got, 2, NULL), PST_OK);
        for (int again = 0; again < 2; again++) {
            assert_ints(&got[0], SCALAR, &limit);
            assert_floats(&got[1], D(1), F(limit ? 192 : 3));
            assert_int_equal(mil_machine_run(p.machine, NULL, 0, got, 2, NULL), PST_OK);
        }
        program_end(&p);
    }
}

static void a_loop_without_end_is_ended(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_tensor got[2];
    pst_error err = {0};
    make_loop(&p, INT32_MAX);
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    mil_machine_limit(p.machine, (struct mil_limits){1 << 20, 10000});
    assert_int_equal(mil_machine_run(p.machine, NULL, 0, got, 2, &err), PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "too long"));
    program_end(&p);
}

static void branches_are_taken_by_a_boolean(void **state) {
    (void)state;
    for (int taken = 0; taken < 2; taken++) {
        struct program p = program_begin();
        struct mil_tensor got;
        struct mil_value *x = floats(&p, D(1), F(5)),
                         *pred = mil_const_bool(p.model, p.block, "p", taken);
        struct mil_block *outer = p.block, *blocks[2];
        for (int b = 0; b < 2; b++) {
            p.block = blocks[b] = mil_block_new(p.model);
            mil_block_output(p.model, p.block, b ? x : unary(&p, "square", x));
        }
        p.block = outer;
        op(&p, "cond");
        arg(&p, "pred", pred);
        mil_op_block(p.model, p.op, blocks[0]);
        mil_op_block(p.model, p.op, blocks[1]);
        output(&p, MIL_F32, D(1));
        assert_int_equal(program_run(&p, &got, 1, NULL), PST_OK);
        assert_floats(&got, D(1), F(taken ? 25 : 5));
        program_end(&p);
    }
}

static void states_stay_from_run_to_run(void **state) {
    (void)state;
    struct program p = program_begin_for(9);
    struct mil_type type = mil_type_of(MIL_F32, D(2));
    type.state = 1;
    struct mil_value *sum = mil_function_input(p.model, p.function, "sum", type);
    struct mil_value *a = input(&p, "a", MIL_F32, D(2));
    op(&p, "read_state");
    arg(&p, "input", sum);
    struct mil_value *next = binary(&p, "add", result(&p, MIL_F32, D(2)), a);
    op(&p, "write_state");
    arg(&p, "input", sum);
    arg(&p, "data", next);
    give(&p, next);
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    float data[] = {1, 2};
    struct mil_tensor got, given = tensor("a", MIL_F32, D(2), data);
    assert_null(mil_machine_state(p.machine, "a"));
    struct mil_tensor *held = mil_machine_state(p.machine, "sum");
    assert_floats(held, D(2), F(0, 0));
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
        assert_floats(held, D(2), F((float)i, 2 * (float)i));
    }
    held->f[0] = 100;
    assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
    assert_floats(&got, D(2), F(101, 8));
    program_end(&p);
}

/* ------------------------------------------------------------------------------------- refusals */

static void unknown_operations_are_named(void **state) {
    (void)state;
    struct program p = program_begin();
    unary(&p, "resample", floats(&p, D(1), F(1)));
    expect_error(&p, PST_ERR_MODEL, "v1 (resample): this version does not know the operation");
}

static void a_wrong_declaration_is_named(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(2), F(1, 2));
    op(&p, "relu");
    arg(&p, "x", x);
    output(&p, MIL_F32, D(3));
    expect_error(&p, PST_ERR_MODEL, "v1 is declared fp32 [3], but what it gives is fp32 [2]");
    p = program_begin();
    x = floats(&p, D(2), F(1, 2));
    op(&p, "relu");
    arg(&p, "x", x);
    output(&p, MIL_F16, D(2));
    expect_error(&p, PST_ERR_MODEL, "v1 is declared fp16 [2]");
    p = program_begin();
    x = floats(&p, D(2), F(1, 2));
    op(&p, "relu");
    arg(&p, "x", x);
    output(&p, MIL_F32, D(2));
    result(&p, MIL_F32, D(2));
    expect_error(&p, PST_ERR_MODEL, "has 2 outputs, expected 1");
}

static void arguments_have_to_be_there(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1, 1), F(1));
    op(&p, "matmul");
    arg(&p, "x", x);
    output(&p, MIL_F32, D(1, 1));
    expect_error(&p, PST_ERR_MODEL, "y is missing");
    p = program_begin();
    struct mil_value *word = mil_const_text(p.model, p.block, "word", "no tensor");
    op(&p, "relu");
    arg(&p, "x", word);
    output(&p, MIL_F32, D(1));
    expect_error(&p, PST_ERR_MODEL, "x is string, expected a float");
}

static void what_cannot_be_computed_is_named(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *word = mil_const_text(p.model, p.block, "word", "a text");
    give(&p, word);
    expect_error(&p, PST_ERR_MODEL, "the output word is a text");
    p = program_begin();
    struct mil_value *x = input(&p, "x", MIL_F32, D((int64_t)1 << 40));
    give(&p, unary(&p, "relu", x));
    expect_error(&p, PST_ERR_MODEL, "x has 1099511627776 elements along axis 0");
    p = program_begin_for(7);
    p.model->specification = 11;
    give(&p, unary(&p, "relu", floats(&p, D(1), F(1))));
    expect_error(&p, PST_ERR_MODEL, "the specification version is 11");
}

static void order_matters(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_value *x = floats(&p, D(1), F(1));
    struct mil_value *first = unary(&p, "relu", x);
    struct mil_value *second = unary(&p, "relu", first);
    p.block->items[p.block->item_count - 2].op->arguments[0].values[0] = second;
    give(&p, second);
    expect_error(&p, PST_ERR_MODEL, "(relu): uses v2 before it is defined");
    p = program_begin(); /* a value from within a block, used outside of it */
    x = floats(&p, D(1), F(1));
    struct mil_block *outer = p.block, *inner = mil_block_new(p.model);
    p.block = inner;
    struct mil_value *hidden = unary(&p, "relu", x);
    mil_block_output(p.model, inner, hidden);
    p.block = outer;
    struct mil_value *pred = mil_const_bool(p.model, p.block, "p", 1);
    op(&p, "cond");
    arg(&p, "pred", pred);
    mil_op_block(p.model, p.op, inner);
    mil_op_block(p.model, p.op, inner);
    output(&p, MIL_F32, D(1));
    give(&p, hidden);
    expect_error(&p, PST_ERR_MODEL, "the output v1 is not defined in its block");
}

static void memory_has_a_limit(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_tensor got;
    pst_error err = {0};
    op(&p, "fill");
    arg_list(&p, "shape", D(1 << 20, 1 << 20));
    arg_float(&p, "value", 0);
    output(&p, MIL_F32, D(1 << 20, 1 << 20));
    expect_error(&p, PST_ERR_UNSUPPORTED, "MB of memory");
    p = program_begin();
    op(&p, "fill");
    arg_list(&p, "shape", D(1 << 20));
    arg_float(&p, "value", 0);
    output(&p, MIL_F32, D(1 << 20));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    mil_machine_limit(p.machine, (struct mil_limits){1 << 22, 1 << 22});
    assert_int_equal(mil_machine_run(p.machine, NULL, 0, &got, 1, &err), PST_ERR_UNSUPPORTED);
    mil_machine_limit(p.machine, (struct mil_limits){1 << 23, 1 << 22});
    assert_int_equal(mil_machine_run(p.machine, NULL, 0, &got, 1, &err), PST_OK);
    program_end(&p);
}

static void constants_have_to_be_whole(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_type type = mil_type_of(MIL_F16, D(4));
    struct mil_value *x = mil_const(p.model, p.block, "short", type, "\0\0\0\0", 4, 0);
    op(&p, "relu");
    arg(&p, "x", x);
    output(&p, MIL_F16, D(4));
    expect_error(&p, PST_ERR_MODEL, "the constant short has 4 bytes, its type needs 8");
    p = program_begin();
    static const int64_t large = (int64_t)1 << 40;
    x = constant(&p, MIL_I64, D(1), &large);
    op(&p, "shape");
    arg(&p, "x", x);
    output(&p, MIL_I32, D(1));
    expect_error(&p, PST_ERR_UNSUPPORTED, "32 bits");
}

/* ------------------------------------------------------------------------------------- the rest */

static void traced(void *user, const char *type, const struct mil_tensor *value) {
    size_t *count = user;
    assert_true(value->f != NULL);
    assert_string_equal(type, "relu");
    ++*count;
}

static void every_result_can_be_seen(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_tensor got;
    size_t count = 0;
    give(&p, unary(&p, "relu", unary(&p, "relu", floats(&p, D(1), F(1)))));
    assert_int_equal(program_prepare(&p, MIL_ROUND_NONE, NULL), PST_OK);
    mil_machine_trace(p.machine, traced, &count);
    assert_int_equal(mil_machine_run(p.machine, NULL, 0, &got, 1, NULL), PST_OK);
    assert_int_equal(count, 2);
    program_end(&p);
}

/* One table twice: as it is, and in another shape. Both must read the same numbers. */
static void equal_constants_are_one(void **state) {
    (void)state;
    struct program p = program_begin();
    struct mil_type flat = mil_type_of(MIL_F16, D(4)), square = mil_type_of(MIL_F16, D(2, 2));
    static const unsigned char table[] = {0x00, 0x3c, 0x00, 0x40, 0x00, 0x42, 0x00, 0x44};
    struct mil_value *a = mil_const(p.model, p.block, "a", flat, table, sizeof table, 1);
    struct mil_value *b = mil_const(p.model, p.block, "b", square, table, sizeof table, 1);
    struct mil_tensor got[2];
    give(&p, unary(&p, "relu", a));
    give(&p, unary(&p, "relu", b));
    assert_int_equal(program_run(&p, got, 2, NULL), PST_OK);
    assert_floats(&got[0], D(4), F(1, 2, 3, 4));
    assert_floats(&got[1], D(2, 2), F(1, 2, 3, 4));
    program_end(&p);
}

/* Products large enough to be cut among threads. */
static void threads_change_nothing(void **state) {
    (void)state;
    enum { N = 300 };
    float *data = malloc(N * N * sizeof *data), *first = malloc(N * N * sizeof *first);
    assert_true(data != NULL && first != NULL);
    for (int i = 0; i < N * N; i++) data[i] = (float)(i % 17) - 8;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct program p = program_begin();
        struct mil_value *a = input(&p, "a", MIL_F32, D(N, N));
        struct mil_tensor got, given = tensor("a", MIL_F32, D(N, N), data);
        struct mil_value *product = binary(&p, "matmul", a, a);
        arg_bool(&p, "transpose_x", 0);
        arg_bool(&p, "transpose_y", 0);
        give(&p, unary(&p, "tanh", product));
        assert_int_equal(mil_machine_new(&p.machine, p.model, NULL, MIL_ROUND_NONE, threads, NULL),
                         PST_OK);
        assert_int_equal(mil_machine_run(p.machine, &given, 1, &got, 1, NULL), PST_OK);
        if (threads == 1) memcpy(first, got.f, N * N * sizeof *first);
        assert_memory_equal(first, got.f, N * N * sizeof *first);
        program_end(&p);
    }
    free(data);
    free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_found_by_name),
        cmocka_unit_test(inputs_have_to_fit),
        cmocka_unit_test(open_dimensions_follow_the_input),
        cmocka_unit_test(open_dimensions_have_to_fit),
        cmocka_unit_test(computed_numbers_have_to_fit),
        cmocka_unit_test(a_computed_length_is_new_in_every_run),
        cmocka_unit_test(a_value_lives_until_its_last_use),
        cmocka_unit_test(results_are_rounded_to_float16),
        cmocka_unit_test(rounding_happens_after_each_operation),
        cmocka_unit_test(loops_carry_variables),
        cmocka_unit_test(a_loop_without_end_is_ended),
        cmocka_unit_test(branches_are_taken_by_a_boolean),
        cmocka_unit_test(states_stay_from_run_to_run),
        cmocka_unit_test(unknown_operations_are_named),
        cmocka_unit_test(a_wrong_declaration_is_named),
        cmocka_unit_test(arguments_have_to_be_there),
        cmocka_unit_test(what_cannot_be_computed_is_named),
        cmocka_unit_test(order_matters),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(constants_have_to_be_whole),
        cmocka_unit_test(every_result_can_be_seen),
        cmocka_unit_test(equal_constants_are_one),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
