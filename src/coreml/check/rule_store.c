/* rule_store.c - the rules of stored weights, states and nested blocks. */
#include <string.h>

#include "coreml/check/rule_table.h"

/* ---------------------------------------------------------------------------- stored weights */

/* A number for all, or one for each of `length` channels. */
static int is_per_channel(const struct mil_type *type, int64_t length) {
    return type->rank == 0 || (type->rank == 1 && type->dims[0] == length);
}

int infer_affine(struct inference *in) {
    const struct mil_type *data = rule_type(in, "quantized_data");
    const struct mil_type *zero = rule_type(in, "zero_point"), *scale = rule_type(in, "scale");
    struct mil_type type = *data;
    uint32_t axis;
    if (!rule_axis(in, rule_int(in, "axis", 0), data->rank, &axis)) return 0;
    if (zero->dtype != data->dtype)
        return rule_refuse(in, "zero_point is %s, the data %s", mil_dtype_name(zero->dtype),
                           mil_dtype_name(data->dtype));
    if (!is_per_channel(zero, data->dims[axis]) || !is_per_channel(scale, data->dims[axis]))
        return rule_refuse(in, "scale or zero_point has not one element or %lld",
                           (long long)data->dims[axis]);
    type.dtype = scale->dtype;
    return rule_give(in, type);
}

/* The constant vector `shape` of unsigned numbers as dimensions. */
static int shape_of(struct inference *in, struct mil_type *type) {
    int64_t dims[RULE_INTS_MAX];
    const struct mil_type *shape = rule_type(in, "shape");
    int count = rule_ints(in, "shape", dims);
    if (shape->dtype != MIL_U32 || count < 0 || count > MIL_RANK_MAX)
        return rule_refuse(in, "shape is not a short vector of uint32");
    type->rank = (uint32_t)count;
    for (int i = 0; i < count; i++) type->dims[i] = dims[i];
    return 1;
}

/* 1, 2, 4, 6 or 8 when it is the base-2 logarithm of `length`; else 0. */
static uint32_t palette_bits(int64_t length) {
    for (uint32_t bits = 1; bits <= 8; bits++)
        if (length == (int64_t)1 << bits) return bits;
    return 0;
}

int infer_lut(struct inference *in) {
    const struct mil_type *indices = rule_type(in, "indices"), *lut = rule_type(in, "lut");
    struct mil_type type = {.dtype = lut->dtype};
    uint32_t bits = palette_bits(lut->dims[0]);
    if (!shape_of(in, &type)) return 0;
    if (indices->dtype != MIL_U8 || bits == 0 || bits == 3 || bits == 5 || bits == 7)
        return rule_refuse(in, "lut has %lld entries, expected 2, 4, 16, 64 or 256",
                           (long long)lut->dims[0]);
    size_t elements = mil_elements(&type);
    if (elements == 0 || elements > SIZE_MAX / 8 ||
        (uint64_t)indices->dims[0] != (elements * bits + 7) / 8)
        return rule_refuse(in, "indices has %lld bytes for %zu elements of %u bits",
                           (long long)indices->dims[0], elements, (unsigned)bits);
    return rule_give(in, type);
}

/* Do the first axes of `table` divide those of `whole`? */
static int divides(const struct mil_type *whole, const struct mil_type *table) {
    for (uint32_t i = 0; i < whole->rank; i++)
        if (table->dims[i] < 1 || whole->dims[i] % table->dims[i] != 0) return 0;
    return 1;
}

int infer_grouped_lut(struct inference *in) {
    const struct mil_type *indices = rule_type(in, "indices"), *lut = rule_type(in, "lut");
    struct mil_type type = *indices;
    if (lut->rank != indices->rank + 2 || !divides(indices, lut))
        return rule_refuse(in, "lut is not a table for groups of the indices");
    uint32_t bits = mil_bits(indices->dtype);
    int64_t entries = lut->dims[indices->rank], vector = lut->dims[indices->rank + 1];
    if (bits > 8 || entries != (int64_t)1 << bits)
        return rule_refuse(in, "lut has %lld entries for indices of type %s", (long long)entries,
                           mil_dtype_name(indices->dtype));
    type.dtype = lut->dtype;
    if (vector != 1) {
        uint32_t axis;
        if (mil_op_find(in->op, "vector_axis") == NULL)
            return rule_refuse(in, "lut has vectors of %lld, but there is no vector_axis",
                               (long long)vector);
        if (!rule_axis(in, rule_int(in, "vector_axis", 0), type.rank, &axis)) return 0;
        type.dims[axis] *= vector;
    }
    return rule_give(in, type);
}

int infer_blockwise(struct inference *in) {
    const struct mil_type *data = rule_type(in, "data"), *scale = rule_type(in, "scale");
    const struct mil_type *offset = rule_type(in, "offset");
    struct mil_type type = *data, wanted = *scale;
    if (data->dtype != MIL_I4 && data->dtype != MIL_U4 && data->dtype != MIL_I8 &&
        data->dtype != MIL_U8)
        return rule_refuse(in, "data is %s, expected 4 or 8 bits", mil_dtype_name(data->dtype));
    if (scale->rank != data->rank || !divides(data, scale))
        return rule_refuse(in, "scale does not divide the data into blocks");
    wanted.dtype = data->dtype;
    if (offset != NULL && !mil_types_agree(offset, &wanted))
        return rule_refuse(in, "offset has not the type of the data and the shape of scale");
    type.dtype = scale->dtype;
    return rule_give(in, type);
}

