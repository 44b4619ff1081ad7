/* weights.c - see weights.h. The functions at the end name every tensor of the network once, in the
 * order of the reference's modules. */
#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "model/streaming.h"

/* One pass over the network: where it is, and the first thing that went wrong. */
struct loader {
    struct weights *weights;
    const struct config *config;
    const char *prefix; /* of the module being loaded: "model.decoder.layers.3." */
    pst_status status;
    pst_error *err;
    weights_problem *report; /* NULL: the first problem ends the pass */
    void *user;
};

static float *own(struct loader *loader, size_t count) {
    struct weights *weights = loader->weights;
    size_t bytes;
    if (!checked_mul(count, sizeof(float), &bytes)) bytes = SIZE_MAX;
    float **copies = realloc(weights->copies, (weights->copy_count + 1) * sizeof *weights->copies);
    if (copies) weights->copies = copies;
    float *copy = copies ? malloc(bytes ? bytes : 1) : NULL;
    if (copy)
        weights->copies[weights->copy_count++] = copy;
    else
        loader->status = error_memory(loader->err, bytes);
    return copy;
}

/* Does the tensor have the shape [sizes[0], ...]? */
static int has_shape(const struct tensor *tensor, uint32_t dims, const uint32_t *sizes) {
    if (tensor->dims != dims) return 0;
    for (uint32_t i = 0; i < dims; i++)
        if (tensor->shape[i] != sizes[i]) return 0;
    return 1;
}

/* A tensor that cannot be used: the end of the pass, or one of many problems. */
static const float *refuse(struct loader *loader, const pst_error *why) {
    if (loader->report) {
        loader->report(loader->user, why->message);
        return NULL;
    }
    if (loader->err) *loader->err = *why;
    loader->status = why->code;
    return NULL;
}

/* The values of the tensor `name` as float32, in place when they can be. */
static const float *take_named(struct loader *loader, const char *name, uint32_t dims,
                               const uint32_t *sizes) {
    char found[128], wanted[128];
    pst_error why;
    if (loader->status) return NULL;
    const char *path = loader->weights->checkpoint.path;
    const struct tensor *tensor = checkpoint_find(&loader->weights->checkpoint, name);
    if (!tensor) {
        error_set(&why, PST_ERR_MODEL, "%s: tensor %s is missing", path, name);
        return refuse(loader, &why);
    }
    if (!has_shape(tensor, dims, sizes)) {
        struct tensor want = {.dims = dims};
        for (uint32_t i = 0; i < dims; i++) want.shape[i] = sizes[i];
        error_set(&why, PST_ERR_MODEL, "%s: %s is %s, its config.json needs %s", path, name,
                  tensor_shape_text(tensor, found), tensor_shape_text(&want, wanted));
        return refuse(loader, &why);
    }
    const float *values = tensor_floats_in_place(tensor);
    if (values) return values;
    float *copy = own(loader, tensor->count);
    if (!copy || tensor_to_float(tensor, copy)) return copy;
    error_set(&why, PST_ERR_UNSUPPORTED, "%s: %s is %s, expected F32, F16 or BF16", path, name,
              dtype_name(tensor->dtype));
    return refuse(loader, &why);
}

