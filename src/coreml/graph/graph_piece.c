/* graph_piece.c - the streaming encoder for one piece of audio after the others.
 *
 * A layer that looks ahead gives a frame when it has heard the frames ahead of it, so each layer is
 * behind the one before by what it looks ahead, and all rows that come out are final. Between
 * pieces the function carries what the next one needs of the past: the last rows before each
 * convolution, the keys and values in the windows, the rows of each layer that wait for frames
 * ahead. `key_mask` tells which frames around the piece are of the clip; what a clip before left
 * behind is hidden by it, and by `started` from the convolutions. */
#include "coreml/graph/graph.h"
#include "model/streaming.h"

/* Of the last axis of a state: others are known to be refused. */
enum { ROUND_STATE = 32 };

static int32_t ahead_of(struct window window) {
    return window.ahead ? (int32_t)window.ahead - 1 : 0;
}

/* Frames before its new ones that a layer attends to. */
static int32_t kept_by(struct window window) {
    return (int32_t)window.back - 1 + ahead_of(window);
}

struct graph_piece graph_piece_of(const struct config *config, int32_t frames) {
    struct graph_piece piece = {.frames = frames};
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        int32_t reach = piece.delay + kept_by(config->windows[i]);
        if (reach > piece.reach) piece.reach = reach;
        piece.delay += ahead_of(config->windows[i]);
    }
    return piece;
}

/* ------------------------------------------------------------------------------------ carrying */

/* What goes from a piece to the next, [1, channels, 1, columns]; without columns it is nothing. */
struct carried {
    const char *name; /* "k": the input kept_k, the output new_k; or the state kept_k */
    const char *description;
    int64_t channels, columns;
    struct mil_value *value; /* of the piece before, then for the next one */
    struct mil_value *state;
};

static void carry_in(struct graph *g, const struct graph_shape *shape, struct carried *carried) {
    const char *name = mil_text(g->model, "kept_%s", carried->name);
    int64_t columns = carried->columns;
    if (columns == 0) return;
    if (!shape->state) {
        carried->value = graph_input(g, name, g->io, SHAPE(1, carried->channels, 1, columns),
                                     carried->description);
        return;
    }
    int64_t room = (columns + ROUND_STATE - 1) / ROUND_STATE * ROUND_STATE;
    carried->state =
        graph_state(g, name, SHAPE(1, carried->channels, 1, room), carried->description);
    struct mil_value *all =
        graph_read_state(g, mil_text(g->model, "%s_read", name), carried->state);
    carried->value = graph_cut(g, mil_text(g->model, "%s_used", name), all, 0, columns);
}

static void carry_out(struct graph *g, const struct graph_shape *shape, struct carried *carried) {
    struct mil_value *value = carried->value;
    if (carried->columns == 0 || !value) return;
    if (!shape->state) {
        graph_output(g, mil_text(g->model, "new_%s", carried->name), value,
                     mil_text(g->model, "Input kept_%s of the next piece.", carried->name));
        return;
    }
    int64_t room = carried->state ? carried->state->type.dims[3] : carried->columns;
    if (room > carried->columns)
        value = graph_pad(g, mil_text(g->model, "new_%s", carried->name), value, 0,
                          (int32_t)(room - carried->columns), 0);
    graph_write_state(g, carried->state, value);
}

/* What is carried, for each layer its part. */
enum { KEPT_FRAMES, KEPT_CONV1, KEPT_HIDDEN, KEPT_K, KEPT_V, KEPT_COUNT };

static void plan_carried(const struct config *config, struct carried *carried) {
    int64_t dim = config->encoder_dim, kv_width = config_encoder_kv_width(config);
    int64_t waiting = 0, kept = 0;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        waiting += ahead_of(config->windows[i]);
        kept += kept_by(config->windows[i]);
    }
    const struct carried all[KEPT_COUNT] = {
        {"frames", "Output new_frames of the piece before.", dim, STREAM_PAD, NULL, NULL},
        {"conv1", "Output new_conv1 of the piece before.", 2 * dim, STREAM_PAD, NULL, NULL},
        {"hidden", "Output new_hidden of the piece before.", dim, waiting, NULL, NULL},
        {"k", "Output new_k of the piece before.", kv_width, kept, NULL, NULL},
        {"v", "Output new_v of the piece before.", kv_width, kept, NULL, NULL}};
    for (int i = 0; i < KEPT_COUNT; i++) carried[i] = all[i];
}

