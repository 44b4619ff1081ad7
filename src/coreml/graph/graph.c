/* graph.c - functions under construction, names and constants; operations are in graph_ops.c,
 * inputs and outputs in graph_interface.c. */
#include "coreml/graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "formats/dtype.h"

struct graph_constant {
    struct graph_constant *next;
    struct mil_value *value;
};

void graph_begin(struct graph *g, const char *name) {
    const char *opset = g->specification == GRAPH_IOS15   ? "CoreML5"
                        : g->specification == GRAPH_IOS16 ? "CoreML6"
                                                          : "CoreML8";
    struct mil_model *model = g->model;
    size_t size = GRAPH_FEATURES_MAX * sizeof(struct mil_feature);
    model->specification = g->specification;
    g->function = mil_function_new(model, name, opset);
    g->block = g->function ? g->function->block : NULL;
    g->constants = NULL;
    g->prefix[0] = '\0';
    g->interface = (struct mil_interface){.inputs = mil_alloc(model, size),
                                          .outputs = mil_alloc(model, size),
                                          .states = mil_alloc(model, size)};
}

void graph_end(struct graph *g, int named) {
    struct mil_model *model = g->model;
    struct mil_interface *list =
        mil_grow(model, model->interfaces, model->interface_count, sizeof *list);
    if (!list || !g->function) return;
    if (named) g->interface.function = g->function->name;
    if (named && !model->default_function) model->default_function = g->function->name;
    list[model->interface_count++] = g->interface;
    model->interfaces = list;
}

void graph_name(struct graph *g, const char *part) {
    snprintf(g->prefix, sizeof g->prefix, *part ? "%s_" : "%s", part);
}

void graph_name_layer(struct graph *g, const char *part, uint32_t index) {
    snprintf(g->prefix, sizeof g->prefix, "%s_%u_", part, index);
}

/* ----------------------------------------------------------------------------------- constants */

static struct mil_type vector(enum mil_dtype dtype, size_t count) {
    int64_t dims[] = {(int64_t)count};
    return mil_type_of(dtype, 1, dims);
}

static struct mil_block *outermost(const struct graph *g) {
    return g->function ? g->function->block : NULL;
}

/* The parameter called `name`, which is made of its value, if the function has it already.
 * Parameters go into the function's own block, where every block inside sees them. */
static struct mil_value *find_constant(const struct graph *g, const char *name) {
    for (const struct graph_constant *at = g->constants; at && name; at = at->next)
        if (strcmp(at->value->name, name) == 0) return at->value;
    return NULL;
}

/* Finds it, or makes it of the data of its type. */
static struct mil_value *constant(struct graph *g, const char *name, struct mil_type type,
                                  const void *data, size_t bytes) {
    struct mil_value *value = find_constant(g, name);
    if (value) return value;
    struct graph_constant *kept = mil_alloc(g->model, sizeof *kept);
    value = mil_const(g->model, outermost(g), name, type, data, bytes, 0);
    if (!kept || !value) return NULL;
    *kept = (struct graph_constant){g->constants, value};
    g->constants = kept;
    return value;
}

struct mil_value *graph_int(struct graph *g, int32_t value) {
    const char *name =
        mil_text(g->model, value < 0 ? "int_minus_%d" : "int_%d", value < 0 ? -value : value);
    return constant(g, name, mil_type_of(MIL_I32, 0, NULL), &value, sizeof value);
}

struct mil_value *graph_ints(struct graph *g, const int32_t *values, size_t count) {
    const char *name = "ints";
    for (size_t i = 0; i < count && name; i++)
        name = mil_text(g->model, values[i] < 0 ? "%s_m%d" : "%s_%d", name,
                        values[i] < 0 ? -values[i] : values[i]);
    return constant(g, name, vector(MIL_I32, count), values, count * sizeof *values);
}

struct mil_value *graph_bool(struct graph *g, int value) {
    unsigned char byte = value != 0;
    return constant(g, value ? "yes" : "no", mil_type_of(MIL_BOOL, 0, NULL), &byte, 1);
}

struct mil_value *graph_text(struct graph *g, const char *text) {
    return constant(g, mil_text(g->model, "text_%s", text), mil_type_of(MIL_STRING, 0, NULL), text,
                    strlen(text) + 1);
}

/* Numbers as g->dtype stores them. */
static void *encode(struct graph *g, const float *values, struct mil_type type) {
    size_t count = mil_elements(&type), bytes = mil_data_bytes(&type);
    void *data = mil_alloc(g->model, bytes);
    if (data && g->dtype == MIL_F32) memcpy(data, values, bytes);
    for (size_t i = 0; data && i < count && g->dtype == MIL_F16; i++) {
        double wide = values[i];
        dtype_from_double(DTYPE_F16, &wide, 1, (uint16_t *)data + i);
    }
    return data;
}

struct mil_value *graph_floats(struct graph *g, const char *name, const float *values,
                               uint32_t rank, const int64_t *dims) {
    struct mil_type type = mil_type_of(g->dtype, rank, dims);
    return mil_const(g->model, outermost(g), name, type, encode(g, values, type),
                     mil_data_bytes(&type), 1);
}