/* Those of <module>.<part>. */
static const float *take(struct loader *loader, const char *module, const char *part, uint32_t dims,
                         const uint32_t *sizes) {
    char name[MODULE_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s.%s", module, part);
    return take_named(loader, name, dims, sizes);
}

/* Enters a module into the registry; its name is `prefix` + `name`. */
static struct module *enter(struct loader *loader, const char *name, enum module_kind kind,
                            uint32_t out, uint32_t in, uint32_t kernel) {
    struct weights *weights = loader->weights;
    struct module *module = &weights->modules[weights->module_count++];
    *module =
        (struct module){.kind = kind, .out = out, .in = in, .kernel = kernel, .part = "weight"};
    snprintf(module->name, sizeof module->name, "%s%s", loader->prefix, name);
    return module;
}

static void load_norm(struct loader *loader, const char *name, struct norm *norm, uint32_t dim,
                      int with_bias) {
    uint32_t slot = loader->weights->module_count;
    struct module *module = enter(loader, name, MODULE_NORM, dim, 0, 0);
    module->weight = take(loader, module->name, "weight", 1, &dim);
    module->has_bias = with_bias;
    if (with_bias) module->bias = take(loader, module->name, "bias", 1, &dim);
    *norm = (struct norm){module->weight, module->bias, slot};
}

/* A layer norm of the streaming encoder: gamma is stored as an offset from 1. */
static void load_gamma(struct loader *loader, const char *name, struct norm *norm) {
    uint32_t dim = loader->config->encoder_dim, slot = loader->weights->module_count;
    struct module *module = enter(loader, name, MODULE_NORM, dim, 0, 0);
    module->part = "gamma";
    module->weight = take(loader, module->name, "gamma", 1, &dim);
    float *scale = module->weight ? own(loader, dim) : NULL;
    for (uint32_t i = 0; scale && i < dim; i++) scale[i] = module->weight[i] + 1.0f;
    *norm = (struct norm){scale, NULL, slot};
}

static void load_linear(struct loader *loader, const char *name, struct linear *linear,
                        uint32_t out, uint32_t in, int with_bias) {
    uint32_t slot = loader->weights->module_count;
    struct module *module = enter(loader, name, MODULE_LINEAR, out, in, 0);
    module->weight = take(loader, module->name, "weight", 2, (uint32_t[]){out, in});
    module->has_bias = with_bias;
    if (with_bias) module->bias = take(loader, module->name, "bias", 1, &out);
    *linear = (struct linear){
        .weight = module->weight, .bias = module->bias, .out = out, .in = in, .slot = slot};
}

static void load_conv(struct loader *loader, const char *name, struct conv *conv, uint32_t out,
                      uint32_t in, uint32_t kernel, uint32_t stride, int with_bias) {
    uint32_t slot = loader->weights->module_count;
    struct module *module = enter(loader, name, MODULE_CONV1D, out, in, kernel);
    module->weight = take(loader, module->name, "weight", 3, (uint32_t[]){out, in, kernel});
    module->has_bias = with_bias;
    if (with_bias) module->bias = take(loader, module->name, "bias", 1, &out);
    *conv = (struct conv){.weight = module->weight,
                          .bias = module->bias,
                          .out = out,
                          .in = in,
                          .kernel = kernel,
                          .stride = stride,
                          .slot = slot};
}

/* Sizes of an attention: rows of the network, and what its heads make of them. */
struct attention_sizes {
    uint32_t dim, width, kv_width;
    int bias, out_bias;
};

static void load_attention(struct loader *loader, const char *name, struct attention *attention,
                           const struct attention_sizes *sizes) {
    char part[32];
    struct {
        const char *name;
        struct linear *linear;
        uint32_t out, in;
        int bias;
    } projections[] = {
        {"q_proj", &attention->q_proj, sizes->width, sizes->dim, sizes->bias},
        {"k_proj", &attention->k_proj, sizes->kv_width, sizes->dim, sizes->bias},
        {"v_proj", &attention->v_proj, sizes->kv_width, sizes->dim, sizes->bias},
        {"o_proj", &attention->o_proj, sizes->dim, sizes->width, sizes->out_bias},
    };
    for (int i = 0; i < 4; i++) {
        snprintf(part, sizeof part, "%s.%s", name, projections[i].name);
        load_linear(loader, part, projections[i].linear, projections[i].out, projections[i].in,
                    projections[i].bias);
    }
}

static void load_encoder_layer(struct loader *loader, struct encoder_layer *layer) {
    const struct config *config = loader->config;
    int streaming = config->family == FAMILY_STREAMING;
    uint32_t dim = config->encoder_dim;
    struct attention_sizes sizes = {dim, config->encoder_width, config_encoder_kv_width(config),
                                    config->encoder_attention_bias,
                                    streaming && config->encoder_attention_bias};
    load_attention(loader, "self_attn", &layer->self_attn, &sizes);
    load_linear(loader, "mlp.fc1", &layer->fc1, config->encoder_ffn, dim, 1);
    load_linear(loader, "mlp.fc2", &layer->fc2, dim, config->encoder_ffn, 1);
    if (streaming) {
        load_gamma(loader, "input_layernorm", &layer->input_layernorm);
        load_gamma(loader, "post_attention_layernorm", &layer->post_attention_layernorm);
        return;
    }
    load_norm(loader, "input_layernorm", &layer->input_layernorm, dim, 0);
    load_norm(loader, "post_attention_layernorm", &layer->post_attention_layernorm, dim, 0);
}

static void load_decoder_layer(struct loader *loader, struct decoder_layer *layer) {
    const struct config *config = loader->config;
    uint32_t dim = config->dim;
    struct attention_sizes sizes = {dim, config->width, config->width, config->attention_bias, 0};
    load_attention(loader, "self_attn", &layer->self_attn, &sizes);
    load_attention(loader, "encoder_attn", &layer->encoder_attn, &sizes);
    load_linear(loader, "mlp.fc1", &layer->fc1, 2 * config->decoder_ffn, dim, 1);
    load_linear(loader, "mlp.fc2", &layer->fc2, dim, config->decoder_ffn, 1);
    load_norm(loader, "input_layernorm", &layer->input_layernorm, dim, 0);
    load_norm(loader, "post_attention_layernorm", &layer->post_attention_layernorm, dim, 0);
    load_norm(loader, "final_layernorm", &layer->final_layernorm, dim, 0);
}

static void load_stem(struct loader *loader) {
    struct weights *weights = loader->weights;
    uint32_t dim = loader->config->encoder_dim;
    loader->prefix = "model.encoder.";
    load_conv(loader, "conv1", &weights->conv1, dim, 1, STEM_KERNEL1, STEM_STRIDE1, 0);
    load_conv(loader, "conv2", &weights->conv2, 2 * dim, dim, STEM_KERNEL2, STEM_STRIDE2, 1);
    load_conv(loader, "conv3", &weights->conv3, dim, 2 * dim, STEM_KERNEL3, STEM_STRIDE3, 1);
    load_norm(loader, "groupnorm", &weights->groupnorm, dim, 1);
}

/* log_k is a number, stored with the shape [] or [1]. */
static void load_compression(struct loader *loader) {
    loader->weights->compression_slot = loader->weights->module_count;
    struct module *module = enter(loader, "comp", MODULE_NUMBER, 1, 0, 0);
    const struct tensor *tensor =
        checkpoint_find(&loader->weights->checkpoint, "model.encoder.embedder.comp.log_k");
    module->part = "log_k";
    module->weight =
        take(loader, module->name, "log_k", tensor && tensor->dims == 1, (uint32_t[]){1});
    if (module->weight) loader->weights->compression = expf(*module->weight);
}

static void load_embedder(struct loader *loader) {
    struct weights *weights = loader->weights;
    uint32_t dim = loader->config->encoder_dim;
    loader->prefix = "model.encoder.embedder.";
    load_compression(loader);
    load_conv(loader, "conv1", &weights->conv1, 2 * dim, dim, STREAM_KERNEL, STREAM_STRIDE, 1);
    load_conv(loader, "conv2", &weights->conv2, dim, 2 * dim, STREAM_KERNEL, STREAM_STRIDE, 1);
    load_linear(loader, "linear", &weights->frames, dim, STREAM_FRAME_SAMPLES, 0);
}

static void load_encoder(struct loader *loader) {
    struct weights *weights = loader->weights;
    int streaming = loader->config->family == FAMILY_STREAMING;
    if (streaming)
        load_embedder(loader);
    else
        load_stem(loader);
    char prefix[48];
    for (uint32_t i = 0; i < loader->config->encoder_layers; i++) {
        snprintf(prefix, sizeof prefix, "model.encoder.layers.%u.", i);
        loader->prefix = prefix;
        load_encoder_layer(loader, &weights->encoder_layers[i]);
    }
    loader->prefix = "model.encoder.";
    if (streaming)
        load_gamma(loader, "final_norm", &weights->encoder_norm);
    else
        load_norm(loader, "layer_norm", &weights->encoder_norm, loader->config->dim, 0);
}

static void load_embedding(struct loader *loader, const char *name, const char *tensor,
                           struct linear *embedding, uint32_t rows, uint32_t dim) {
    uint32_t slot = loader->weights->module_count;
    struct module *module = enter(loader, name, MODULE_EMBEDDING, rows, dim, 0);
    module->weight = take_named(loader, tensor, 2, (uint32_t[]){rows, dim});
    *embedding = (struct linear){.weight = module->weight, .out = rows, .in = dim, .slot = slot};
}

static const char EMBEDDING[] = "model.decoder.embed_tokens.weight", OUTPUT[] = "proj_out.weight";

/* Of tied matrices either may be the one that is stored. */
static const char *embedding_tensor(const struct weights *weights, const struct config *config) {
    int swapped = config->tie_word_embeddings && checkpoint_find(&weights->checkpoint, OUTPUT) &&
                  !checkpoint_find(&weights->checkpoint, EMBEDDING);
    return swapped ? OUTPUT : EMBEDDING;
}

static void load_decoder(struct loader *loader) {
    struct weights *weights = loader->weights;
    const struct config *config = loader->config;
    loader->prefix = "model.decoder.";
    load_embedding(loader, "embed_tokens", embedding_tensor(weights, config),
                   &weights->embed_tokens, config->vocab, config->dim);
    char prefix[48];
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        snprintf(prefix, sizeof prefix, "model.decoder.layers.%u.", i);
        loader->prefix = prefix;
        load_decoder_layer(loader, &weights->decoder_layers[i]);
    }
    loader->prefix = "model.decoder.";
    load_norm(loader, "norm", &weights->decoder_norm, config->dim, 0);
    if (config->family != FAMILY_STREAMING) return;
    load_embedding(loader, "pos_emb", "model.decoder.pos_emb.weight", &weights->pos_emb,
                   config->max_position_embeddings, config->encoder_dim);
    if (config->encoder_dim != config->dim)
        load_linear(loader, "proj", &weights->proj, config->dim, config->encoder_dim, 0);
}

