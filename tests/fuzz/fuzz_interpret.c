/* fuzz_interpret.c - programs made of the bytes, run on inputs made of the bytes. They may be
 * refused, by the check or while they run, but must neither fault nor run on without end.
 *
 * So that many of them pass the check, an operation is given what its row asks for: new
 * constants of that type, or values that are there, whose shapes the program leaves open. What
 * it gives is found by trying. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/interpret/interpret.h"
#include "coreml/ops/op_check.h"
#include "coreml/ops/op_table.h"
#include "support/mil_constants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
    "fp16",    "fp32", "int32",    "bool",    "int8",  "uint16",    "valid",
    "custom",  "same", "constant", "reflect", "EXACT", "replicate", "tanh",
    "sigmoid", "relu", "forward",  "reverse", "a,a->", "ab,bc->ac", "SIGMOID_APPROXIMATION",
};

static const enum mil_dtype dtypes[] = {MIL_F32, MIL_I32, MIL_F16, MIL_BOOL, MIL_U8,
                                        MIL_I8,  MIL_U4,  MIL_U1,  MIL_U16,  MIL_U32};

enum { VALUES_MAX = 64, INPUTS = 3, OPERATIONS_MAX = 12, BYTES_MAX = 1 << 20, WORK_MAX = 1 << 16 };
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* A program under construction. */
struct build {
    const uint8_t *data;
    size_t left;
    struct mil_model *model;
    struct mil_function *function;
    struct mil_block *block;
    const struct mil_value *values[VALUES_MAX]; /* [count] that can be seen */
    size_t count, names;
};

static uint8_t next(struct build *build) {
    if (build->left == 0) return 0;
    build->left--;
    return *build->data++;
}

static const char *fresh_name(struct build *build) {
    return mil_text(build->model, "v%zu", build->names++);
}

static void add_value(struct build *build, const struct mil_value *value) {
    if (value != NULL && build->count < VALUES_MAX) build->values[build->count++] = value;
}

/* ------------------------------------------------------------------------------------ arguments */

/* An element type for a parameter; mostly that of the first argument, where they may be tied. */
static enum mil_dtype dtype_for(struct build *build, const struct mil_op *op, char code) {
    uint8_t byte = next(build);
    enum mil_dtype first = op->argument_count ? op->arguments[0].values[0]->type.dtype : MIL_F32;
    switch (code) {
    case 'F':
    case 'g': return mil_is_float(first) && byte < 224 ? first : MIL_F32;
    case 'f': return byte % 4 ? MIL_F32 : MIL_F16;
    case 'i': return byte % 8 ? MIL_I32 : MIL_I8;
    case 'q': return byte % 2 ? MIL_U8 : MIL_I8;
    case 'b': return MIL_BOOL;
    default: return byte < 128 ? first : dtypes[byte % COUNT(dtypes)];
    }
}

/* Small dimensions and numbers mostly; ranks of the first argument, and vectors with an element for
 * each of its axes, or of those that a kernel moves along. */
static struct mil_value *new_constant(struct build *build, const struct mil_op *op,
                                      const struct op_parameter *parameter) {
    int conv = strcmp(op->type, "conv") == 0, pads = strcmp(parameter->name, "pad") == 0;
    uint32_t rank = op->argument_count ? op->arguments[0].values[0]->type.rank : 1;
    unsigned char data[1024];
    if (parameter->code == 's')
        return mil_const_text(build->model, NULL, NULL, words[next(build) % COUNT(words)]);
    struct mil_type type = {.dtype = dtype_for(build, op, parameter->code)};
    uint8_t how = next(build);
    type.rank = parameter->rank >= 0 ? (uint32_t)parameter->rank : how < 160 ? rank : how % 5;
    for (uint32_t i = 0; i < type.rank; i++) type.dims[i] = next(build) % 5;
    if (parameter->rank == 1 && parameter->code != 'F' && how < 160)
        type.dims[0] = (rank > 2 && conv ? rank - 2 : rank) * (pads ? 2 : 1);
    size_t need = mil_data_bytes(&type), width = mil_bits(type.dtype) / 8;
    if (need > sizeof data) return NULL;
    for (size_t i = 0; i < need; i++) {
        int low = width < 2 || i % width == 0;
        uint8_t byte = low || mil_is_float(type.dtype) ? next(build) : 0;
        data[i] = low && byte < 224 && type.dtype == MIL_I32 ? byte % 4 : byte;
    }
    return mil_const(build->model, NULL, NULL, type, data, need, 0);
}

