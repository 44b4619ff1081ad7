/* package_sample.h - small programs that use every part of the package format, for its tests. */
#ifndef PACKAGE_SAMPLE_H
#define PACKAGE_SAMPLE_H

#include "support/mil_constants.h"

struct sample {
    struct mil_model *model;
    struct mil_function *function;
    struct mil_block *block;
};

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static inline struct mil_type sample_type(enum mil_dtype dtype, uint32_t rank,
                                          const int64_t *dims) {
    return mil_type_of(dtype, rank, dims);
}

/* float16 numbers without a converter: 1 + i/64, i below 64, by their bits. */
static inline struct mil_value *sample_f16(struct sample *s, struct mil_block *block,
                                           const char *name, uint32_t rank, const int64_t *dims) {
    uint16_t data[1024];
    struct mil_type type = mil_type_of(MIL_F16, rank, dims);
    size_t count = mil_elements(&type);
    for (size_t i = 0; i < count; i++) data[i] = (uint16_t)(0x3c00 + (i * 7 % 64) * 16);
    return mil_const(s->model, block, name, type, data, 2 * count, 0);
}

static inline void sample_feature(struct sample *s, struct mil_feature *feature, const char *name,
                                  struct mil_type type) {
    feature->name = mil_text(s->model, "%s", name);
    feature->type = type;
}

static inline struct mil_interface *sample_interface(struct sample *s, size_t index, size_t inputs,
                                                     size_t outputs, size_t states) {
    struct mil_interface *interface = &s->model->interfaces[index];
    interface->inputs = mil_alloc(s->model, inputs * sizeof *interface->inputs);
    interface->outputs = mil_alloc(s->model, outputs * sizeof *interface->outputs);
    interface->states = mil_alloc(s->model, states * sizeof *interface->states);
    interface->input_count = inputs;
    interface->output_count = outputs;
    interface->state_count = states;
    return interface;
}

static inline struct sample sample_new(int32_t specification, size_t interfaces) {
    struct sample s = {.model = mil_model_new()};
    s.model->specification = specification;
    s.model->interfaces = mil_alloc(s.model, interfaces * sizeof *s.model->interfaces);
    s.model->interface_count = interfaces;
    s.model->short_description = mil_text(s.model, "a sample");
    s.model->author = mil_text(s.model, "tests");
    s.model->user_defined = mil_alloc(s.model, sizeof *s.model->user_defined);
    s.model->user_defined_count = 1;
    s.model->user_defined[0].key = mil_text(s.model, "org.example.key");
    s.model->user_defined[0].value = mil_text(s.model, "value");
    return s;
}

static inline void sample_function(struct sample *s, const char *name, const char *opset) {
    s->function = mil_function_new(s->model, name, opset);
    s->block = s->function->block;
}

static inline struct mil_value *sample_cast(struct sample *s, const struct mil_value *x,
                                            const char *name, enum mil_dtype dtype,
                                            const char *dtype_name) {
    struct mil_type type = x->type;
    type.dtype = dtype;
    struct mil_value *target =
        mil_const_text(s->model, s->block, mil_text(s->model, "%s_dtype", name), dtype_name);
    struct mil_op *op = mil_op_new(s->model, s->block, "cast");
    mil_op_argument(s->model, op, "x", x);
    mil_op_argument(s->model, op, "dtype", target);
    return mil_op_output(s->model, op, name, type);
}

/* x [1, 4, 8] -> conv [1, 6, 6] */
static inline struct mil_value *sample_conv(struct sample *s, const struct mil_value *x) {
    struct mil_model *m = s->model;
    struct mil_block *b = s->block;
    struct mil_value *weight = sample_f16(s, b, "conv_weight", 3, DIMS(6, 4, 3));
    struct mil_value *bias = sample_f16(s, b, "conv_bias", 1, DIMS(6));
    struct mil_value *strides = mil_const_ints(m, b, "conv_strides", (const int32_t[]){1}, 1);
    struct mil_value *pad_type = mil_const_text(m, b, "conv_pad_type", "valid");
    struct mil_value *pad = mil_const_ints(m, b, "conv_pad", (const int32_t[]){0, 0}, 2);
    struct mil_value *dilations = mil_const_ints(m, b, "conv_dilations", (const int32_t[]){1}, 1);
    struct mil_value *groups = mil_const_int(m, b, "conv_groups", 1);
    struct mil_op *op = mil_op_new(m, b, "conv");
    mil_op_argument(m, op, "x", x);
    mil_op_argument(m, op, "weight", weight);
    mil_op_argument(m, op, "bias", bias);
    mil_op_argument(m, op, "strides", strides);
    mil_op_argument(m, op, "pad_type", pad_type);
    mil_op_argument(m, op, "pad", pad);
    mil_op_argument(m, op, "dilations", dilations);
    mil_op_argument(m, op, "groups", groups);
    return mil_op_output(m, op, "conv", sample_type(MIL_F16, 3, DIMS(1, 6, 6)));
}