/* Is an output matrix stored that is the embedding bit for bit? Checkpoints that do not tie the two
 * may hold one matrix twice; the second then needs no memory. */
static int repeats_embedding(const struct loader *loader) {
    const struct weights *weights = loader->weights;
    const struct tensor *in = checkpoint_find(&weights->checkpoint, EMBEDDING);
    const struct tensor *out = checkpoint_find(&weights->checkpoint, OUTPUT);
    const uint32_t sizes[] = {loader->config->vocab, loader->config->dim};
    if (!in || !out || in->dtype != out->dtype) return 0;
    if (!has_shape(in, 2, sizes) || !has_shape(out, 2, sizes)) return 0;
    int same = memcmp(in->data, out->data, in->bytes) == 0;
    checkpoint_release(&weights->checkpoint, out->data, out->bytes);
    return same;
}

/* The output matrix: its own when it is stored beside the embedding, whatever the config says (a
 * fine-tune of one of the two leaves the config as it was), else the embedding's when tied. */
static void load_output(struct loader *loader) {
    struct weights *weights = loader->weights;
    const struct config *config = loader->config;
    loader->prefix = "";
    weights->tied =
        config->tie_word_embeddings && !(checkpoint_find(&weights->checkpoint, EMBEDDING) &&
                                         checkpoint_find(&weights->checkpoint, OUTPUT));
    if (!weights->tied && !repeats_embedding(loader)) {
        load_linear(loader, "proj_out", &weights->proj_out, config->vocab, config->dim, 0);
        return;
    }
    uint32_t slot = weights->module_count;
    struct module *module = enter(loader, "proj_out", MODULE_LINEAR, config->vocab, config->dim, 0);
    module->weight = weights->embed_tokens.weight;
    weights->proj_out = (struct linear){
        .weight = module->weight, .out = config->vocab, .in = config->dim, .slot = slot};
}