/* One that is there, from a place that the bytes say on. */
static const struct mil_value *find_value(struct build *build,
                                          const struct op_parameter *parameter) {
    static const char *const codes[] = {"Ffg", "NiFfg", "b"};
    size_t from = build->count ? next(build) % build->count : 0;
    for (size_t i = 0; i < build->count; i++) {
        const struct mil_value *value = build->values[(from + i) % build->count];
        enum mil_dtype dtype = value->type.dtype;
        const char *fits = codes[dtype == MIL_BOOL ? 2 : mil_is_float(dtype) ? 0 : 1];
        int any = parameter->code == 'A' || parameter->code == 'w' || parameter->code == 'N';
        if (parameter->rank >= 0 && value->type.rank != (uint32_t)parameter->rank) continue;
        if (any || strchr(fits, parameter->code) != NULL) return value;
    }
    return NULL;
}

static void add_argument(struct build *build, struct mil_op *op,
                         const struct op_parameter *parameter) {
    const struct mil_value *values[2];
    uint8_t how = next(build);
    if ((parameter->optional && how % 2 == 0) || parameter->since > build->model->specification)
        return;
    size_t count = parameter->many ? 1 + how / 2 % 2 : 1;
    int constant = parameter->constant || parameter->code == 's' || how % 8 > 5;
    for (size_t i = 0; i < count; i++) {
        values[i] = constant ? NULL : find_value(build, parameter);
        if (values[i] == NULL) values[i] = new_constant(build, op, parameter);
    }
    mil_op_arguments(build->model, op, parameter->name, values, count);
    if (build->model->specification < 9 && strncmp(op->type, "constexpr_", 10) == 0)
        op->arguments[op->argument_count - 1].attribute = 1;
}

/* ----------------------------------------------------------------------------------- operations */

/* The types that results of an operation are likely to have, the likeliest first: element types and
 * ranks of the first argument, then all others. */
static struct mil_type likely_type(const struct mil_op *op, size_t try) {
    static const enum mil_dtype others[] = {MIL_F32, MIL_I32, MIL_BOOL, MIL_F16,
                                            MIL_U16, MIL_I8,  MIL_U8};
    struct mil_type first = {.dtype = MIL_F32};
    if (op->argument_count) first = op->arguments[0].values[0]->type;
    size_t dtype = try % (COUNT(others) + 1), rank = try / (COUNT(others) + 1);
    return mil_type_open(dtype ? others[dtype - 1] : first.dtype, (first.rank + rank) % 6);
}

enum { TRIES = 8 * 6 };

/* Declares results until the check takes them; 0: it takes none. */
static int find_results(struct build *build, struct mil_op *op) {
    char reason[OP_REASON_SIZE];
    for (size_t count = 0; count <= 3; count++) {
        for (size_t try = 0; try < (count ? TRIES : 1); try++) {
            for (size_t i = 0; i < count; i++) {
                op->outputs[i]->type = likely_type(op, try);
                if (i && op->type[0] == 'l') op->outputs[i]->type.rank = 2; /* states of lstm */
                if (i && op->type[0] == 't') op->outputs[i]->type.dtype = MIL_I32; /* topk */
            }
            if (op_check(op, build->model->specification, reason)) return 1;
            /* Nothing that a result could change. */
            if (strstr(reason, "is declared") == NULL && strstr(reason, "outputs") == NULL)
                return 0;
        }
        if (mil_op_output(build->model, op, fresh_name(build), (struct mil_type){0}) == NULL)
            return 0;
    }
    return 0;
}

static void add_blocks(struct build *build, struct mil_op *op);

static void add_operation(struct build *build) {
    size_t families = 0, rows = 0;
    while (op_families[families] != NULL) families++;
    const struct op_row *row = op_families[next(build) % families];
    while (row[rows].name != NULL) rows++;
    row += next(build) % rows;
    struct op_parameter parameter;
    if (op_find(row->name, build->model->specification) != row) return; /* of another version */
    struct mil_op *op = mil_op_new(build->model, build->block, row->name);
    if (op == NULL) return;
    for (const char *at = row->parameters; (at = op_next_parameter(at, &parameter)) != NULL;)
        add_argument(build, op, &parameter);
    if (row->flags & OP_BLOCKS) add_blocks(build, op);
    if (build->model->failed || !find_results(build, op)) {
        build->block->item_count--; /* it is left out */
        return;
    }
    for (size_t i = 0; i < op->output_count; i++) add_value(build, op->outputs[i]);
}

