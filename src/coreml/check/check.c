/* check.c - checks a program: versions, names, order, operations.
 *
 * The idea to hold: every fault is reported and the walk goes on; nothing here trusts that the
 * model came through the reader, so graphs are checked by the same code before they are written. */
#include "coreml/check/check.h"

#include <stdio.h>
#include <string.h>

#include "coreml/check/check_interface.h"
#include "coreml/ops/op_check.h"

enum { SPECIFICATION_MIN = 6, SPECIFICATION_MAX = 10 };

/* What Core ML computes with; tables of palettes have more. */
enum { RANK_MAX = 5 };

/* ------------------------------------------------------------------------------------- names */

static int is_reserved(const char *name) {
    static const char *const words[] = {"any",   "bool",  "program", "func",   "tensor", "list",
                                        "dict",  "tuple", "true",    "false",  "string", "bf16",
                                        "fp16",  "fp32",  "fp64",    "int8",   "int16",  "int32",
                                        "int64", "uint8", "uint16",  "uint32", "uint64", "state"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], name) == 0) return 1;
    return 0;
}

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void check_name(struct checker *checker, const char *name) {
    int good = name != NULL && is_letter(name[0]);
    for (const char *at = name; good && *at != 0; at++)
        good = is_letter(*at) || (*at >= '0' && *at <= '9') || *at == '@';
    if (!good)
        checker_problem(checker,
                        "\"%s\" is not an identifier: letters, digits, _ and @, not a digit first",
                        name != NULL ? name : "");
    else if (is_reserved(name))
        checker_problem(checker, "%s is a reserved word, not a name", name);
}

/* -------------------------------------------------------------------------------- operations */

static void define(struct checker *checker, const struct mil_value *value) {
    check_name(checker, value->name);
    for (uint32_t i = 0; i < value->type.rank; i++)
        if (value->type.dims[i] > MIL_DIMENSION_MAX)
            checker_problem(checker, "%s has %lld elements along axis %u, expected at most %d",
                            value->name, (long long)value->type.dims[i], (unsigned)i,
                            (int)MIL_DIMENSION_MAX);
    int added = value->name != NULL ? scope_add(&checker->scope, value) : 1;
    if (added == 0) checker_problem(checker, "%s is defined twice", value->name);
    if (added < 0) checker->failed = 1;
}

static int is_visible(const struct checker *checker, const struct mil_value *value) {
    return value->name != NULL && scope_find(&checker->scope, value->name) == value;
}

static const char *name_of(const struct mil_op *op) {
    return op->output_count != 0 && op->outputs[0]->name != NULL ? op->outputs[0]->name : op->type;
}

static void check_constant(struct checker *checker, const struct mil_value *value,
                           const char *name) {
    size_t count;
    if (value->type.dtype != MIL_STRING &&
        (value->bytes != mil_data_bytes(&value->type) || !mil_type_count(&value->type, &count)))
        checker_problem(checker, "the constant %s has %zu bytes, its type needs %zu", name,
                        value->bytes, mil_data_bytes(&value->type));
}

static void check_arguments(struct checker *checker, const struct mil_op *op) {
    int takes_state = strcmp(op->type, "read_state") == 0 || strcmp(op->type, "write_state") == 0;
    for (size_t a = 0; a < op->argument_count; a++)
        for (size_t v = 0; v < op->arguments[a].count; v++) {
            const struct mil_value *value = op->arguments[a].values[v];
            if (value->inlined && value->data != NULL)
                check_constant(checker, value, name_of(op));
            else if (!is_visible(checker, value))
                checker_problem(checker, "%s (%s): uses %s before it is defined", name_of(op),
                                op->type, value->name != NULL ? value->name : "?");
            if (value->type.state && !takes_state)
                checker_problem(checker,
                                "%s (%s): takes the state %s, which only "
                                "read_state and write_state can",
                                name_of(op), op->type, value->name);
        }
}

static void check_output(struct checker *checker, const struct mil_value *value) {
    uint32_t rank = value->type.rank;
    int stored = value->op != NULL && strncmp(value->op->type, "constexpr_", 10) == 0;
    if (rank > RANK_MAX && !stored)
        checker_problem(checker, "%s has rank %u, expected at most %d", value->name, (unsigned)rank,
                        (int)RANK_MAX);
    if (value->type.state)
        checker_problem(checker, "%s is a state, which only inputs can be", value->name);
    define(checker, value);
}

