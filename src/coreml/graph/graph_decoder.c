/* graph_decoder.c - one token from the one before, or from several at once those that follow each.
 *
 * The cache of keys and values has a fixed number of slots and comes in whole; what the step
 * adds goes out as one column, for the host to put where `position` says. For its own
 * attention the graph blends the column in, so no shape and no index depends on data.
 *
 * With `ahead` tokens of one text there are as many positions and columns: each is blended in
 * before any attends, and the masks let each see those before it. */
#include <stdlib.h>

#include "coreml/graph/graph.h"

/* --------------------------------------------------------------------------------------- tables */

/* The rotary tables of all slots, [1, 1, 2 * head_dim, slots]: cosine above sine. */
static struct mil_value *angle_table(struct graph *g, size_t slots) {
    size_t rows = g->config->head_dim;
    float *table = malloc(2 * rows * slots * sizeof *table);
    if (!table) {
        g->model->failed = 1;
        return NULL;
    }
    graph_rotary_tables(g->config, slots, table, table + rows * slots, 1, slots);
    struct mil_value *value =
        graph_floats(g, "angles", table, SHAPE(1, 1, 2 * (int64_t)rows, (int64_t)slots));
    free(table);
    return value;
}

void graph_step_tables(struct graph *g, struct graph_step *step) {
    graph_vocabulary(g, &step->vocabulary);
    step->angles = angle_table(g, (size_t)step->slots);
    step->numbers = graph_numbers(g, "slot_numbers", 0, step->slots, 0);
}

/* --------------------------------------------------------------------------------------- layers */

/* What every layer takes beside the hidden state. */
struct layer_inputs {
    int32_t ahead;                         /* positions */
    struct mil_value *cosine, *sine;       /* [1, 1, head_dim, ahead] */
    struct mil_value *mask, *write_mask;   /* [1, 1, ahead, slots] */
    struct mil_value *keep_mask;           /* [1, 1, 1, slots] */
    struct mil_value **self_k, **self_v;   /* [layers] of [1, width, 1, slots] */
    struct mil_value **cross_k, **cross_v; /* [layers] of [1, width, 1, frames] */
    const struct mil_value *cross_mask;    /* [1, 1, 1, frames] or NULL */
};

/* 0 to 1, and 1 beyond. */
static struct mil_value *up_to_one(struct graph *g, const char *name, const struct mil_value *x) {
    if (!x) return NULL;
    struct mil_value *none = graph_float(g, "zero", 0), *one = graph_float(g, "one", 1);
    return graph_op(g, "clip", name, x->type, "x", x, "alpha", none, "beta", one, NULL);
}

/* What follows from the position, by its distance from each slot, which float16 has exactly: what
 * can be seen, and what is written. That is one slot, so a product with the tables of all slots is
 * their column, exactly. */
static void place_step(struct graph *g, struct graph_step *step, struct layer_inputs *inputs) {
    int32_t rows = (int32_t)g->config->head_dim, ahead = step->ahead;
    struct mil_value *parts[2] = {0};
    struct mil_value *one = graph_float(g, "one", 1);
    struct mil_value *masked = graph_float(g, "masked", GRAPH_MASKED);
    struct mil_value *at = graph_cast(g, "position_number", step->position, g->dtype);
    if (ahead > 1) at = graph_reshape(g, "position_rows", at, SHAPE(1, 1, ahead, 1));
    struct mil_value *behind = graph_binary(g, "sub", "slots_behind", step->numbers, at);
    struct mil_value *later = up_to_one(g, "slots_later", behind);
    struct mil_value *other =
        up_to_one(g, "other_slots", graph_unary(g, "abs", "slots_apart", behind));
    inputs->ahead = ahead;
    inputs->mask = graph_binary(g, "mul", "self_mask", later, masked);
    inputs->write_mask = graph_binary(g, "sub", "write_mask", one, other);
    inputs->keep_mask = other;
    if (ahead > 1) {
        struct mil_value *written = graph_reduce(g, "reduce_sum", "written", inputs->write_mask, 2);
        inputs->keep_mask = graph_binary(g, "sub", "keep_mask", one, written);
    }
    struct mil_value *angles =
        graph_matmul(g, "angles_here", step->angles, inputs->write_mask, 0, 1);
    graph_split(g, "angle", angles, 2, (const int32_t[]){rows, rows}, 2, parts);
    inputs->cosine = parts[0];
    inputs->sine = parts[1];
}