/* Cuts what is carried into the parts of the layers (NULL: of no columns), or puts it together. */
static void split_parts(struct graph *g, const struct carried *carried, const int32_t *sizes,
                        struct mil_value **parts) {
    uint32_t layers = g->config->encoder_layers;
    struct mil_value *some[CONFIG_LAYERS_MAX] = {0};
    int32_t cuts[CONFIG_LAYERS_MAX];
    size_t count = 0, next = 0;
    for (uint32_t i = 0; i < layers; i++)
        if (sizes[i]) cuts[count++] = sizes[i];
    const char *name = mil_text(g->model, "kept_%s_layer", carried->name);
    if (count == 1) some[0] = carried->value;
    if (count > 1) graph_split(g, name, carried->value, 3, cuts, count, some);
    for (uint32_t i = 0; i < layers; i++) parts[i] = sizes[i] ? some[next++] : NULL;
}

static void join_parts(struct graph *g, struct carried *carried, struct mil_value *const *parts) {
    const struct mil_value *some[CONFIG_LAYERS_MAX];
    struct mil_value *only = NULL;
    size_t count = 0;
    for (uint32_t i = 0; i < g->config->encoder_layers; i++)
        if (parts[i]) some[count++] = only = parts[i];
    const char *name = mil_text(g->model, "all_%s", carried->name);
    carried->value = count > 1 ? graph_concat(g, name, some, count, 3) : only;
}

/* --------------------------------------------------------------------------------------- layers */

/* A layer of a piece: its rows that wait and its keys and values of the piece before, which become
 * those for the next one (NULL: none). */
struct layer_state {
    struct mil_value *hidden, *k, *v;
    const struct mil_value *mask;
};

/* `fresh` behind what is kept of the piece before; the last columns of it are kept for the next. */
static struct mil_value *behind(struct graph *g, const char *name, struct mil_value **kept,
                                struct mil_value *fresh) {
    if (!*kept || !fresh) return fresh;
    const struct mil_value *parts[] = {*kept, fresh};
    int64_t columns = (*kept)->type.dims[3];
    struct mil_value *all = graph_concat(g, name, parts, 2, 3);
    *kept = graph_cut(g, mil_text(g->model, "%s_kept", name), all, fresh->type.dims[3], columns);
    return all;
}

static struct mil_value *layer_of(struct graph *g, uint32_t index, struct mil_value *x,
                                  struct layer_state *state) {
    const struct encoder_layer *layer = &g->weights->encoder_layers[index];
    const struct attention *attention = &layer->self_attn;
    uint32_t head_dim = g->config->encoder_head_dim;
    if (!x) return NULL;
    int64_t frames = x->type.dims[3], waiting = state->hidden ? state->hidden->type.dims[3] : 0;
    x = behind(g, "hidden_all", &state->hidden, x);
    struct mil_value *normed = graph_layer_norm(g, "input_layernorm", x, &layer->input_layernorm);
    struct mil_value *due = normed, *fresh = normed; /* rows to give, and those just heard */
    if (waiting) {
        x = graph_cut(g, "hidden_due", x, 0, frames);
        due = graph_cut(g, "normed_due", normed, 0, frames);
        fresh = graph_cut(g, "normed_fresh", normed, waiting, frames);
    }
    struct mil_value *q = graph_project(g, "q_proj", due, &attention->q_proj);
    struct mil_value *k = graph_project(g, "k_proj", fresh, &attention->k_proj);
    struct mil_value *v = graph_project(g, "v_proj", fresh, &attention->v_proj);
    k = behind(g, "k_all", &state->k, k);
    v = behind(g, "v_all", &state->v, v);
    return graph_encoder_attend(g, x, layer, graph_heads(g, "q", q, head_dim),
                                graph_heads(g, "k", k, head_dim), graph_heads(g, "v", v, head_dim),
                                state->mask);
}

/* The rows of a piece through all layers. */
static struct mil_value *layers_of(struct graph *g, struct mil_value *x,
                                   const struct graph_piece *piece,
                                   const struct mil_value *key_mask, struct carried *carried) {
    const struct config *config = g->config;
    struct mil_value *hidden[CONFIG_LAYERS_MAX] = {0}, *k[CONFIG_LAYERS_MAX] = {0};
    struct mil_value *v[CONFIG_LAYERS_MAX] = {0};
    int32_t waiting[CONFIG_LAYERS_MAX] = {0}, kept[CONFIG_LAYERS_MAX] = {0}, delay = 0;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        waiting[i] = ahead_of(config->windows[i]);
        kept[i] = kept_by(config->windows[i]);
    }
    graph_name(g, "encoder");
    split_parts(g, &carried[KEPT_HIDDEN], waiting, hidden);
    split_parts(g, &carried[KEPT_K], kept, k);
    split_parts(g, &carried[KEPT_V], kept, v);
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        struct layer_state state = {hidden[i], k[i], v[i], NULL};
        int64_t keys = kept[i] + piece->frames;
        graph_name_layer(g, "encoder", i);
        const struct mil_value *mask =
            graph_cut(g, "key_mask", key_mask, piece->reach - delay - kept[i], keys);
        state.mask = graph_window_mask(g, config->windows[i], piece->frames, keys,
                                       (int64_t)config->windows[i].back - 1, mask);
        x = layer_of(g, i, x, &state);
        hidden[i] = state.hidden;
        k[i] = state.k;
        v[i] = state.v;
        delay += waiting[i];
    }
    graph_name(g, "encoder");
    join_parts(g, &carried[KEPT_HIDDEN], hidden);
    join_parts(g, &carried[KEPT_K], k);
    join_parts(g, &carried[KEPT_V], v);
    return graph_layer_norm(g, "layer_norm", x, &g->weights->encoder_norm);
}

