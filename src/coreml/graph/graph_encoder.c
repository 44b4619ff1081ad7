/* graph_encoder.c - from samples to what the decoder attends to.
 *
 * A package has one length. A shorter clip is filled up with zeros, and inputs keep what they add
 * out of every sum over positions: `key_mask` in attention, and in the first family `frame_weights`
 * in the group norm's means. The frames of the clip itself come out as without filling. */
#include <stdlib.h>

#include "coreml/graph/graph.h"

/* Bytes of scores that attention makes at once. */
enum { SCORES_MAX = 2 << 20 };

/* --------------------------------------------------------------------------------------- layers */

/* What every layer takes beside the hidden state. */
struct layer_inputs {
    const struct mil_value *cosine, *sine; /* [1, 1, head_dim, frames]; NULL: nothing is rotated */
    const struct mil_value *mask;          /* [1, 1, 1 or frames, frames] or NULL */
};

static void rotary_constants(struct graph *g, uint32_t frames, struct layer_inputs *inputs) {
    size_t rows = g->config->head_dim, count = rows * frames;
    float *tables = malloc(2 * count * sizeof *tables);
    if (!tables) {
        g->model->failed = 1;
        return;
    }
    graph_rotary_tables(g->config, frames, tables, tables + count, 1, frames);
    inputs->cosine = graph_floats(g, "cosine", tables, SHAPE(1, 1, (int64_t)rows, frames));
    inputs->sine = graph_floats(g, "sine", tables + count, SHAPE(1, 1, (int64_t)rows, frames));
    free(tables);
}

static struct mil_value *attended(struct graph *g, const struct encoder_layer *layer,
                                  const struct mil_value *x, const struct layer_inputs *inputs) {
    const struct attention *attention = &layer->self_attn;
    uint32_t head_dim = g->config->encoder_head_dim;
    struct mil_value *normed = graph_layer_norm(g, "input_layernorm", x, &layer->input_layernorm);
    struct mil_value *q = graph_project(g, "q_proj", normed, &attention->q_proj);
    struct mil_value *k = graph_project(g, "k_proj", normed, &attention->k_proj);
    struct mil_value *v = graph_project(g, "v_proj", normed, &attention->v_proj);
    if (inputs->cosine) {
        graph_rotate(g, &q, &k, inputs->cosine, inputs->sine);
    } else {
        q = graph_heads(g, "q", q, head_dim);
        k = graph_heads(g, "k", k, head_dim);
    }
    return graph_encoder_attend(g, x, layer, q, k, graph_heads(g, "v", v, head_dim), inputs->mask);
}

/* Keys or values of fewer heads, each as often as queries share it. */
static struct mil_value *share(struct graph *g, const char *name, struct mil_value *x) {
    uint32_t heads = g->config->encoder_heads, kv_heads = g->config->encoder_kv_heads;
    struct mil_value *parts[CONFIG_HEADS_MAX] = {0};
    const struct mil_value *all[CONFIG_HEADS_MAX];
    int32_t ones[CONFIG_HEADS_MAX];
    if (!x || heads == kv_heads) return x;
    for (uint32_t i = 0; i < kv_heads; i++) ones[i] = 1;
    graph_split(g, mil_text(g->model, "%s_head", name), x, 1, ones, kv_heads, parts);
    for (uint32_t i = 0; i < heads; i++) all[i] = parts[i * kv_heads / heads];
    return graph_concat(g, name, all, heads, 1);
}

static struct mil_value *feed_forward(struct graph *g, const struct encoder_layer *layer,
                                      const struct mil_value *x) {
    struct mil_value *y =
        graph_layer_norm(g, "post_attention_layernorm", x, &layer->post_attention_layernorm);
    y = graph_gelu(g, "gelu", graph_project(g, "fc1", y, &layer->fc1));
    return graph_binary(g, "add", "hidden", x, graph_project(g, "fc2", y, &layer->fc2));
}

/* Into how many groups the heads go, so that the scores of one fit in float16. */
static size_t groups_of(const struct mil_value *q, const struct mil_value *k) {
    int64_t heads = q->type.dims[1], bytes = q->type.dims[3] * k->type.dims[3] * 2;
    int64_t most = bytes < SCORES_MAX ? SCORES_MAX / bytes : 1;
    return (size_t)((heads + most - 1) / most);
}