pst_status weights_open_reporting(struct weights *weights, const struct config *config,
                                  const char *dir, weights_problem *report, void *user,
                                  pst_error *err) {
    *weights = (struct weights){0};
    /* Stem 4 (embedder 3), norm; 8 modules an encoder layer; embedding, norm, pos_emb, proj; 13 a
     * decoder layer; output. */
    size_t modules =
        5 + 8 * (size_t)config->encoder_layers + 4 + 13 * (size_t)config->decoder_layers + 1;
    pst_status status = checkpoint_open(&weights->checkpoint, dir, err);
    if (status) return status;
    weights->modules = calloc(modules, sizeof *weights->modules);
    weights->encoder_layers = calloc(config->encoder_layers, sizeof *weights->encoder_layers);
    weights->decoder_layers = calloc(config->decoder_layers, sizeof *weights->decoder_layers);
    if (!weights->modules || !weights->encoder_layers || !weights->decoder_layers) {
        weights_close(weights);
        return error_memory(err, 0);
    }
    struct loader loader = {
        .weights = weights, .config = config, .err = err, .report = report, .user = user};
    weights->decoder_only = checkpoint_has_part(&weights->checkpoint, "decoder") &&
                            !checkpoint_has_part(&weights->checkpoint, "encoder");
    if (!weights->decoder_only) load_encoder(&loader);
    load_decoder(&loader);
    load_output(&loader);
    if (loader.status) weights_close(weights);
    return loader.status;
}

pst_status weights_open(struct weights *weights, const struct config *config, const char *dir,
                        pst_error *err) {
    return weights_open_reporting(weights, config, dir, NULL, NULL, err);
}

void weights_close(struct weights *weights) {
    for (uint32_t i = 0; i < weights->copy_count; i++) free(weights->copies[i]);
    free(weights->copies);
    free(weights->modules);
    free(weights->encoder_layers);
    free(weights->decoder_layers);
    checkpoint_close(&weights->checkpoint);
    *weights = (struct weights){0};
}

const struct module *weights_find_module(const struct weights *weights, const char *name) {
    for (uint32_t i = 0; i < weights->module_count; i++)
        if (strcmp(weights->modules[i].name, name) == 0) return &weights->modules[i];
    return NULL;
}