/* ------------------------------------------------------------------------------------- function */

/* Learned positions of the rows, [1, dim, 1, frames]. */
static struct mil_value *look_up_positions(struct graph *g, const struct graph_shape *shape,
                                           const struct mil_value *places) {
    const struct linear *pos_emb = &g->weights->pos_emb;
    int64_t dim = g->config->encoder_dim, rows = (int64_t)shape->extent.frames;
    graph_name(g, "decoder");
    struct mil_value *table =
        graph_stored(g, "pos_emb", &g->stored->modules[pos_emb->slot].weight, SHAPE(rows, dim));
    struct mil_value *found = graph_gather(g, "position_rows", table, places);
    found = graph_reshape(g, "position_block", found, SHAPE(1, 1, shape->piece, dim));
    return graph_transpose(g, "positions", found, (const int32_t[]){0, 3, 1, 2});
}

static struct mil_value *started(struct graph *g, const char *name, struct mil_value *tail,
                                 const struct mil_value *is_started) {
    return graph_binary(g, "mul", name, tail, is_started);
}

void graph_piece(struct graph *g, const char *name, const struct graph_shape *shape) {
    struct graph_piece piece = graph_piece_of(g->config, shape->piece);
    struct carried carried[KEPT_COUNT];
    struct mil_value *cross_k, *cross_v;
    int64_t samples = (int64_t)piece.frames * STREAM_SAMPLES_PER_FRAME;
    graph_begin(g, name);
    g->residual = g->encoder_residual;
    struct mil_value *x = graph_input_plain(g, "input_values", MIL_F32, SHAPE(1, samples),
                                            "Mono samples at 16 kHz, from -1 to 1.");
    struct mil_value *is_started = graph_input(g, "started", g->io, SHAPE(1, 1, 1, 1),
                                               "0 for the first piece of a clip, then 1.");
    struct mil_value *key_mask =
        graph_input(g, "key_mask", g->io, SHAPE(1, 1, 1, piece.reach + piece.frames),
                    "0 at the frames that are of the clip, -4000 at others; the last ones are "
                    "those of this piece.");
    struct mil_value *places = graph_input(g, "positions", MIL_I32, SHAPE(piece.frames),
                                           "The number of each row's frame in the clip; 0 for "
                                           "rows before it.");
    plan_carried(g->config, carried);
    for (int i = 0; i < KEPT_COUNT; i++) carry_in(g, shape, &carried[i]);
    graph_name(g, "embedder");
    struct graph_tails tails = {started(g, "frames_before", carried[KEPT_FRAMES].value, is_started),
                                started(g, "conv1_before", carried[KEPT_CONV1].value, is_started)};
    x = graph_embedder(g, x, samples, &tails);
    carried[KEPT_FRAMES].value = tails.frames;
    carried[KEPT_CONV1].value = tails.conv1;
    struct mil_value *memory = layers_of(g, x, &piece, key_mask, carried);
    struct mil_value *placed = graph_place(g, memory, look_up_positions(g, shape, places));
    graph_cross_kv(g, placed, &cross_k, &cross_v);
    struct mil_value *rows =
        graph_reshape(g, "memory", memory, SHAPE(1, g->config->encoder_dim, piece.frames));
    rows = graph_transpose(g, "memory_rows", rows, (const int32_t[]){0, 2, 1});
    graph_output(g, "encoder_hidden_states", rows, "What the encoder heard, row by row.");
    graph_output(g, "cross_k", cross_k, "Columns of the decoder's input of this name.");
    graph_output(g, "cross_v", cross_v, "Columns of the decoder's input of this name.");
    for (int i = 0; i < KEPT_COUNT; i++) carry_out(g, shape, &carried[i]);
    graph_end(g, 0);
}