struct mil_value *graph_float(struct graph *g, const char *name, float value) {
    struct mil_type type = mil_type_of(g->dtype, 0, NULL);
    return constant(g, name, type, encode(g, &value, type), mil_data_bytes(&type));
}

struct mil_value *graph_series(struct graph *g, const char *name, int32_t first, int32_t step,
                               uint32_t rank, const int64_t *dims) {
    struct mil_type type = mil_type_of(MIL_I32, rank, dims);
    size_t count = mil_elements(&type);
    int32_t *values = mil_alloc(g->model, count * sizeof *values);
    for (size_t i = 0; values && i < count; i++) values[i] = first + (int32_t)i * step;
    return values ? mil_const(g->model, outermost(g), name, type, values, count * sizeof *values, 1)
                  : NULL;
}

struct mil_value *graph_numbers(struct graph *g, const char *name, float first, int64_t count,
                                int upright) {
    float *values = mil_alloc(g->model, (size_t)count * sizeof *values);
    for (int64_t i = 0; values && i < count; i++) values[i] = first + (float)i;
    if (!values) return NULL;
    return graph_floats(g, mil_text(g->model, "%s%s", g->prefix, name), values,
                        SHAPE(1, 1, upright ? count : 1, upright ? 1 : count));
}

/* -------------------------------------------------------------------------------------- weights */

/* A parameter of a constexpr: an attribute below iOS 18, an inline input from there on. */
static void set_parameter(struct graph *g, struct mil_op *op, const char *name,
                          struct mil_type type, const void *data, int borrowed) {
    struct mil_value *value =
        mil_const(g->model, NULL, name, type, data, mil_data_bytes(&type), borrowed);
    if (g->specification >= GRAPH_IOS18)
        mil_op_argument(g->model, op, name, value);
    else
        mil_op_attribute(g->model, op, name, value);
}

static struct mil_op *scaled_constant(struct graph *g, const struct stored *stored,
                                      struct mil_type type) {
    struct mil_type data = type, scale = type;
    data.dtype = MIL_I8;
    if (g->specification >= GRAPH_IOS18) {
        struct mil_op *op = mil_op_new(g->model, outermost(g), "constexpr_blockwise_shift_scale");
        for (uint32_t i = 1; i < type.rank; i++) scale.dims[i] = 1;
        set_parameter(g, op, "data", data, stored->data, 1);
        set_parameter(g, op, "scale", scale, stored->scale, 1);
        return op;
    }
    struct mil_op *op = mil_op_new(g->model, outermost(g), "constexpr_affine_dequantize");
    int32_t axis = 0;
    set_parameter(g, op, "axis", mil_type_of(MIL_I32, 0, NULL), &axis, 0);
    set_parameter(g, op, "quantized_data", data, stored->data, 1);
    set_parameter(g, op, "scale", vector(MIL_F16, stored->rows), stored->scale, 1);
    set_parameter(g, op, "zero_point", vector(MIL_I8, stored->rows), stored->zeros, 1);
    return op;
}

static struct mil_op *palette_constant(struct graph *g, const struct stored *stored,
                                       struct mil_type type) {
    struct mil_op *op = mil_op_new(g->model, outermost(g), "constexpr_lut_to_dense");
    size_t entries = (size_t)1 << stored->bits;
    if (g->specification >= GRAPH_IOS18) {
        struct mil_type indices = type, table = type;
        indices.dtype = stored->bits == 8 ? MIL_U8 : stored->bits == 6 ? MIL_U6 : MIL_U4;
        for (uint32_t i = 0; i < type.rank; i++) table.dims[i] = 1; /* one table for all */
        table.dims[table.rank++] = (int64_t)entries;
        table.dims[table.rank++] = 1; /* of single numbers */
        set_parameter(g, op, "indices", indices, stored->data, 1);
        set_parameter(g, op, "lut", table, stored->table, 1);
        return op;
    }
    uint32_t shape[MIL_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) shape[i] = (uint32_t)type.dims[i];
    set_parameter(g, op, "indices", vector(MIL_U8, stored->bytes), stored->data, 1);
    set_parameter(g, op, "lut", vector(MIL_F16, entries), stored->table, 1);
    set_parameter(g, op, "shape", vector(MIL_U32, type.rank), shape, 0);
    return op;
}

struct mil_value *graph_stored(struct graph *g, const char *name, const struct stored *stored,
                               uint32_t rank, const int64_t *dims) {
    struct mil_type type = mil_type_of(stored->dtype, rank, dims);
    const char *whole = mil_text(g->model, "%s%s", g->prefix, name);
    if (stored->form == STORED_FLOAT)
        return mil_const(g->model, outermost(g), whole, type, stored->data, mil_data_bytes(&type),
                         1);
    struct mil_op *op = stored->form == STORED_INT8 ? scaled_constant(g, stored, type)
                                                    : palette_constant(g, stored, type);
    return mil_op_output(g->model, op, whole, type);
}
