/* graph_single.c - samples in, token ids out: the encoder, and a loop around the decoder's step.
 *
 * The loop carries the last token, its position, the ids so far and the cache; constants, weights
 * included, stand outside it, where its blocks see them. */
#include "coreml/graph/graph.h"

enum { LOOP_TOKEN, LOOP_POSITION, LOOP_IDS, LOOP_K, LOOP_V, LOOP_COUNT };

static const char *const LOOP_NAMES[LOOP_COUNT] = {"token", "position", "ids", "self_k", "self_v"};

/* An empty cache. */
static struct mil_value *empty(struct graph *g, const char *name, int64_t channels, int64_t slots) {
    int32_t shape[] = {1, (int32_t)channels, 1, (int32_t)slots};
    struct mil_value *dims = graph_ints(g, shape, 4), *zero = graph_float(g, "zero", 0);
    struct mil_type type = mil_type_of(g->dtype, SHAPE(1, channels, 1, slots));
    return graph_op(g, "fill", name, type, "shape", dims, "value", zero, NULL);
}

/* A block that takes what the loop carries, under names of its own. */
static struct mil_block *open_block(struct graph *g, const char *part,
                                    struct mil_value *const *start, struct mil_value **inside) {
    struct mil_block *block = mil_block_new(g->model);
    for (int i = 0; i < LOOP_COUNT; i++) {
        const char *name = mil_text(g->model, "%s_%s", part, LOOP_NAMES[i]);
        struct mil_type type = start[i] ? start[i]->type : (struct mil_type){.dtype = g->dtype};
        inside[i] = mil_block_input(g->model, block, name, type);
    }
    return block;
}

/* Is `token` none of `ends` [count]? */
static struct mil_value *unfinished(struct graph *g, const struct mil_value *token,
                                    struct mil_value *const *ends, size_t count) {
    struct mil_value *all = graph_binary(g, "not_equal", "unfinished", token, ends[0]);
    for (size_t i = 1; i < count; i++) {
        const char *name = mil_text(g->model, "unfinished_%zu", i);
        struct mil_value *goes = graph_binary(g, "not_equal", name, token, ends[i]);
        all = graph_binary(g, "logical_and", mil_text(g->model, "%s_all", name), all, goes);
    }
    return all;
}

/* True while another token fits and the last one is no end. */
static struct mil_block *condition(struct graph *g, const struct graph_shape *shape,
                                   struct mil_value *const *start) {
    struct mil_value *carried[LOOP_COUNT];
    struct mil_value *ends[CONFIG_ENDS_MAX] = {NULL}, *last = graph_int(g, shape->tokens - 1);
    for (size_t i = 0; i < shape->end_count; i++) ends[i] = graph_int(g, shape->ends[i]);
    int32_t all[] = {0, 1};
    struct mil_value *axes = graph_ints(g, all, 2);
    struct mil_block *outer = g->block, *block = open_block(g, "while", start, carried);
    g->block = block;
    graph_name(g, "while");
    struct mil_value *room = graph_binary(g, "less", "room", carried[LOOP_POSITION], last);
    struct mil_value *goes = unfinished(g, carried[LOOP_TOKEN], ends, shape->end_count);
    struct mil_value *both = graph_binary(g, "logical_and", "both", room, goes);
    mil_block_output(g->model, block,
                     graph_op(g, "squeeze", "goes_on", mil_type_of(MIL_BOOL, 0, NULL), "x", both,
                              "axes", axes, NULL));
    g->block = outer;
    return block;
}

/* `ids` with `token` at `position`; `indices` are 0, 1, ... */
static struct mil_value *set_id(struct graph *g, const struct mil_value *indices,
                                const struct mil_value *ids, const struct mil_value *position,
                                const struct mil_value *token) {
    struct mil_value *here = graph_binary(g, "equal", "here", indices, position);
    struct mil_value *mask = graph_cast(g, "here_mask", here, MIL_I32);
    struct mil_value *change = graph_binary(g, "sub", "change", token, ids);
    return graph_binary(g, "add", "next_ids", ids,
                        graph_binary(g, "mul", "change_here", mask, change));
}

/* One step: `step` holds the tables and the memory. */
static struct mil_block *body(struct graph *g, const struct graph_shape *shape,
                              struct graph_step *step, struct mil_value *const *start) {
    struct mil_value *carried[LOOP_COUNT], *next[LOOP_COUNT];
    struct mil_value *indices = graph_series(g, "places", 0, 1, SHAPE(1, shape->tokens - 1));
    struct mil_value *one = graph_int(g, 1);
    struct mil_block *outer = g->block, *block = open_block(g, "loop", start, carried);
    g->block = block;
    step->token = carried[LOOP_TOKEN];
    step->position = carried[LOOP_POSITION];
    step->self_k = carried[LOOP_K];
    step->self_v = carried[LOOP_V];
    graph_step(g, step);
    graph_name(g, "");
    next[LOOP_TOKEN] = step->best_token;
    next[LOOP_POSITION] = graph_binary(g, "add", "next_position", step->position, one);
    next[LOOP_IDS] = set_id(g, indices, carried[LOOP_IDS], step->position, next[LOOP_TOKEN]);
    next[LOOP_K] = graph_update_cache(g, "next_self_k", step->self_k, step->new_k, step);
    next[LOOP_V] = graph_update_cache(g, "next_self_v", step->self_v, step->new_v, step);
    for (int i = 0; i < LOOP_COUNT; i++) mil_block_output(g->model, block, next[i]);
    g->block = outer;
    return block;
}

void graph_single(struct graph *g, const struct graph_shape *shape) {
    struct graph_step step = {.slots = shape->slots, .ahead = 1, .best = 1};
    struct mil_value *start[LOOP_COUNT], *cross_k, *cross_v, *end[LOOP_COUNT];
    int64_t all = (int64_t)g->config->decoder_layers * g->config->width;
    graph_begin(g, "main");
    struct mil_value *memory = graph_encode(g, &shape->extent, 0, 0);
    graph_cross_kv(g, graph_placed(g, memory), &cross_k, &cross_v);
    step.cross_k = cross_k;
    step.cross_v = cross_v;
    graph_step_tables(g, &step);
    if (!g->function) return;
    start[LOOP_TOKEN] = graph_series(g, "first_token", shape->start, 0, SHAPE(1, 1));
    start[LOOP_POSITION] = graph_series(g, "first_position", 0, 0, SHAPE(1));
    start[LOOP_IDS] = graph_series(g, "no_ids", shape->ends[0], 0, SHAPE(1, shape->tokens - 1));
    start[LOOP_K] = empty(g, "empty_k", all, shape->slots);
    start[LOOP_V] = empty(g, "empty_v", all, shape->slots);
    struct mil_block *goes_on = condition(g, shape, start);
    struct mil_block *once = body(g, shape, &step, start);
    struct mil_op *loop = mil_op_new(g->model, g->block, "while_loop");
    mil_op_arguments(g->model, loop, "loop_vars", (const struct mil_value *const *)start,
                     LOOP_COUNT);
    mil_op_block(g->model, loop, goes_on);
    mil_op_block(g->model, loop, once);
    for (int i = 0; i < LOOP_COUNT; i++)
        end[i] = mil_op_output(g->model, loop, mil_text(g->model, "last_%s", LOOP_NAMES[i]),
                               start[i] ? start[i]->type : (struct mil_type){.dtype = g->dtype});
    graph_output(g, "token_ids", end[LOOP_IDS], "The tokens heard, then end tokens.");
    graph_end(g, 0);
}
