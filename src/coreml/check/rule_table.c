/* rule_table.c - the table of operations, and the check of their parameters.
 *
 * The idea to hold: what other writers leave to defaults must be written out here, because the file
 * has no defaults. A parameter is optional only where leaving it out has a meaning of its own. */
#include "coreml/check/rule_table.h"

#include <stdlib.h>
#include <string.h>

#define BINARY "x N, y N"
#define REDUCE "x N, axes?! i1, keep_dims! b0"
#define MASKS "stride? i1, begin_mask? b1, end_mask? b1, squeeze_mask? b1"

static const struct op_rule rules[] = {
    {"abs", 6, "x N", infer_same},
    {"add", 6, BINARY, infer_binary},
    {"band_part", 6, "x N, lower! i0, upper! i0", infer_same},
    {"batch_norm", 6, "x F, mean! F1, variance! F1, gamma?! F1, beta?! F1, epsilon! g0",
     infer_channel_norm},
    {"cast", 6, "x w, dtype! s0", infer_cast},
    {"ceil", 6, "x F", infer_same},
    {"clip", 6, "x F, alpha! g0, beta! g0", infer_same},
    {"concat", 6, "values v, axis! i0, interleave! b0", infer_concat},
    {"cond", 6, "pred b0", infer_cond},
    {"constexpr_affine_dequantize", 7, "quantized_data! q, zero_point! q, scale! f, axis! i0",
     infer_affine},
    {"constexpr_blockwise_shift_scale", 9, "data! w, scale! f, offset?! w", infer_blockwise},
    {"constexpr_cast", 7, "source_val! f, output_dtype! s0", infer_constexpr_cast},
    {"constexpr_lut_to_dense", 9, "indices! w, lut! w, vector_axis?! i0", infer_grouped_lut},
    {"constexpr_lut_to_dense", 7, "indices! q1, lut! w1, shape! w1", infer_lut},
    {"constexpr_sparse_to_dense", 9, "nonzero_data! w1, mask! w", infer_sparse_mask},
    {"constexpr_sparse_to_dense", 7, "nonzero_data! w1, mask! q1, shape! w1", infer_sparse},
    {"conv", 6,
     "x F, weight g, bias? g1, strides! i1, pad_type! s0, pad! i1, dilations! i1, groups! i0",
     infer_conv},
    {"cos", 6, "x F", infer_same},
    {"cumsum", 6, "x N, axis! i0, exclusive! b0, reverse! b0", infer_same},
    {"einsum", 6, "values v, equation! s0", infer_einsum},
    {"elu", 6, "x F, alpha! g0", infer_same},
    {"equal", 6, BINARY, infer_compare},
    {"erf", 6, "x F", infer_same},
    {"exp", 6, "x F", infer_same},
    {"expand_dims", 6, "x A, axes! i1", infer_expand_dims},
    {"fill", 6, "shape i1, value! w0", infer_fill},
    {"floor", 6, "x F", infer_same},
    {"floor_div", 6, BINARY, infer_binary},
    {"gather", 6, "x A, indices i, axis! i0, batch_dims! i0@7, validate_indices! b0@8",
     infer_gather},
    {"gather_along_axis", 6, "x A, indices i, axis! i0, validate_indices! b0@8",
     infer_gather_along_axis},
    {"gelu", 6, "x F, mode! s0", infer_same},
    {"greater", 6, BINARY, infer_compare},
    {"greater_equal", 6, BINARY, infer_compare},
    {"identity", 6, "x A", infer_same},
    {"instance_norm", 6, "x F, gamma?! F1, beta?! F1, epsilon! g0", infer_channel_norm},
    {"inverse", 6, "x F, epsilon! g0", infer_same},
    {"layer_norm", 6, "x F, axes! i1, gamma?! F, beta?! F, epsilon! g0", infer_norm},
    {"less", 6, BINARY, infer_compare},
    {"less_equal", 6, BINARY, infer_compare},
    {"linear", 6, "x F, weight! g2, bias! g1", infer_linear},
    {"log", 6, "x F, epsilon! g0", infer_same},
    {"logical_and", 6, "x b, y b", infer_compare},
    {"logical_not", 6, "x b", infer_same},
    {"logical_or", 6, "x b, y b", infer_compare},
    {"logical_xor", 6, "x b, y b", infer_compare},
    {"lstm", 6,
     "x F3, initial_h F2, initial_c F2, weight_ih! F2, weight_hh! F2, bias?! F1, peephole?! F1, "
     "direction! s0, output_sequence! b0, recurrent_activation! s0, cell_activation! s0, "
     "activation! s0, clip?! F0",
     infer_lstm},
    {"matmul", 6, "x N, y N, transpose_x! b0, transpose_y! b0", infer_matmul},
    {"maximum", 6, BINARY, infer_binary},
    {"minimum", 6, BINARY, infer_binary},
    {"mod", 6, BINARY, infer_binary},
    {"mul", 6, BINARY, infer_binary},
    {"not_equal", 6, BINARY, infer_compare},
    {"one_hot", 6, "indices i, one_hot_vector_size i0, axis! i0, on_value! w0, off_value! w0",
     infer_one_hot},
    {"pad", 6, "x N, pad i1, mode! s0, constant_val! N0", infer_pad},
    {"pow", 6, BINARY, infer_binary},
    {"range_1d", 6, "end N0, start N0, step N0", infer_range},
    {"read_state", 9, "input w", infer_read_state},
    {"real_div", 6, BINARY, infer_binary},
    {"reduce_argmax", 6, "x N, axis! i0, keep_dims! b0, output_dtype! s0@8", infer_arg},
    {"reduce_argmin", 6, "x N, axis! i0, keep_dims! b0, output_dtype! s0@8", infer_arg},
    {"reduce_max", 6, REDUCE, infer_reduce},
    {"reduce_mean", 6, REDUCE, infer_reduce},
    {"reduce_min", 6, REDUCE, infer_reduce},
    {"reduce_sum", 6, REDUCE, infer_reduce},
    {"reduce_sum_square", 6, REDUCE, infer_reduce},
    {"relu", 6, "x F", infer_same},
    {"reshape", 6, "x A, shape i1", infer_reshape},
    {"round", 6, "x F", infer_same},
    {"rsqrt", 6, "x F, epsilon! g0", infer_same},
    {"scaled_dot_product_attention", 9, "query F, key F, value F, attn_mask? w", infer_attention},
    {"select", 6, "cond b, a A, b A", infer_select},
    {"shape", 6, "x w", infer_shape},
    {"sigmoid", 6, "x F", infer_same},
    {"sign", 6, "x F", infer_same},
    {"silu", 6, "x F", infer_same},
    {"sin", 6, "x F", infer_same},
    {"slice_by_index", 6, "x A, begin i1, end i1, " MASKS, infer_slice_by_index},
    {"slice_by_size", 6, "x A, begin i1, size i1", infer_slice_by_size},
    {"slice_update", 9, "x A, update A, begin i1, end i1, " MASKS, infer_slice_update},
    {"softmax", 6, "x F, axis! i0", infer_softmax},
    {"softplus", 6, "x F", infer_same},
    {"split", 6, "x A, axis! i0, num_splits?! i0, split_sizes?! i1", infer_split},
    {"sqrt", 6, "x F", infer_same},
    {"square", 6, "x F", infer_same},
    {"squeeze", 6, "x A, axes?! i1", infer_squeeze},
    {"stack", 6, "values v, axis! i0", infer_stack},
    {"sub", 6, BINARY, infer_binary},
    {"tanh", 6, "x F", infer_same},
    {"tile", 6, "x A, reps i1", infer_tile},
    {"topk", 6,
     "x N, k i0, axis! i0, ascending! b0, sort! b0@7, return_indices! b0@7, "
     "output_indices_dtype! s0@8",
     infer_topk},
    {"transpose", 6, "x A, perm! i1", infer_transpose},
    {"while_loop", 6, "loop_vars w*", infer_while},
    {"write_state", 9, "input w, data w", infer_write_state},
};