static void check_block(struct checker *checker, const struct mil_block *block);

static void check_operation(struct checker *checker, const struct mil_op *op) {
    char reason[OP_REASON_SIZE];
    check_arguments(checker, op);
    for (size_t i = 0; i < op->block_count; i++) {
        size_t before = checker->scope.count;
        check_block(checker, op->blocks[i]);
        scope_leave(&checker->scope, before);
    }
    if (!op_check(op, checker->model->specification, reason))
        checker_problem(checker, "%s (%s): %s", name_of(op), op->type, reason);
    for (size_t i = 0; i < op->output_count; i++) check_output(checker, op->outputs[i]);
}

static void check_block(struct checker *checker, const struct mil_block *block) {
    for (size_t i = 0; i < block->input_count; i++) define(checker, block->inputs[i]);
    for (size_t i = 0; i < block->item_count; i++) {
        const struct mil_value *constant = block->items[i].constant;
        if (constant == NULL) {
            check_operation(checker, block->items[i].op);
            continue;
        }
        check_constant(checker, constant, constant->name != NULL ? constant->name : "?");
        define(checker, constant);
    }
    for (size_t i = 0; i < block->output_count; i++) {
        const struct mil_value *output = block->outputs[i];
        const char *name = output->name != NULL ? output->name : "?";
        if (!is_visible(checker, output))
            checker_problem(checker, "the output %s is not defined in its block", name);
        if (output->type.dtype == MIL_STRING)
            checker_problem(checker, "the output %s is a text, expected a tensor", name);
    }
}

/* --------------------------------------------------------------------------------- functions */

static void check_input(struct checker *checker, const struct mil_value *input) {
    if (input->type.state && checker->model->specification < 9)
        checker_problem(checker, "%s is a state, which specification %d does not have", input->name,
                        (int)checker->model->specification);
    if (input->type.rank < 1 || input->type.rank > RANK_MAX)
        checker_problem(checker, "the input %s has rank %u, expected 1 to %d", input->name,
                        (unsigned)input->type.rank, (int)RANK_MAX);
}

static void check_body(struct checker *checker, const struct mil_function *function) {
    int32_t specification = checker->model->specification;
    char opset[32];
    snprintf(opset, sizeof opset, "CoreML%d", (int)specification - 1);
    if (function->opset == NULL || strcmp(function->opset, opset) != 0)
        checker_problem(checker,
                        "the function %s has the opset %s, expected %s for specification %d",
                        function->name, function->opset != NULL ? function->opset : "", opset,
                        (int)specification);
    check_name(checker, function->name);
    for (size_t i = 0; i < function->input_count; i++) {
        check_input(checker, function->inputs[i]);
        define(checker, function->inputs[i]);
    }
    check_block(checker, function->block);
    if (function->block->input_count != 0)
        checker_problem(checker, "the block of the function %s has inputs of its own",
                        function->name);
    if (function->block->output_count == 0)
        checker_problem(checker, "the function %s has no output", function->name);
    scope_free(&checker->scope);
}

static void check_version(struct checker *checker) {
    int32_t specification = checker->model->specification;
    if (specification < SPECIFICATION_MIN || specification > SPECIFICATION_MAX)
        checker_problem(checker, "the specification version is %d, expected %d to %d",
                        (int)specification, (int)SPECIFICATION_MIN, (int)SPECIFICATION_MAX);
}

pst_status check_model(const struct mil_model *model, checker_report_fn report, void *user) {
    struct checker checker = {.model = model, .report = report, .user = user};
    check_version(&checker);
    if (model->function_count == 0) checker_problem(&checker, "there is no function");
    if (model->function_count > 1 && model->specification < 9)
        checker_problem(&checker, "there are %zu functions, which specification %d does not have",
                        model->function_count, (int)model->specification);
    for (size_t i = 0; i < model->function_count; i++) check_body(&checker, model->functions[i]);
    check_interfaces(&checker);
    return checker.failed ? PST_ERR_MEMORY : PST_OK;
}

pst_status check_function(const struct mil_model *model, const struct mil_function *function,
                          checker_report_fn report, void *user) {
    struct checker checker = {.model = model, .report = report, .user = user};
    check_version(&checker);
    check_body(&checker, function);
    return checker.failed ? PST_ERR_MEMORY : PST_OK;
}
