/* mil_case.h - small programs for tests of the interpreter: constants in, one
 * operation, results out. */
#ifndef TESTS_MIL_CASE_H
#define TESTS_MIL_CASE_H

#include "support/test.h"

#include <math.h>
#include <string.h>

#include "coreml/interpret/interpret.h"
#include "support/mil_constants.h"

/* Shapes and numbers in a call: floats(&p, D(2, 3), F(1, 2, 3, 4, 5, 6)). */
#define D(...)                                                                                     \
    (uint32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {            \
        __VA_ARGS__                                                                                \
    }
#define SCALAR 0, NULL
#define F(...)                                                                                     \
    (const float[]) {                                                                              \
        __VA_ARGS__                                                                                \
    }
#define I(...)                                                                                     \
    (const int32_t[]) {                                                                            \
        __VA_ARGS__                                                                                \
    }

/* A program under construction; `op` is the last operation begun. */
struct program {
    struct mil_model *model;
    struct mil_function *function;
    struct mil_block *block;
    struct mil_op *op;
    struct mil_machine *machine;
    int names;
};

static inline struct program program_begin_for(int32_t specification) {
    struct program p = {.model = mil_model_new()};
    p.model->specification = specification;
    p.function =
        mil_function_new(p.model, "main", mil_text(p.model, "CoreML%d", (int)specification - 1));
    p.block = p.function->block;
    return p;
}

static inline struct program program_begin(void) {
    return program_begin_for(7);
}

static inline void program_end(struct program *p) {
    mil_machine_free(p->machine);
    mil_model_free(p->model);
    *p = (struct program){0};
}

static inline const char *fresh_name(struct program *p) {
    return mil_text(p->model, "v%d", p->names++);
}

static inline struct mil_value *constant(struct program *p, enum mil_dtype dtype, uint32_t rank,
                                         const int64_t *dims, const void *data) {
    struct mil_type type = mil_type_of(dtype, rank, dims);
    return mil_const(p->model, p->block, fresh_name(p), type, data, mil_data_bytes(&type), 0);
}

static inline struct mil_value *floats(struct program *p, uint32_t rank, const int64_t *dims,
                                       const float *data) {
    return constant(p, MIL_F32, rank, dims, data);
}

static inline struct mil_value *ints(struct program *p, uint32_t rank, const int64_t *dims,
                                     const int32_t *data) {
    return constant(p, MIL_I32, rank, dims, data);
}

/* Begins an operation. */
static inline void op(struct program *p, const char *type) {
    p->op = mil_op_new(p->model, p->block, type);
}

static inline void arg(struct program *p, const char *name, const struct mil_value *value) {
    mil_op_argument(p->model, p->op, name, value);
}

/* Constants bound where they are used. */
static inline void arg_int(struct program *p, const char *name, int32_t value) {
    arg(p, name, mil_const_int(p->model, NULL, NULL, value));
}

static inline void arg_bool(struct program *p, const char *name, int value) {
    arg(p, name, mil_const_bool(p->model, NULL, NULL, value));
}

static inline void arg_text(struct program *p, const char *name, const char *text) {
    arg(p, name, mil_const_text(p->model, NULL, NULL, text));
}

static inline void arg_float(struct program *p, const char *name, float value) {
    struct mil_type type = mil_type_of(MIL_F32, SCALAR);
    arg(p, name, mil_const(p->model, NULL, NULL, type, &value, sizeof value, 0));
}

static inline void arg_list(struct program *p, const char *name, uint32_t rank,
                            const int64_t *values) {
    int32_t narrow[16] = {0};
    for (uint32_t i = 0; i < rank; i++) narrow[i] = (int32_t)values[i];
    arg(p, name, mil_const_ints(p->model, NULL, NULL, narrow, rank));
}

static inline void arg_flags(struct program *p, const char *name, uint32_t rank,
                             const int64_t *values) {
    unsigned char flags[16] = {0};
    struct mil_type type = mil_type_of(MIL_BOOL, 1, (const int64_t[]){rank});
    for (uint32_t i = 0; i < rank; i++) flags[i] = (unsigned char)values[i];
    arg(p, name, mil_const(p->model, NULL, NULL, type, flags, rank, 0));
}

static inline struct mil_value *result(struct program *p, enum mil_dtype dtype, uint32_t rank,
                                       const int64_t *dims) {
    return mil_op_output(p->model, p->op, fresh_name(p), mil_type_of(dtype, rank, dims));
}

/* A result that the function gives. */
static inline struct mil_value *output(struct program *p, enum mil_dtype dtype, uint32_t rank,
                                       const int64_t *dims) {
    struct mil_value *value = result(p, dtype, rank, dims);
    mil_block_output(p->model, p->function->block, value);
    return value;
}

static inline pst_status program_prepare(struct program *p, enum mil_rounding rounding,
                                         pst_error *err) {
    assert_int_equal(mil_model_check(p->model, NULL), PST_OK);
    return mil_machine_new(&p->machine, p->model, "main", rounding, 1, err);
}

/* Prepares and runs a program without inputs that gives `count` results. */
static inline pst_status program_run(struct program *p, struct mil_tensor *outputs, size_t count,
                                     pst_error *err) {
    pst_status status = program_prepare(p, MIL_ROUND_NONE, err);
    return status ? status : mil_machine_run(p->machine, NULL, 0, outputs, count, err);
}

static inline void assert_type(const struct mil_tensor *tensor, enum mil_dtype dtype, uint32_t rank,
                               const int64_t *dims) {
    assert_int_equal(tensor->type.dtype, dtype);
    assert_int_equal(tensor->type.rank, rank);
    for (uint32_t i = 0; i < rank; i++) assert_int_equal(tensor->type.dims[i], dims[i]);
}

/* One part in a hundred thousand, or that much of 1; NaN and infinity exactly. */
static inline void assert_near(float got, float wanted) {
    float room = 1e-5f * (fabsf(wanted) > 1 ? fabsf(wanted) : 1);
    int same = isnan(wanted)   ? isnan(got)
               : isinf(wanted) ? got == wanted
                               : fabsf(got - wanted) <= room;
    if (!same) fail_msg("%.9g, expected %.9g", (double)got, (double)wanted);
}

static inline void assert_floats(const struct mil_tensor *tensor, uint32_t rank,
                                 const int64_t *dims, const float *wanted) {
    assert_type(tensor, tensor->type.dtype, rank, dims);
    assert_non_null(tensor->f);
    for (size_t i = 0; i < mil_elements(&tensor->type); i++) assert_near(tensor->f[i], wanted[i]);
}

static inline void assert_ints(const struct mil_tensor *tensor, uint32_t rank, const int64_t *dims,
                               const int32_t *wanted) {
    assert_type(tensor, tensor->type.dtype, rank, dims);
    assert_non_null(tensor->i);
    for (size_t i = 0; i < mil_elements(&tensor->type); i++)
        assert_int_equal(tensor->i[i], wanted[i]);
}

/* The operation begun gives these floats or integers; ends the program. */
static inline void expect_floats(struct program *p, uint32_t rank, const int64_t *dims,
                                 const float *wanted) {
    struct mil_tensor got;
    pst_error err = {0};
    output(p, MIL_F32, rank, dims);
    if (program_run(p, &got, 1, &err)) fail_msg("%s", err.message);
    assert_floats(&got, rank, dims, wanted);
    program_end(p);
}

static inline void expect_ints(struct program *p, enum mil_dtype dtype, uint32_t rank,
                               const int64_t *dims, const int32_t *wanted) {
    struct mil_tensor got;
    pst_error err = {0};
    output(p, dtype, rank, dims);
    if (program_run(p, &got, 1, &err)) fail_msg("%s", err.message);
    assert_ints(&got, rank, dims, wanted);
    program_end(p);
}

/* It cannot be run, and the message has `part`; ends the program. */
static inline void expect_error(struct program *p, pst_status status, const char *part) {
    struct mil_tensor got;
    pst_error err = {0};
    assert_int_equal(program_run(p, &got, 1, &err), status);
    if (!strstr(err.message, part)) fail_msg("\"%s\" lacks \"%s\"", err.message, part);
    program_end(p);
}

#endif