/* Columns [1, width, 1, ahead] at their slots of [1, width, 1, slots], zeros elsewhere. */
static struct mil_value *place_columns(struct graph *g, const char *name,
                                       const struct mil_value *fresh,
                                       const struct layer_inputs *inputs) {
    struct mil_model *model = g->model;
    if (inputs->ahead == 1) return graph_binary(g, "mul", name, fresh, inputs->write_mask);
    if (!fresh || !inputs->write_mask) return NULL;
    int64_t width = fresh->type.dims[1], slots = inputs->write_mask->type.dims[3];
    struct mil_value *rows = graph_reshape(g, mil_text(model, "%s_rows", name), fresh,
                                           SHAPE(1, 1, width, inputs->ahead));
    rows = graph_matmul(g, mil_text(model, "%s_placed", name), rows, inputs->write_mask, 0, 0);
    return graph_reshape(g, name, rows, SHAPE(1, width, 1, slots));
}

static struct mil_value *blend(struct graph *g, const char *name, const struct mil_value *cache,
                               const struct mil_value *fresh, const struct layer_inputs *inputs) {
    struct mil_model *model = g->model;
    struct mil_value *old =
        graph_binary(g, "mul", mil_text(model, "%s_old", name), cache, inputs->keep_mask);
    struct mil_value *put = place_columns(g, mil_text(model, "%s_put", name), fresh, inputs);
    return graph_binary(g, "add", name, old, put);
}

/* Sets fresh_k and fresh_v to this layer's columns of the cache. */
static struct mil_value *self_attention(struct graph *g, uint32_t index, const struct mil_value *x,
                                        const struct layer_inputs *inputs,
                                        const struct mil_value **fresh_k,
                                        const struct mil_value **fresh_v) {
    const struct decoder_layer *layer = &g->weights->decoder_layers[index];
    const struct attention *attention = &layer->self_attn;
    int64_t width = g->config->width;
    uint32_t head_dim = g->config->head_dim;
    struct mil_value *normed = graph_layer_norm(g, "input_layernorm", x, &layer->input_layernorm);
    struct mil_value *q = graph_project(g, "q_proj", normed, &attention->q_proj);
    struct mil_value *k = graph_project(g, "k_proj", normed, &attention->k_proj);
    struct mil_value *v = graph_project(g, "v_proj", normed, &attention->v_proj);
    graph_rotate(g, &q, &k, inputs->cosine, inputs->sine);
    k = graph_reshape(g, "k_column", k, SHAPE(1, width, 1, inputs->ahead));
    *fresh_k = k;
    *fresh_v = v;
    k = blend(g, "k_all", inputs->self_k[index], k, inputs);
    v = blend(g, "v_all", inputs->self_v[index], v, inputs);
    struct mil_value *y = graph_attend(g, "attn", q, graph_heads(g, "keys", k, head_dim),
                                       graph_heads(g, "values", v, head_dim), inputs->mask);
    return graph_binary(g, "add", "attended", x, graph_project(g, "o_proj", y, &attention->o_proj));
}