enum { RULE_COUNT = sizeof rules / sizeof rules[0] };

const struct op_rule *rule_find(const char *name, int32_t specification) {
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (strcmp(rules[i].name, name) == 0 && specification >= rules[i].since) return &rules[i];
    return NULL;
}

/* -------------------------------------------------------------------------------- parameters */

struct parameter {
    char name[32];
    int optional, constant;
    char code;
    int rank; /* -1: any */
    int many; /* "*" or code v */
    int32_t since;
};

/* Takes one parameter of the list; NULL after the last. */
static const char *next_parameter(const char *at, struct parameter *parameter) {
    *parameter = (struct parameter){.rank = -1};
    size_t length = strcspn(at, "?! ");
    if (length == 0 || length >= sizeof parameter->name) return NULL;
    memcpy(parameter->name, at, length);
    for (at += length; *at != ' '; at++) {
        parameter->optional |= *at == '?';
        parameter->constant |= *at == '!';
    }
    parameter->code = *++at;
    parameter->many = parameter->code == 'v';
    for (at++; *at != 0 && *at != ','; at++) {
        if (*at == '*')
            parameter->many = 1;
        else if (*at == '@')
            parameter->since = *++at - '0';
        else
            parameter->rank = *at - '0';
    }
    return *at == ',' ? at + 2 : at;
}

static int is_float(enum mil_dtype dtype) {
    return dtype == MIL_F16 || dtype == MIL_F32;
}

static int is_integer(enum mil_dtype dtype, int32_t specification) {
    return dtype == MIL_I32 || (specification >= 8 && (dtype == MIL_I16 || dtype == MIL_U16 ||
                                                       dtype == MIL_I8 || dtype == MIL_U8));
}