int infer_constexpr_cast(struct inference *in) {
    struct mil_type type = *rule_type(in, "source_val");
    if (type.dtype != MIL_F16 || strcmp(rule_text(in, "output_dtype"), "fp32") != 0)
        return rule_refuse(in, "it casts fp16 to fp32 only");
    type.dtype = MIL_F32;
    return rule_give(in, type);
}

int infer_sparse(struct inference *in) {
    const struct mil_type *data = rule_type(in, "nonzero_data"), *mask = rule_type(in, "mask");
    struct mil_type type = {.dtype = data->dtype};
    if (!shape_of(in, &type)) return 0;
    if ((uint64_t)mask->dims[0] != (mil_elements(&type) + 7) / 8)
        return rule_refuse(in, "mask has %lld bytes for %zu elements", (long long)mask->dims[0],
                           mil_elements(&type));
    return rule_give(in, type);
}

int infer_sparse_mask(struct inference *in) {
    struct mil_type type = *rule_type(in, "mask");
    if (type.dtype != MIL_U1)
        return rule_refuse(in, "mask is %s, expected uint1", mil_dtype_name(type.dtype));
    type.dtype = rule_type(in, "nonzero_data")->dtype;
    return rule_give(in, type);
}

/* ------------------------------------------------------------------------------------- states */

int infer_read_state(struct inference *in) {
    struct mil_type type = *rule_type(in, "input");
    if (!type.state) return rule_refuse(in, "input is no state");
    type.state = 0;
    return rule_give(in, type);
}

int infer_write_state(struct inference *in) {
    struct mil_type type = *rule_type(in, "input");
    if (!type.state) return rule_refuse(in, "input is no state");
    type.state = 0;
    return mil_types_agree(&type, rule_type(in, "data"))
               ? 1
               : rule_refuse(in, "data has another type than the state");
}

int infer_slice_update(struct inference *in) {
    static const char *const names[] = {"begin",      "end",      "stride",
                                        "begin_mask", "end_mask", "squeeze_mask"};
    const struct mil_type *x = rule_type(in, "x"), *update = rule_type(in, "update");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct mil_type *type = rule_type(in, names[i]);
        if (type != NULL && type->dims[0] >= 0 && type->dims[0] != (int64_t)x->rank)
            return rule_refuse(in, "%s has %lld elements for a tensor of rank %u", names[i],
                               (long long)type->dims[0], (unsigned)x->rank);
    }
    if (update->rank == 0 || update->rank > x->rank)
        return rule_refuse(in, "update has rank %u, x %u", (unsigned)update->rank,
                           (unsigned)x->rank);
    return rule_give(in, *x);
}

/* -------------------------------------------------------------------------------------- blocks */

/* Do the outputs of a block have the types of these values? */
static int same_outputs(struct inference *in, const struct mil_block *block, const char *which,
                        const struct mil_value *const *values, size_t count) {
    if (block->output_count != count)
        return rule_refuse(in, "the %s gives %zu values, expected %zu", which, block->output_count,
                           count);
    for (size_t i = 0; i < count; i++)
        if (!mil_types_agree(&block->outputs[i]->type, &values[i]->type))
            return rule_refuse(in, "the %s gives %s another type than %s has", which,
                               block->outputs[i]->name != NULL ? block->outputs[i]->name : "?",
                               values[i]->name != NULL ? values[i]->name : "?");
    return 1;
}

static int same_inputs(struct inference *in, const struct mil_block *block, const char *which,
                       const struct mil_argument *vars) {
    if (block->input_count != vars->count)
        return rule_refuse(in, "the %s takes %zu values, expected %zu", which, block->input_count,
                           vars->count);
    for (size_t i = 0; i < vars->count; i++)
        if (!mil_types_agree(&block->inputs[i]->type, &vars->values[i]->type))
            return rule_refuse(in, "the %s takes %s with another type than it is given", which,
                               block->inputs[i]->name);
    return 1;
}

int infer_while(struct inference *in) {
    const struct mil_argument *vars = mil_op_find(in->op, "loop_vars");
    const struct mil_block *test = in->op->blocks[0], *body = in->op->blocks[1];
    if (!same_inputs(in, test, "condition", vars) || !same_inputs(in, body, "body", vars) ||
        !same_outputs(in, body, "body", vars->values, vars->count))
        return 0;
    if (test->output_count != 1 || test->outputs[0]->type.dtype != MIL_BOOL ||
        test->outputs[0]->type.rank != 0)
        return rule_refuse(in, "the condition is not one boolean");
    for (size_t i = 0; i < vars->count; i++)
        if (!rule_give(in, vars->values[i]->type)) return 0;
    return 1;
}

int infer_cond(struct inference *in) {
    const struct mil_block *yes = in->op->blocks[0], *no = in->op->blocks[1];
    if (yes->input_count + no->input_count != 0)
        return rule_refuse(in, "its blocks take values, expected none");
    if (!same_outputs(in, no, "second block", yes->outputs, yes->output_count)) return 0;
    for (size_t i = 0; i < yes->output_count; i++)
        if (!rule_give(in, yes->outputs[i]->type)) return 0;
    return 1;
}