static struct mil_value *cross_attention(struct graph *g, uint32_t index, const struct mil_value *x,
                                         const struct layer_inputs *inputs) {
    const struct decoder_layer *layer = &g->weights->decoder_layers[index];
    const struct attention *attention = &layer->encoder_attn;
    uint32_t head_dim = g->config->head_dim;
    struct mil_value *normed =
        graph_layer_norm(g, "post_attention_layernorm", x, &layer->post_attention_layernorm);
    struct mil_value *q = graph_project(g, "cross_q_proj", normed, &attention->q_proj);
    struct mil_value *y = graph_attend(
        g, "cross_attn", graph_heads(g, "cross_q", q, head_dim),
        graph_heads(g, "cross_keys", inputs->cross_k[index], head_dim),
        graph_heads(g, "cross_values", inputs->cross_v[index], head_dim), inputs->cross_mask);
    return graph_binary(g, "add", "cross_attended", x,
                        graph_project(g, "cross_o_proj", y, &attention->o_proj));
}

static struct mil_value *feed_forward(struct graph *g, uint32_t index, const struct mil_value *x) {
    const struct decoder_layer *layer = &g->weights->decoder_layers[index];
    int32_t ffn = (int32_t)g->config->decoder_ffn;
    struct mil_value *parts[2] = {0}; /* value, then gate */
    struct mil_value *y = graph_layer_norm(g, "final_layernorm", x, &layer->final_layernorm);
    y = graph_project(g, "fc1", y, &layer->fc1);
    graph_split(g, "fc1_part", y, 1, (const int32_t[]){ffn, ffn}, 2, parts);
    y = graph_binary(g, "mul", "gated", parts[0], graph_unary(g, "silu", "gate", parts[1]));
    return graph_binary(g, "add", "hidden", x, graph_project(g, "fc2", y, &layer->fc2));
}

/* ----------------------------------------------------------------------------------------- step */

/* [1, layers * width, 1, n] to one of [1, width, 1, n] for each layer. */
static void split_layers(struct graph *g, const char *name, const struct mil_value *x,
                         struct mil_value **parts) {
    int32_t sizes[CONFIG_LAYERS_MAX];
    for (uint32_t i = 0; i < g->config->decoder_layers; i++) sizes[i] = (int32_t)g->config->width;
    graph_split(g, name, x, 1, sizes, g->config->decoder_layers, parts);
}

void graph_step(struct graph *g, struct graph_step *step) {
    uint32_t layers = g->config->decoder_layers;
    struct mil_value *lists[4][CONFIG_LAYERS_MAX] = {{0}};
    const struct mil_value *fresh_k[CONFIG_LAYERS_MAX] = {0}, *fresh_v[CONFIG_LAYERS_MAX] = {0};
    struct layer_inputs inputs = {.self_k = lists[0],
                                  .self_v = lists[1],
                                  .cross_k = lists[2],
                                  .cross_v = lists[3],
                                  .cross_mask = step->cross_mask};
    g->residual = g->decoder_residual;
    graph_name(g, "decoder");
    place_step(g, step, &inputs);
    split_layers(g, "self_k_layer", step->self_k, inputs.self_k);
    split_layers(g, "self_v_layer", step->self_v, inputs.self_v);
    split_layers(g, "cross_k_layer", step->cross_k, inputs.cross_k);
    split_layers(g, "cross_v_layer", step->cross_v, inputs.cross_v);
    struct mil_value *x = graph_begin_residual(g, graph_embed(g, &step->vocabulary, step->token));
    for (uint32_t i = 0; i < layers; i++) {
        graph_name_layer(g, "decoder", i);
        x = self_attention(g, i, x, &inputs, &fresh_k[i], &fresh_v[i]);
        x = cross_attention(g, i, x, &inputs);
        x = feed_forward(g, i, x);
    }
    graph_name(g, "decoder");
    step->new_k = graph_concat(g, "column_k", fresh_k, layers, 1);
    step->new_v = graph_concat(g, "column_v", fresh_v, layers, 1);
    step->write_mask = inputs.write_mask;
    step->keep_mask = inputs.keep_mask;
    x = graph_layer_norm(g, "norm", x, &g->weights->decoder_norm);
    if (step->best)
        graph_best(g, &step->vocabulary, x, &step->best_token, &step->score);
    else
        step->logits = graph_scores(g, &step->vocabulary, x);
}

