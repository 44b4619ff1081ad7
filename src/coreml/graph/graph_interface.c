/* graph_interface.c - the inputs, states and outputs of a function: what the app sees of it, cast
 * to and from the type that is computed in. */
#include "coreml/graph/graph.h"

static void add_feature(struct mil_feature *list, size_t *count, const char *name,
                        const char *description, struct mil_type type) {
    if (!list || *count == GRAPH_FEATURES_MAX) return;
    list[(*count)++] = (struct mil_feature){.name = name, .description = description, .type = type};
}

struct mil_value *graph_input_plain(struct graph *g, const char *name, enum mil_dtype dtype,
                                    uint32_t rank, const int64_t *dims, const char *description) {
    struct mil_type type = mil_type_of(dtype, rank, dims);
    add_feature(g->interface.inputs, &g->interface.input_count, name, description, type);
    return mil_function_input(g->model, g->function, name, type);
}

struct mil_value *graph_input(struct graph *g, const char *name, enum mil_dtype dtype,
                              uint32_t rank, const int64_t *dims, const char *description) {
    struct mil_value *input = graph_input_plain(g, name, dtype, rank, dims, description);
    if (dtype == MIL_I32 || dtype == g->dtype) return input;
    return graph_cast(g, mil_text(g->model, "%s_inside", name), input, g->dtype);
}

struct mil_value *graph_state(struct graph *g, const char *name, uint32_t rank, const int64_t *dims,
                              const char *description) {
    struct mil_type type = mil_type_of(MIL_F16, rank, dims);
    type.state = 1;
    add_feature(g->interface.states, &g->interface.state_count, name, description, type);
    return mil_function_input(g->model, g->function, name, type);
}

struct mil_value *graph_read_state(struct graph *g, const char *name,
                                   const struct mil_value *state) {
    if (!state) return NULL;
    struct mil_type type = state->type;
    type.state = 0;
    return graph_op(g, "read_state", name, type, "input", state, NULL);
}

void graph_write_state(struct graph *g, const struct mil_value *state,
                       const struct mil_value *data) {
    struct mil_op *op = mil_op_new(g->model, g->block, "write_state");
    mil_op_argument(g->model, op, "input", state);
    mil_op_argument(g->model, op, "data", data);
}

void graph_output(struct graph *g, const char *name, struct mil_value *value,
                  const char *description) {
    if (!value || !g->function) return;
    graph_name(g, "");
    if (value->type.dtype != MIL_I32 && value->type.dtype != g->io)
        value = graph_cast(g, name, value, g->io);
    else
        value->name = mil_text(g->model, "%s", name); /* nothing has been written by name yet */
    if (!value) return;
    mil_block_output(g->model, g->function->block, value);
    add_feature(g->interface.outputs, &g->interface.output_count, name, description, value->type);
}