/* x [1, 6, 6], normalised over the last axis. */
static inline struct mil_value *sample_norm(struct sample *s, const struct mil_value *x) {
    static const uint16_t tiny = 0x00a8; /* 1e-5 */
    struct mil_model *m = s->model;
    struct mil_block *b = s->block;
    struct mil_value *axes = mil_const_ints(m, b, "norm_axes", (const int32_t[]){-1}, 1);
    struct mil_value *gamma = sample_f16(s, b, "norm_gamma", 1, DIMS(6));
    struct mil_value *epsilon =
        mil_const(m, b, "norm_epsilon", sample_type(MIL_F16, 0, NULL), &tiny, 2, 0);
    struct mil_op *op = mil_op_new(m, b, "layer_norm");
    mil_op_argument(m, op, "x", x);
    mil_op_argument(m, op, "axes", axes);
    mil_op_argument(m, op, "gamma", gamma);
    mil_op_argument(m, op, "epsilon", epsilon);
    return mil_op_output(m, op, "norm", x->type);
}

/* A weight [12, 6] of type fp16, as this specification can store it. */
static inline struct mil_value *sample_weight(struct sample *s) {
    struct mil_model *m = s->model;
    int8_t data[72], zeros[12] = {0};
    for (int i = 0; i < 72; i++) data[i] = (int8_t)(i * 5 % 255 - 127);
    if (m->specification < 7) return sample_f16(s, s->block, "linear_weight", 2, DIMS(12, 6));
    struct mil_op *op;
    if (m->specification >= 9) {
        uint8_t packed[36];
        memcpy(packed, data, sizeof packed);
        op = mil_op_new(m, s->block, "constexpr_blockwise_shift_scale");
        mil_op_argument(m, op, "data",
                        mil_const(m, NULL, "linear_data", sample_type(MIL_I4, 2, DIMS(12, 6)),
                                  packed, sizeof packed, 0));
        mil_op_argument(m, op, "scale", sample_f16(s, NULL, "linear_scale", 2, DIMS(12, 1)));
    } else {
        op = mil_op_new(m, s->block, "constexpr_affine_dequantize");
        mil_op_attribute(
            m, op, "quantized_data",
            mil_const(m, NULL, NULL, sample_type(MIL_I8, 2, DIMS(12, 6)), data, 72, 0));
        mil_op_attribute(m, op, "zero_point",
                         mil_const(m, NULL, NULL, sample_type(MIL_I8, 1, DIMS(12)), zeros, 12, 0));
        mil_op_attribute(m, op, "scale", sample_f16(s, NULL, NULL, 1, DIMS(12)));
        mil_op_attribute(m, op, "axis", mil_const_int(m, NULL, NULL, 0));
    }
    return mil_op_output(m, op, "linear_weight", sample_type(MIL_F16, 2, DIMS(12, 6)));
}

/* x [1, 6, 6] -> linear [1, 6, 12] */
static inline struct mil_value *sample_linear(struct sample *s, const struct mil_value *x) {
    struct mil_value *weight = sample_weight(s);
    struct mil_value *bias = sample_f16(s, s->block, "linear_bias", 1, DIMS(12));
    struct mil_op *op = mil_op_new(s->model, s->block, "linear");
    mil_op_argument(s->model, op, "x", x);
    mil_op_argument(s->model, op, "weight", weight);
    mil_op_argument(s->model, op, "bias", bias);
    return mil_op_output(s->model, op, "linear", sample_type(MIL_F16, 3, DIMS(1, 6, 12)));
}