/* Some heads after the others, where the scores of all would be large: a Neural Engine works on
 * what it has room for. */
static struct mil_value *attend(struct graph *g, struct mil_value *q, struct mil_value *k,
                                struct mil_value *v, const struct mil_value *mask) {
    struct mil_value *qs[CONFIG_HEADS_MAX] = {0}, *ks[CONFIG_HEADS_MAX] = {0};
    struct mil_value *vs[CONFIG_HEADS_MAX] = {0};
    const struct mil_value *results[CONFIG_HEADS_MAX] = {0};
    int32_t sizes[CONFIG_HEADS_MAX] = {0};
    size_t count = q && k ? groups_of(q, k) : 1;
    if (count == 1) return graph_attend(g, "attn", q, k, v, mask);
    size_t heads = (size_t)q->type.dims[1];
    for (size_t i = 0; i < count; i++)
        sizes[i] = (int32_t)((i + 1) * heads / count - i * heads / count);
    graph_split(g, "q_group", q, 1, sizes, count, qs);
    graph_split(g, "k_group", k, 1, sizes, count, ks);
    graph_split(g, "v_group", v, 1, sizes, count, vs);
    for (size_t i = 0; i < count; i++)
        results[i] = graph_attend(g, mil_text(g->model, "attn_%zu", i), qs[i], ks[i], vs[i], mask);
    return graph_concat(g, "attn", results, count, 1);
}

struct mil_value *graph_encoder_attend(struct graph *g, const struct mil_value *x,
                                       const struct encoder_layer *layer, struct mil_value *q,
                                       struct mil_value *k, struct mil_value *v,
                                       const struct mil_value *mask) {
    struct mil_value *y = attend(g, q, share(g, "k_shared", k), share(g, "v_shared", v), mask);
    y = graph_project(g, "o_proj", y, &layer->self_attn.o_proj);
    return feed_forward(g, layer, graph_binary(g, "add", "attended", x, y));
}

/* The windows of the layers over all frames of the clip, one for all layers that have the same. */
static void window_masks(struct graph *g, const struct clip_extent *extent,
                         const struct mil_value *key_mask, struct mil_value **masks) {
    const struct window *windows = g->config->windows;
    int64_t frames = (int64_t)extent->frames;
    for (uint32_t i = 0; i < g->config->encoder_layers; i++) {
        for (uint32_t j = 0; j < i && !masks[i]; j++)
            if (windows[j].back == windows[i].back && windows[j].ahead == windows[i].ahead)
                masks[i] = masks[j];
        graph_name_layer(g, "encoder", i);
        if (!masks[i]) masks[i] = graph_window_mask(g, windows[i], frames, frames, 0, key_mask);
    }
}

/* Samples as [1, count], of which the streaming family takes each float32 as it is, or in blocks.
 */
static struct mil_value *samples_of(struct graph *g, int64_t count, int blocks) {
    int plain = g->config->family == FAMILY_STREAMING;
    if (blocks)
        return graph_input(g, "input_values", g->io,
                           SHAPE(1, 1, count / STEM_STRIDE1, STEM_STRIDE1),
                           "Mono samples at 16 kHz, from -1 to 1, row by row.");
    return (plain ? graph_input_plain : graph_input)(g, "input_values", MIL_F32, SHAPE(1, count),
                                                     "Mono samples at 16 kHz, from -1 to 1.");
}

