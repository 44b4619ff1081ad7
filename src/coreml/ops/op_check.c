/* op_check.c - see op_check.h.
 *
 * The idea to hold: what other writers leave to defaults must be written out, because the file has
 * no defaults. A parameter is optional only where leaving it out has a meaning of its own. */
#include "coreml/ops/op_check.h"

#include <string.h>

#include "coreml/ops/op_table.h"

const char *op_next_parameter(const char *at, struct op_parameter *parameter) {
    *parameter = (struct op_parameter){.rank = -1};
    size_t length = strcspn(at, "?! ");
    if (length == 0 || length >= sizeof parameter->name) return NULL;
    memcpy(parameter->name, at, length);
    for (at += length; *at != ' '; at++) {
        parameter->optional |= *at == '?';
        parameter->constant |= *at == '!';
    }
    parameter->code = *++at;
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

static int is_integer(enum mil_dtype dtype, int32_t specification) {
    return dtype == MIL_I32 || (specification >= 8 && (dtype == MIL_I16 || dtype == MIL_U16 ||
                                                       dtype == MIL_I8 || dtype == MIL_U8));
}

/* `shared`: the operation's T, 0 until the first parameter of that type sets it. */
static int fits(char code, enum mil_dtype dtype, int32_t specification, enum mil_dtype *shared) {
    int number = mil_is_float(dtype) || is_integer(dtype, specification);
    int tied = *shared == 0 || *shared == dtype;
    switch (code) {
    case 'g': return mil_is_float(dtype) && (tied || specification >= 8);
    case 'f': return mil_is_float(dtype);
    case 'i': return is_integer(dtype, specification);
    case 'q': return dtype == MIL_I8 || dtype == MIL_U8;
    case 'b': return dtype == MIL_BOOL;
    case 's': return dtype == MIL_STRING;
    case 'w': return dtype != MIL_STRING;
    case 'F':
        if (!mil_is_float(dtype)) return 0;
        break;
    case 'N':
        if (!number) return 0;
        break;
    default: /* A */
        if (!number && dtype != MIL_BOOL) return 0;
    }
    *shared = dtype;
    return tied;
}

/* Known when the program is loaded: a constant, or what a constexpr makes of constants. */
static int is_constant(const struct mil_value *value) {
    return value->data != NULL ||
           (value->op != NULL && strncmp(value->op->type, "constexpr_", 10) == 0);
}

static int check_value(struct op_call *call, const struct op_parameter *parameter,
                       const struct mil_value *value, enum mil_dtype *shared) {
    static const char *const kinds[256] = {['F'] = "a float of the operation's type",
                                           ['N'] = "a number of the operation's type",
                                           ['A'] = "a value of the operation's type",
                                           ['f'] = "a float",
                                           ['g'] = "a float of the operation's type",
                                           ['i'] = "an integer",
                                           ['q'] = "an integer of 8 bits",
                                           ['b'] = "a boolean",
                                           ['s'] = "a text",
                                           ['w'] = "a tensor"};
    int takes_state = parameter->code == 'w';
    if (value->type.state && !takes_state)
        return op_refuse(call, "%s is a state, which has to be read first", parameter->name);
    if (!fits(parameter->code, value->type.dtype, call->specification, shared))
        return op_refuse(call, "%s is %s, expected %s", parameter->name,
                         mil_dtype_name(value->type.dtype), kinds[(unsigned char)parameter->code]);
    if (parameter->rank >= 0 && value->type.rank != (uint32_t)parameter->rank)
        return op_refuse(call, "%s has rank %u, expected %d", parameter->name,
                         (unsigned)value->type.rank, parameter->rank);
    if (parameter->constant && !is_constant(value))
        return op_refuse(call, "%s is computed, expected a constant", parameter->name);
    return 1;
}

static int is_listed(const struct op_call *call, const char *name) {
    struct op_parameter parameter;
    for (const char *at = call->row->parameters; (at = op_next_parameter(at, &parameter)) != NULL;)
        if (strcmp(parameter.name, name) == 0) return call->specification >= parameter.since;
    return 0;
}

static int check_parameters(struct op_call *call) {
    struct op_parameter parameter;
    enum mil_dtype shared = 0;
    for (const char *at = call->row->parameters;
         (at = op_next_parameter(at, &parameter)) != NULL;) {
        const struct mil_argument *argument = mil_op_find(call->op, parameter.name);
        if (call->specification < parameter.since) continue;
        if (argument == NULL && !parameter.optional)
            return op_refuse(call, "%s is missing; a program has no defaults", parameter.name);
        if (argument != NULL && (parameter.many ? argument->count == 0 : argument->count != 1))
            return op_refuse(call, "%s has %zu values, expected %s", parameter.name,
                             argument->count, parameter.many ? "some" : "one");
        for (size_t i = 0; argument != NULL && i < argument->count; i++)
            if (!check_value(call, &parameter, argument->values[i], &shared)) return 0;
    }
    for (size_t i = 0; i < call->op->argument_count; i++)
        if (!is_listed(call, call->op->arguments[i].name))
            return op_refuse(call, "it has no parameter %s", call->op->arguments[i].name);
    return 1;
}

/* Parameters of a constexpr are attributes below iOS 18 and inputs from there on. */
static int check_form(struct op_call *call) {
    int constexpr = strncmp(call->op->type, "constexpr_", 10) == 0;
    for (size_t i = 0; i < call->op->argument_count; i++) {
        int expected = constexpr && call->specification < 9;
        if (!call->op->arguments[i].attribute != !expected)
            return op_refuse(call, "%s is %s, expected %s", call->op->arguments[i].name,
                             expected ? "an input" : "an attribute",
                             expected ? "an attribute" : "an input");
    }
    return 1;
}

int op_check(const struct mil_op *op, int32_t specification, char reason[OP_REASON_SIZE]) {
    const struct op_row *row = op_find(op->type, specification);
    struct op_call call = {.op = op, .row = row, .specification = specification, .reason = reason};
    if (row == NULL)
        return op_refuse(&call, op_find(op->type, INT32_MAX) != NULL
                                    ? "it is not in this opset"
                                    : "this version does not know the operation");
    int blocks = (row->flags & OP_BLOCKS) != 0 ? 2 : 0;
    if (op->block_count != (size_t)blocks)
        return op_refuse(&call, "it has %zu blocks, expected %d", op->block_count, blocks);
    if (!check_form(&call) || !check_parameters(&call) || !row->infer(&call)) return 0;
    return call.given == op->output_count ||
           op_refuse(&call, "it has %zu outputs, expected %zu", op->output_count, call.given);
}