/* A program from x [1, 4, 8] to y [1, 6, 12], both float32, for any specification. */
static inline void sample_body(struct sample *s, const char *name, const char *opset,
                               struct mil_interface *interface) {
    sample_function(s, name, opset);
    struct mil_type x_type = sample_type(MIL_F32, 3, DIMS(1, 4, 8));
    struct mil_value *x = mil_function_input(s->model, s->function, "x", x_type);
    struct mil_value *half = sample_cast(s, x, "x_half", MIL_F16, "fp16");
    struct mil_value *linear = sample_linear(s, sample_norm(s, sample_conv(s, half)));
    struct mil_value *y = sample_cast(s, linear, "y", MIL_F32, "fp32");
    mil_block_output(s->model, s->block, y);
    sample_feature(s, &interface->inputs[0], "x", x_type);
    sample_feature(s, &interface->outputs[0], "y", y->type);
}

static inline struct mil_model *sample_plain(int32_t specification) {
    struct sample s = sample_new(specification, 1);
    const char *opset = mil_text(s.model, "CoreML%d", (int)specification - 1);
    sample_body(&s, "main", opset, sample_interface(&s, 0, 1, 1, 0));
    return s.model;
}

/* Two functions with the same weights, iOS 18. */
static inline struct mil_model *sample_functions(void) {
    struct sample s = sample_new(9, 2);
    s.model->default_function = "one";
    s.model->interfaces[0].function = "one";
    s.model->interfaces[1].function = "two";
    sample_body(&s, "one", "CoreML8", sample_interface(&s, 0, 1, 1, 0));
    sample_body(&s, "two", "CoreML8", sample_interface(&s, 1, 1, 1, 0));
    return s.model;
}

/* A sum kept from call to call: state [1, 4, 8] += x; y is what it was before. */
static inline struct mil_model *sample_state(void) {
    struct sample s = sample_new(9, 1);
    struct mil_interface *interface = sample_interface(&s, 0, 1, 1, 1);
    struct mil_type type = sample_type(MIL_F16, 3, DIMS(1, 4, 8)), state_type = type;
    state_type.state = 1;
    sample_function(&s, "main", "CoreML8");
    struct mil_value *x = mil_function_input(s.model, s.function, "x", type);
    struct mil_value *state = mil_function_input(s.model, s.function, "sum", state_type);
    struct mil_op *read = mil_op_new(s.model, s.block, "read_state");
    mil_op_argument(s.model, read, "input", state);
    struct mil_value *y = mil_op_output(s.model, read, "y", type);
    struct mil_op *add = mil_op_new(s.model, s.block, "add");
    mil_op_argument(s.model, add, "x", y);
    mil_op_argument(s.model, add, "y", x);
    struct mil_value *sum = mil_op_output(s.model, add, "new_sum", type);
    struct mil_op *write = mil_op_new(s.model, s.block, "write_state");
    mil_op_argument(s.model, write, "input", state);
    mil_op_argument(s.model, write, "data", sum);
    mil_block_output(s.model, s.block, y);
    sample_feature(&s, &interface->inputs[0], "x", type);
    sample_feature(&s, &interface->outputs[0], "y", type);
    sample_feature(&s, &interface->states[0], "sum", state_type);
    return s.model;
}