struct mil_value *graph_update_cache(struct graph *g, const char *name,
                                     const struct mil_value *cache, const struct mil_value *fresh,
                                     const struct graph_step *step) {
    struct layer_inputs inputs = {
        .ahead = step->ahead, .write_mask = step->write_mask, .keep_mask = step->keep_mask};
    return blend(g, name, cache, fresh, &inputs);
}

/* ------------------------------------------------------------------------------------- function */

static void add_inputs(struct graph *g, const struct graph_shape *shape, struct graph_step *step) {
    int64_t all = (int64_t)g->config->decoder_layers * g->config->width;
    int several = step->ahead > 1;
    step->token = graph_input(g, "input_ids", MIL_I32, SHAPE(1, step->ahead),
                              several ? "The last token, and what may follow." : "The last token.");
    step->position =
        graph_input(g, "position", MIL_I32, SHAPE(step->ahead),
                    several ? "How many tokens came before each." : "How many tokens came before.");
    if (!shape->state) {
        step->self_k = graph_input(g, "self_k", g->io, SHAPE(1, all, 1, shape->slots),
                                   "Column p is new_k of position p.");
        step->self_v = graph_input(g, "self_v", g->io, SHAPE(1, all, 1, shape->slots),
                                   "Column p is new_v of position p.");
    }
    step->cross_k = graph_input(g, "cross_k", g->io, SHAPE(1, all, 1, shape->memory),
                                "The encoder's output of this name.");
    step->cross_v = graph_input(g, "cross_v", g->io, SHAPE(1, all, 1, shape->memory),
                                "The encoder's output of this name.");
    step->cross_mask = graph_input(g, "cross_mask", g->io, SHAPE(1, 1, 1, shape->memory),
                                   "0 at the frames that the clip has, -4000 behind them.");
}

static void add_outputs(struct graph *g, const struct graph_step *step) {
    if (step->best) {
        graph_output(g, "token", step->best_token, "The token with the highest score.");
        graph_output(g, "score", graph_reshape(g, "token_score", step->score, SHAPE(1, 1)),
                     "That score.");
        return;
    }
    graph_output(g, "logits", step->logits,
                 step->ahead > 1 ? "Scores of all tokens to come after each."
                                 : "Scores of all tokens to come next.");
}

void graph_decoder(struct graph *g, const char *name, const struct graph_shape *shape, int named) {
    struct graph_step step = {.slots = shape->slots, .ahead = shape->ahead ? shape->ahead : 1};
    int64_t all = (int64_t)g->config->decoder_layers * g->config->width;
    struct mil_value *state_k = NULL, *state_v = NULL;
    step.best = shape->token && step.ahead == 1;
    graph_begin(g, name);
    add_inputs(g, shape, &step);
    if (shape->state) {
        state_k =
            graph_state(g, "self_k", SHAPE(1, all, 1, shape->slots), "Keys of the tokens so far.");
        state_v = graph_state(g, "self_v", SHAPE(1, all, 1, shape->slots),
                              "Values of the tokens so far.");
        step.self_k = graph_read_state(g, "self_k_read", state_k);
        step.self_v = graph_read_state(g, "self_v_read", state_v);
    }
    graph_step_tables(g, &step);
    graph_step(g, &step);
    if (shape->state) {
        graph_write_state(g, state_k,
                          graph_update_cache(g, "kept_k", step.self_k, step.new_k, &step));
        graph_write_state(g, state_v,
                          graph_update_cache(g, "kept_v", step.self_v, step.new_v, &step));
    }
    add_outputs(g, &step);
    if (!shape->state) {
        graph_output(g, "new_k", step.new_k, "Column `position` of self_k from now on.");
        graph_output(g, "new_v", step.new_v, "Column `position` of self_v from now on.");
    }
    graph_end(g, named);
}