/* `shared`: the operation's T, 0 until the first parameter of that type sets it. */
static int fits(char code, enum mil_dtype dtype, int32_t specification, enum mil_dtype *shared) {
    int number = is_float(dtype) || is_integer(dtype, specification);
    int tied = *shared == 0 || *shared == dtype;
    switch (code) {
    case 'g': return is_float(dtype) && (tied || specification >= 8);
    case 'f': return is_float(dtype);
    case 'i': return is_integer(dtype, specification);
    case 'q': return dtype == MIL_I8 || dtype == MIL_U8;
    case 'b': return dtype == MIL_BOOL;
    case 's': return dtype == MIL_STRING;
    case 'F':
        if (!is_float(dtype)) return 0;
        break;
    case 'N':
        if (!number) return 0;
        break;
    case 'v':
    case 'A':
        if (!number && dtype != MIL_BOOL) return 0;
        break;
    default: return 1;
    }
    *shared = dtype;
    return tied;
}

/* Known when the program is loaded: a constant, or what a constexpr makes of constants. */
static int is_constant(const struct mil_value *value) {
    return value->data != NULL ||
           (value->op != NULL && strncmp(value->op->type, "constexpr_", 10) == 0);
}

static int check_value(struct inference *in, const struct parameter *parameter,
                       const struct mil_value *value, enum mil_dtype *shared) {
    static const char *const kinds[256] = {['F'] = "a float of the operation's type",
                                           ['N'] = "a number of the operation's type",
                                           ['A'] = "a value of the operation's type",
                                           ['v'] = "a value of the operation's type",
                                           ['f'] = "a float",
                                           ['g'] = "a float of the operation's type",
                                           ['i'] = "an integer",
                                           ['q'] = "an integer of 8 bits",
                                           ['b'] = "a boolean",
                                           ['s'] = "a text"};
    int takes_state = parameter->code == 'w';
    if (value->type.state && !takes_state)
        return rule_refuse(in, "%s is a state, which has to be read first", parameter->name);
    if (!fits(parameter->code, value->type.dtype, in->specification, shared))
        return rule_refuse(in, "%s is %s, expected %s", parameter->name,
                           mil_dtype_name(value->type.dtype),
                           kinds[(unsigned char)parameter->code]);
    if (parameter->rank >= 0 && value->type.rank != (uint32_t)parameter->rank)
        return rule_refuse(in, "%s has rank %u, expected %d", parameter->name,
                           (unsigned)value->type.rank, parameter->rank);
    if (parameter->constant && !is_constant(value))
        return rule_refuse(in, "%s is computed, expected a constant", parameter->name);
    return 1;
}

static int is_listed(const struct op_rule *rule, const char *name, int32_t specification) {
    struct parameter parameter;
    for (const char *at = rule->parameters;
         *at != 0 && (at = next_parameter(at, &parameter)) != NULL;)
        if (strcmp(parameter.name, name) == 0) return specification >= parameter.since;
    return 0;
}

static int check_parameters(struct inference *in, const struct op_rule *rule) {
    struct parameter parameter;
    enum mil_dtype shared = 0;
    for (const char *at = rule->parameters;
         *at != 0 && (at = next_parameter(at, &parameter)) != NULL;) {
        const struct mil_argument *argument = mil_op_find(in->op, parameter.name);
        if (in->specification < parameter.since) continue;
        if (argument == NULL && !parameter.optional)
            return rule_refuse(in, "%s is missing; a program has no defaults", parameter.name);
        if (argument != NULL && (parameter.many ? argument->count == 0 : argument->count != 1))
            return rule_refuse(in, "%s has %zu values, expected %s", parameter.name,
                               argument->count, parameter.many ? "some" : "one");
        for (size_t i = 0; argument != NULL && i < argument->count; i++)
            if (!check_value(in, &parameter, argument->values[i], &shared)) return 0;
    }
    for (size_t i = 0; i < in->op->argument_count; i++)
        if (!is_listed(rule, in->op->arguments[i].name, in->specification))
            return rule_refuse(in, "it has no parameter %s", in->op->arguments[i].name);
    return 1;
}

/* Parameters of a constexpr are attributes below iOS 18 and inputs from there on. */
static int check_form(struct inference *in) {
    int constexpr = strncmp(in->op->type, "constexpr_", 10) == 0;
    for (size_t i = 0; i < in->op->argument_count; i++) {
        int expected = constexpr && in->specification < 9;
        if (!in->op->arguments[i].attribute != !expected)
            return rule_refuse(in, "%s is %s, expected %s", in->op->arguments[i].name,
                               expected ? "an input" : "an attribute",
                               expected ? "an attribute" : "an input");
    }
    return 1;
}

int rule_check(const struct mil_op *op, int32_t specification, char reason[RULE_REASON_SIZE]) {
    struct inference in = {.op = op, .specification = specification, .reason = reason};
    const struct op_rule *rule = rule_find(op->type, specification);
    if (rule == NULL)
        return rule_refuse(&in, rule_find(op->type, INT32_MAX) != NULL
                                    ? "it is not in this opset"
                                    : "this version does not know the operation");
    int blocks = rule->infer == infer_while || rule->infer == infer_cond ? 2 : 0;
    if (op->block_count != (size_t)blocks)
        return rule_refuse(&in, "it has %zu blocks, expected %d", op->block_count, blocks);
    if (!check_form(&in) || !check_parameters(&in, rule) || !rule->infer(&in)) return 0;
    return in.given == op->output_count
               ? 1
               : rule_refuse(&in, "it has %zu outputs, expected %zu", op->output_count, in.given);
}
