/* fuzz_interpret.c - programs made of the bytes: any operation with any arguments of any small
 * shape. They may be refused, but must neither fault nor run on without end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/interpret/interpret.h"
#include "coreml/ops/op_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct op_entry *const tables[] = {
    op_unary_entries,  op_binary_entries,    op_cast_entries,    op_matmul_entries,
    op_conv_entries,   op_norm_entries,      op_reduce_entries,  op_sort_entries,
    op_shape_entries,  op_slice_entries,     op_join_entries,    op_fill_entries,
    op_gather_entries, op_constexpr_entries, op_control_entries, op_recurrent_entries,
};

static const char *const names[] = {
    "x",
    "y",
    "axis",
    "axes",
    "shape",
    "perm",
    "begin",
    "end",
    "stride",
    "begin_mask",
    "end_mask",
    "squeeze_mask",
    "size",
    "values",
    "weight",
    "bias",
    "strides",
    "pad",
    "dilations",
    "groups",
    "pad_type",
    "mode",
    "indices",
    "data",
    "updates",
    "update",
    "reps",
    "constant_val",
    "epsilon",
    "gamma",
    "beta",
    "alpha",
    "mean",
    "variance",
    "query",
    "key",
    "value",
    "attn_mask",
    "cond",
    "a",
    "b",
    "k",
    "lut",
    "vector_axis",
    "scale",
    "offset",
    "quantized_data",
    "zero_point",
    "nonzero_data",
    "mask",
    "batch_dims",
    "split_sizes",
    "num_splits",
    "transpose_x",
    "transpose_y",
    "keep_dims",
    "dtype",
    "start",
    "step",
    "one_hot_vector_size",
    "initial_h",
    "initial_c",
    "weight_ih",
    "weight_hh",
    "direction",
    "pred",
    "loop_vars",
    "input",
    "interleave",
};

static const char *const words[] = {"fp16",    "int32",     "custom", "same",  "valid",
                                    "reflect", "replicate", "update", "EXACT", "bidirectional"};

static const enum mil_dtype dtypes[] = {MIL_F32, MIL_I32, MIL_F16, MIL_BOOL, MIL_U8,
                                        MIL_I8,  MIL_U4,  MIL_U1,  MIL_I64,  MIL_U32};

enum { VALUES = 64, OPERATIONS = 12, BYTES_MAX = 1 << 20, WORK_MAX = 1 << 20 };
#define COUNT(list) (sizeof(list) / sizeof *(list))

struct bytes {
    const uint8_t *data;
    size_t left;
};

static uint8_t next(struct bytes *bytes) {
    if (bytes->left == 0) return 0;
    bytes->left--;
    return *bytes->data++;
}

/* Small dimensions mostly, now and then one that no memory holds, or an open one. */
static struct mil_type next_type(struct bytes *bytes, int constant) {
    struct mil_type type = {.dtype = dtypes[next(bytes) % COUNT(dtypes)]};
    type.rank = next(bytes) % 6;
    for (uint32_t i = 0; i < type.rank; i++) {
        uint8_t byte = next(bytes);
        type.dims[i] = byte % 5;
        if (!constant && byte > 250) type.dims[i] = (int64_t)1 << (byte % 63);
        if (!constant && byte > 200 && byte <= 250) type.dims[i] = MIL_UNKNOWN;
    }
    return type;
}

static struct mil_value *next_constant(struct mil_model *model, struct mil_block *block,
                                       struct bytes *bytes, const char *name) {
    unsigned char data[8 * 1024];
    uint8_t kind = next(bytes);
    if (kind % 8 == 0) return mil_const_text(model, block, name, words[next(bytes) % COUNT(words)]);
    if (kind % 8 == 1) return mil_const_int(model, block, name, (int8_t)next(bytes));
    struct mil_type type = next_type(bytes, 1);
    size_t need = mil_data_bytes(&type);
    if (need > sizeof data) return NULL;
    for (size_t i = 0; i < need; i++) data[i] = i % 4 && kind % 3 ? 0 : next(bytes);
    return mil_const(model, block, name, type, data, need, 0);
}

static void add_operation(struct mil_model *model, struct mil_block *block, struct bytes *bytes,
                          const struct mil_value **values, size_t *count) {
    const struct op_entry *table = tables[next(bytes) % COUNT(tables)];
    size_t entries = 0;
    while (table[entries].type) entries++;
    struct mil_op *op = mil_op_new(model, block, table[next(bytes) % entries].type);
    size_t arguments = next(bytes) % 8;
    for (size_t i = 0; i < arguments && *count; i++) {
        const char *name = names[next(bytes) % COUNT(names)];
        const struct mil_value *given[2] = {values[next(bytes) % *count],
                                            values[next(bytes) % *count]};
        mil_op_arguments(model, op, name, given, 1 + (strcmp(name, "values") == 0));
    }
    size_t results = 1 + next(bytes) % 3 / 2;
    for (size_t i = 0; i < results && *count < VALUES; i++) {
        const char *name = mil_text(model, "r%zu", *count);
        values[*count] = mil_op_output(model, op, name, next_type(bytes, 0));
        if (values[*count]) ++*count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes bytes = {data, size};
    const struct mil_value *values[VALUES];
    size_t count = 0;
    struct mil_model *model = mil_model_new();
    if (model == NULL) return 0;
    struct mil_function *function = mil_function_new(model, "main", "CoreML6");
    size_t constants = 1 + next(&bytes) % 16, operations = 1 + next(&bytes) % OPERATIONS;
    for (size_t i = 0; i < constants; i++) {
        values[count] = next_constant(model, function->block, &bytes, mil_text(model, "c%zu", i));
        if (values[count]) count++;
    }
    for (size_t i = 0; i < operations; i++)
        add_operation(model, function->block, &bytes, values, &count);
    if (count) mil_block_output(model, function->block, values[count - 1]);
    struct mil_machine *machine = NULL;
    struct mil_tensor output;
    if (count && mil_machine_new(&machine, model, "main", MIL_ROUND_F16, 1, NULL) == PST_OK) {
        mil_machine_limit(machine, (struct mil_limits){BYTES_MAX, WORK_MAX});
        mil_machine_run(machine, NULL, 0, &output, 1, NULL);
    }
    mil_machine_free(machine);
    mil_model_free(model);
    return 0;
}