struct mil_value *graph_encode(struct graph *g, const struct clip_extent *extent, int masked,
                               int blocks) {
    const struct weights *weights = g->weights;
    int streaming = g->config->family == FAMILY_STREAMING;
    struct layer_inputs inputs = {0};
    struct mil_value *frame_weights = NULL, *windows[CONFIG_LAYERS_MAX] = {0};
    g->residual = g->encoder_residual;
    struct mil_value *x = samples_of(g, (int64_t)extent->samples, blocks);
    if (masked && !streaming)
        frame_weights =
            graph_input(g, "frame_weights", g->io, SHAPE(1, 1, 1, extent->frames1),
                        "Frames of the first convolution over how many the clip has, at those "
                        "that it has; 0 behind them.");
    if (masked)
        inputs.mask = graph_input(g, "key_mask", g->io, SHAPE(1, 1, 1, extent->frames),
                                  "0 at the frames that the clip has, -4000 behind them.");
    if (streaming) {
        window_masks(g, extent, inputs.mask, windows);
        x = graph_embedder(g, x, (int64_t)extent->samples, NULL);
    } else {
        rotary_constants(g, extent->frames, &inputs);
        x = graph_stem(g, x, (int64_t)extent->samples, frame_weights);
    }
    graph_name(g, "encoder");
    x = graph_begin_residual(g, x);
    for (uint32_t i = 0; i < g->config->encoder_layers; i++) {
        graph_name_layer(g, "encoder", i);
        if (streaming) inputs.mask = windows[i];
        x = attended(g, &weights->encoder_layers[i], x, &inputs);
    }
    graph_name(g, "encoder");
    return graph_layer_norm(g, "layer_norm", x, &weights->encoder_norm);
}

/* --------------------------------------------------------------------------------------- memory */

struct mil_value *graph_place(struct graph *g, struct mil_value *memory,
                              const struct mil_value *positions) {
    const struct weights *weights = g->weights;
    if (!weights->pos_emb.weight) return memory;
    memory = graph_binary(g, "add", "placed", memory, positions);
    return weights->proj.weight ? graph_project(g, "proj", memory, &weights->proj) : memory;
}

/* What is added to the frames from the first on, [1, dim, 1, frames]. */
static struct mil_value *first_positions(struct graph *g, int64_t frames) {
    const struct linear *pos_emb = &g->weights->pos_emb;
    const struct stored *stored = &g->stored->modules[pos_emb->slot].weight;
    if (!pos_emb->weight) return NULL;
    struct mil_value *rows =
        graph_stored(g, "pos_emb", stored, SHAPE(1, 1, frames, g->config->encoder_dim));
    return graph_transpose(g, "positions", rows, (const int32_t[]){0, 3, 1, 2});
}

struct mil_value *graph_placed(struct graph *g, struct mil_value *memory) {
    graph_name(g, "decoder");
    return memory ? graph_place(g, memory, first_positions(g, memory->type.dims[3])) : NULL;
}

void graph_cross_kv(struct graph *g, const struct mil_value *memory, struct mil_value **cross_k,
                    struct mil_value **cross_v) {
    const struct mil_value *k[CONFIG_LAYERS_MAX] = {0}, *v[CONFIG_LAYERS_MAX] = {0};
    uint32_t layers = g->config->decoder_layers;
    for (uint32_t i = 0; i < layers; i++) {
        const struct attention *attention = &g->weights->decoder_layers[i].encoder_attn;
        graph_name_layer(g, "decoder", i);
        k[i] = graph_project(g, "cross_k_proj", memory, &attention->k_proj);
        v[i] = graph_project(g, "cross_v_proj", memory, &attention->v_proj);
    }
    graph_name(g, "decoder");
    *cross_k = graph_concat(g, "memory_k", k, layers, 1);
    *cross_v = graph_concat(g, "memory_v", v, layers, 1);
}

void graph_encoder(struct graph *g, const char *name, const struct graph_shape *shape, int named) {
    struct mil_value *cross_k, *cross_v;
    int32_t frames = (int32_t)shape->extent.frames, behind = shape->memory - frames;
    graph_begin(g, name);
    struct mil_value *memory = graph_encode(g, &shape->extent, 1, shape->blocks);
    graph_cross_kv(g, graph_placed(g, memory), &cross_k, &cross_v);
    if (behind > 0) {
        cross_k = graph_pad(g, "padded_k", cross_k, 0, behind, 0);
        cross_v = graph_pad(g, "padded_v", cross_v, 0, behind, 0);
    }
    struct mil_value *rows =
        graph_reshape(g, "memory", memory, SHAPE(1, g->config->encoder_dim, frames));
    rows = graph_transpose(g, "memory_rows", rows, (const int32_t[]){0, 2, 1});
    graph_output(g, "encoder_hidden_states", rows,
                 "What the encoder heard, row by row; rows behind the clip mean nothing.");
    graph_output(g, "cross_k", cross_k, "For the decoder's input of this name.");
    graph_output(g, "cross_v", cross_v, "For the decoder's input of this name.");
    graph_end(g, named);
}
