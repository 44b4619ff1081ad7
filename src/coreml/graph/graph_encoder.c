/* graph_encoder.c - from samples to what the decoder attends to.
 *
 * A package has one length. A shorter clip is filled up with zeros, and two inputs keep what they
 * add out of every sum over positions: `frame_weights` in the group norm's means, `key_mask` in
 * attention. The convolutions look forward only, so the frames of the clip itself come out as
 * without filling. */
#include <stdlib.h>

#include "coreml/graph/graph.h"

/* The group norm is taken of 4 times its input, which changes nothing but that epsilon times 16 is
 * a normal number of float16: a device that flushes others to 0 would divide silence by 0. */
static const float GROUP_NORM_SCALE = 4.0f;

/* ----------------------------------------------------------------------------------------- stem */

/* Samples as blocks of 64 in 64 channels: a convolution over two blocks then is the first one, its
 * 127 taps filled up to 128, and no axis passes the 16,384 that the Neural Engine takes. */
static struct mil_value *blocks(struct graph *g, const struct mil_value *samples, uint32_t count) {
    struct mil_value *x = graph_reshape(g, "rows", samples, SHAPE(1, 1, count, STEM_STRIDE1));
    return graph_transpose(g, "blocks", x, (const int32_t[]){0, 3, 1, 2});
}

/* The mean over channels, then over frames: sums stay small. */
static struct mil_value *mean(struct graph *g, const char *name, const struct mil_value *x,
                              const struct mil_value *frame_weights) {
    struct mil_model *model = g->model;
    struct mil_value *y =
        graph_reduce(g, "reduce_mean", mil_text(model, "%s_of_frame", name), x, 1);
    if (frame_weights)
        y = graph_binary(g, "mul", mil_text(model, "%s_weighted", name), y, frame_weights);
    return graph_reduce(g, "reduce_mean", name, y, 3);
}

static struct mil_value *group_norm(struct graph *g, const struct mil_value *x,
                                    const struct mil_value *frame_weights) {
    const struct stored_module *module = &g->stored->modules[g->weights->groupnorm.slot];
    int64_t dim = g->config->dim;
    struct mil_value *scale = graph_float(g, "group_norm_scale", GROUP_NORM_SCALE);
    struct mil_value *scaled = graph_binary(g, "mul", "scaled", x, scale);
    struct mil_value *middle = mean(g, "mean", scaled, frame_weights);
    struct mil_value *centred = graph_binary(g, "sub", "centred", scaled, middle);
    struct mil_value *squares = graph_binary(g, "mul", "squares", centred, centred);
    struct mil_value *variance = mean(g, "variance", squares, frame_weights);
    struct mil_value *epsilon = graph_float(
        g, "group_norm_epsilon", (float)NORM_EPSILON * GROUP_NORM_SCALE * GROUP_NORM_SCALE);
    if (!variance) return NULL;
    struct mil_value *factor =
        graph_op(g, "rsqrt", "factor", variance->type, "x", variance, "epsilon", epsilon, NULL);
    struct mil_value *gamma = graph_stored(g, "weight", &module->weight, SHAPE(1, dim, 1, 1));
    struct mil_value *beta = graph_stored(g, "bias", &module->bias, SHAPE(1, dim, 1, 1));
    factor = graph_binary(g, "mul", "stretch", factor, gamma);
    return graph_binary(g, "add", "shifted", graph_binary(g, "mul", "normed", centred, factor),
                        beta);
}

static struct mil_value *stem(struct graph *g, const struct mil_value *samples, uint32_t count,
                              const struct mil_value *frame_weights) {
    const struct weights *weights = g->weights;
    graph_name(g, "stem");
    struct mil_value *x = blocks(g, samples, count / STEM_STRIDE1);
    x = graph_conv(g, "conv1", x, weights->conv1.slot, 2, 1);
    x = graph_unary(g, "tanh", "tanh", x);
    graph_name(g, "stem_groupnorm");
    x = group_norm(g, x, frame_weights);
    graph_name(g, "stem");
    x = graph_conv(g, "conv2", x, weights->conv2.slot, STEM_KERNEL2, STEM_STRIDE2);
    x = graph_gelu(g, "gelu2", x);
    x = graph_conv(g, "conv3", x, weights->conv3.slot, STEM_KERNEL3, STEM_STRIDE3);
    return graph_gelu(g, "gelu3", x);
}

/* --------------------------------------------------------------------------------------- layers */

/* What every layer takes beside the hidden state. */
struct layer_inputs {
    const struct mil_value *cosine, *sine; /* [1, 1, pairs, frames] */
    const struct mil_value *mask;          /* [1, 1, 1, frames] or NULL */
};