/* Counts `i` up to `limit` and doubles y [3] each time. */
static inline struct mil_model *sample_loop(void) {
    struct sample s = sample_new(7, 1);
    struct mil_model *m = s.model;
    struct mil_interface *interface = sample_interface(&s, 0, 2, 1, 0);
    struct mil_type number = sample_type(MIL_I32, 0, NULL), row = sample_type(MIL_F32, 1, DIMS(3));
    struct mil_type one = sample_type(MIL_I32, 1, DIMS(1));
    sample_function(&s, "main", "CoreML6");
    struct mil_value *x = mil_function_input(m, s.function, "x", row);
    struct mil_value *limit = mil_function_input(m, s.function, "limit", one);
    struct mil_op *squeeze = mil_op_new(m, s.block, "squeeze");
    mil_op_argument(m, squeeze, "x", limit);
    struct mil_value *end = mil_op_output(m, squeeze, "end", number);
    struct mil_value *start = mil_const_int(m, s.block, "start", 0);
    struct mil_op *loop = mil_op_new(m, s.block, "while_loop");
    mil_op_arguments(m, loop, "loop_vars", (const struct mil_value *const[]){start, x}, 2);
    struct mil_block *test = mil_block_new(m), *body = mil_block_new(m);
    struct mil_value *i = mil_block_input(m, test, "test_i", number);
    mil_block_input(m, test, "test_y", row);
    struct mil_op *less = mil_op_new(m, test, "less");
    mil_op_argument(m, less, "x", i);
    mil_op_argument(m, less, "y", end);
    mil_block_output(m, test, mil_op_output(m, less, "go_on", sample_type(MIL_BOOL, 0, NULL)));
    i = mil_block_input(m, body, "body_i", number);
    struct mil_value *y = mil_block_input(m, body, "body_y", row);
    struct mil_value *step = mil_const_int(m, body, "step", 1);
    struct mil_op *next = mil_op_new(m, body, "add");
    mil_op_argument(m, next, "x", i);
    mil_op_argument(m, next, "y", step);
    mil_block_output(m, body, mil_op_output(m, next, "next_i", number));
    struct mil_op *twice = mil_op_new(m, body, "add");
    mil_op_argument(m, twice, "x", y);
    mil_op_argument(m, twice, "y", y);
    mil_block_output(m, body, mil_op_output(m, twice, "next_y", row));
    mil_op_block(m, loop, test);
    mil_op_block(m, loop, body);
    mil_op_output(m, loop, "last_i", number);
    mil_block_output(m, s.block, mil_op_output(m, loop, "y", row));
    sample_feature(&s, &interface->inputs[0], "x", row);
    sample_feature(&s, &interface->inputs[1], "limit", one);
    sample_feature(&s, &interface->outputs[0], "y", row);
    return m;
}

/* tanh of x [1, 2..64], by a range or, `listed`, by two shapes. */
static inline struct mil_model *sample_flexible(int listed) {
    static const int64_t lower[] = {1, 2}, upper[] = {1, 64}, shapes[] = {1, 8, 1, 16};
    struct sample s = sample_new(7, 1);
    struct mil_interface *interface = sample_interface(&s, 0, 1, 1, 0);
    struct mil_type type = sample_type(MIL_F32, 2, DIMS(1, MIL_UNKNOWN));
    sample_function(&s, "main", "CoreML6");
    struct mil_value *x = mil_function_input(s.model, s.function, "x", type);
    struct mil_op *op = mil_op_new(s.model, s.block, "tanh");
    mil_op_argument(s.model, op, "x", x);
    mil_block_output(s.model, s.block, mil_op_output(s.model, op, "y", type));
    sample_feature(&s, &interface->inputs[0], "x", sample_type(MIL_F32, 2, DIMS(1, 8)));
    sample_feature(&s, &interface->outputs[0], "y", sample_type(MIL_F32, 0, NULL));
    interface->inputs[0].lower = listed ? shapes : lower;
    interface->inputs[0].upper = listed ? NULL : upper;
    interface->inputs[0].enumerated = listed ? 2 : 0;
    return s.model;
}

static inline struct mil_model *sample_named(const char *name) {
    if (strcmp(name, "ios15") == 0) return sample_plain(6);
    if (strcmp(name, "ios16") == 0) return sample_plain(7);
    if (strcmp(name, "ios17") == 0) return sample_plain(8);
    if (strcmp(name, "ios18") == 0) return sample_plain(9);
    if (strcmp(name, "functions") == 0) return sample_functions();
    if (strcmp(name, "state") == 0) return sample_state();
    if (strcmp(name, "loop") == 0) return sample_loop();
    if (strcmp(name, "range") == 0) return sample_flexible(0);
    return strcmp(name, "shapes") == 0 ? sample_flexible(1) : NULL;
}

static const char *const sample_names[] = {"ios15", "ios16", "ios17", "ios18", "functions",
                                           "state", "loop",  "range", "shapes"};

enum { SAMPLE_COUNT = sizeof sample_names / sizeof sample_names[0] };

#endif