/* Two blocks with an operation each; they take the arguments of a loop and give
 * them back, turned. */
static void add_blocks(struct build *build, struct mil_op *op) {
    const struct mil_argument *loop = mil_op_find(op, "loop_vars");
    struct mil_block *outer = build->block;
    size_t before = build->count, variables = loop != NULL ? loop->count : 0;
    for (int b = 0; b < 2; b++) {
        struct mil_block *block = build->block = mil_block_new(build->model);
        for (size_t i = 0; i < variables; i++)
            add_value(build, mil_block_input(build->model, block, fresh_name(build),
                                             loop->values[i]->type));
        add_operation(build);
        size_t turn = next(build);
        if (loop == NULL || b == 0) {
            struct op_parameter wanted = {.code = loop == NULL ? 'A' : 'b', .rank = 0};
            if (loop == NULL) wanted.rank = -1;
            mil_block_output(build->model, block, find_value(build, &wanted));
        }
        for (size_t i = 0; loop != NULL && b == 1 && i < variables; i++)
            mil_block_output(build->model, block, block->inputs[(i + turn) % variables]);
        build->count = before;
        mil_op_block(build->model, op, block);
    }
    build->block = outer;
}

/* ------------------------------------------------------------------------------------------ run */

static void add_inputs(struct build *build) {
    for (size_t i = 0; i < INPUTS; i++) {
        uint8_t byte = next(build);
        struct mil_type type = mil_type_open(dtypes[byte % 4], 1 + byte / 4 % 4);
        for (uint32_t d = 0; d < type.rank; d++)
            if (byte >= 128) type.dims[d] = next(build) % 5;
        add_value(build,
                  mil_function_input(build->model, build->function, fresh_name(build), type));
    }
    if (build->model->specification < 9) return;
    struct mil_type state = {.dtype = MIL_F16, .rank = 1, .dims = {2}, .state = 1};
    add_value(build, mil_function_input(build->model, build->function, "kept", state));
}

static void run(struct build *build, struct mil_machine *machine) {
    union {
        float f[625];
        int32_t i[625];
    } numbers[INPUTS];
    struct mil_tensor inputs[INPUTS], output;
    for (size_t i = 0; i < INPUTS; i++) {
        const struct mil_value *value = build->function->inputs[i];
        inputs[i] = (struct mil_tensor){.name = value->name, .type = value->type};
        for (uint32_t d = 0; d < value->type.rank; d++)
            if (value->type.dims[d] < 0) inputs[i].type.dims[d] = next(build) % 5;
        for (size_t j = 0; j < 625; j++) {
            int32_t number = (int8_t)next(build) / 16;
            if (mil_is_float(value->type.dtype))
                numbers[i].f[j] = (float)number;
            else
                numbers[i].i[j] = number;
        }
        if (mil_is_float(value->type.dtype))
            inputs[i].f = numbers[i].f;
        else
            inputs[i].i = numbers[i].i;
    }
    mil_machine_limit(machine, (struct mil_limits){BYTES_MAX, WORK_MAX});
    mil_machine_run(machine, inputs, INPUTS, &output, 1, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct build build = {.data = data, .left = size, .model = mil_model_new()};
    if (build.model == NULL) return 0;
    build.model->specification = 6 + next(&build) % 5;
    build.function =
        mil_function_new(build.model, "main",
                         mil_text(build.model, "CoreML%d", (int)build.model->specification - 1));
    build.block = build.function->block;
    add_inputs(&build);
    for (size_t i = 0, count = 1 + next(&build) % OPERATIONS_MAX; i < count; i++)
        add_operation(&build);
    mil_block_output(build.model, build.block, build.values[build.count - 1]);
    struct mil_machine *machine = NULL;
    if (mil_model_check(build.model, NULL) == PST_OK &&
        mil_machine_new(&machine, build.model, "main", MIL_ROUND_F16, 1, NULL) == PST_OK)
        run(&build, machine);
    mil_machine_free(machine);
    mil_model_free(build.model);
    return 0;
}