static void rotary_constants(struct graph *g, uint32_t frames, struct layer_inputs *inputs) {
    size_t pairs = g->config->rotary_pairs, count = pairs * frames;
    float *tables = malloc(2 * (count ? count : 1) * sizeof *tables);
    if (!tables) {
        g->model->failed = 1;
        return;
    }
    rotary_angles(g->config, frames, tables, tables + count, 1, frames);
    inputs->cosine = graph_floats(g, "cosine", tables, SHAPE(1, 1, (int64_t)pairs, frames));
    inputs->sine = graph_floats(g, "sine", tables + count, SHAPE(1, 1, (int64_t)pairs, frames));
    free(tables);
}

static struct mil_value *self_attention(struct graph *g, const struct encoder_layer *layer,
                                        const struct mil_value *x,
                                        const struct layer_inputs *inputs) {
    const struct attention *attention = &layer->self_attn;
    struct mil_value *normed = graph_layer_norm(g, "input_layernorm", x, &layer->input_layernorm);
    struct mil_value *q = graph_project(g, "q_proj", normed, &attention->q_proj);
    struct mil_value *k = graph_project(g, "k_proj", normed, &attention->k_proj);
    struct mil_value *v = graph_project(g, "v_proj", normed, &attention->v_proj);
    q = graph_rotate(g, "q_rotated", graph_heads(g, "q", q), inputs->cosine, inputs->sine);
    k = graph_rotate(g, "k_rotated", graph_heads(g, "k", k), inputs->cosine, inputs->sine);
    struct mil_value *y = graph_attend(g, "attn", q, k, graph_heads(g, "v", v), inputs->mask);
    return graph_binary(g, "add", "attended", x, graph_project(g, "o_proj", y, &attention->o_proj));
}

static struct mil_value *feed_forward(struct graph *g, const struct encoder_layer *layer,
                                      const struct mil_value *x) {
    struct mil_value *y =
        graph_layer_norm(g, "post_attention_layernorm", x, &layer->post_attention_layernorm);
    y = graph_gelu(g, "gelu", graph_project(g, "fc1", y, &layer->fc1));
    return graph_binary(g, "add", "hidden", x, graph_project(g, "fc2", y, &layer->fc2));
}

struct mil_value *graph_encode(struct graph *g, const struct clip_extent *extent, int masked) {
    const struct weights *weights = g->weights;
    struct layer_inputs inputs = {0};
    struct mil_value *frame_weights = NULL;
    struct mil_value *x = graph_input(g, "input_values", MIL_F32, SHAPE(1, extent->samples),
                                      "Mono samples at 16 kHz, from -1 to 1.");
    if (masked) {
        frame_weights =
            graph_input(g, "frame_weights", g->io, SHAPE(1, 1, 1, extent->frames1),
                        "Frames of the first convolution over how many the clip has, at those "
                        "that it has; 0 behind them.");
        inputs.mask = graph_input(g, "key_mask", g->io, SHAPE(1, 1, 1, extent->frames),
                                  "0 at the frames that the clip has, -10000 behind them.");
    }
    rotary_constants(g, extent->frames, &inputs);
    x = stem(g, x, extent->samples, frame_weights);
    for (uint32_t i = 0; i < g->config->encoder_layers; i++) {
        graph_name_layer(g, "encoder", i);
        x = self_attention(g, &weights->encoder_layers[i], x, &inputs);
        x = feed_forward(g, &weights->encoder_layers[i], x);
    }
    graph_name(g, "encoder");
    return graph_layer_norm(g, "layer_norm", x, &weights->encoder_norm);
}

/* --------------------------------------------------------------------------------------- memory */

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
    struct mil_value *memory = graph_encode(g, &shape->extent, 1);
    graph_cross_kv(g, memory, &cross_k, &cross_v);
    if (behind > 0) {
        cross_k = graph_pad(g, "padded_k", cross_k, behind);
        cross_v = graph_pad(g, "padded_v", cross_v, behind);
    }
    struct mil_value *rows = graph_reshape(g, "memory", memory, SHAPE(1, g->config->dim, frames));
    rows = graph_transpose(g, "memory_rows", rows, (const int32_t[]){0, 2, 1});
    graph_output(g, "encoder_hidden_states", rows,
                 "What the encoder heard, a row every 24 ms; rows behind the clip mean nothing.");
    graph_output(g, "cross_k", cross_k, "For the decoder's input of this name.");
    graph_output(g, "cross_v", cross_v, "For the decoder's input of this name.");
    graph_end(g, named);
}
