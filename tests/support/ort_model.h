/* ort_model.h - the official source files of a model, made for tests: the operators and names of
 * the real ones, one layer a side, every value a function of the node's name and its index. */
#ifndef PST_TESTS_ORT_MODEL_H
#define PST_TESTS_ORT_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file_view.h"
#include "import/ort_file.h"
#include "support/ort_builder.h"

enum { FFN = 8, WORDS = 4, VOCAB = 259 + WORDS + 1 };

/* How the model to be made differs from a good one: the node of `path` is left out, or is
 * damaged. */
enum fault {
    FAULT_NONE,
    FAULT_LEFT_OUT,
    FAULT_SCALE_ZERO,
    FAULT_SCALE_NAN,
    FAULT_SCALE_HUGE,
    FAULT_SCALE_SHAPE,
    FAULT_ZERO_TYPE,
    FAULT_ZERO_SHAPE,
    FAULT_TYPE,
    FAULT_SHAPE,
    FAULT_BIAS,
    FAULT_COMPUTED,
    FAULT_OPERATOR,
    FAULT_NAN,
    FAULT_PER_COLUMN, /* no fault: other ways to write the same kind of model */
    FAULT_INT8,
    FAULT_NO_ZERO,
    FAULT_UNFUSED
};

struct recipe {
    size_t dim;
    const char *path; /* of the node that differs */
    enum fault fault;
};

struct workbench {
    struct ort_builder b;
    struct ort_builder_graph graph;
    const struct recipe *recipe;
    const char *folder;
};

static inline unsigned seed_of(const char *path) {
    unsigned seed = 7;
    for (; *path; path++) seed = seed * 31 + (unsigned char)*path;
    return seed;
}

static inline unsigned char byte_of(unsigned seed, size_t i) {
    return (unsigned char)((seed >> 3) + i * 37 + i / 256 * 11);
}

static inline float float_of(unsigned seed, size_t i) {
    return (float)((int)((seed + i * 29) % 2001) - 1000) / 512.0f;
}

static inline float scale_of(unsigned seed, size_t column, enum fault fault) {
    if (fault != FAULT_PER_COLUMN) column = 0;
    return 0.0078125f * (float)(1 + (seed + column) % 7) + 0.001f;
}

static inline enum fault fault_of(const struct workbench *w, const char *path) {
    return w->recipe->path && strcmp(w->recipe->path, path) == 0 ? w->recipe->fault : FAULT_NONE;
}

static inline void add_floats(struct workbench *w, const char *name, uint32_t dims,
                              const size_t *shape, unsigned seed, int with_nan) {
    size_t count = 1;
    for (uint32_t i = 0; i < dims; i++) count *= shape[i];
    float *values = malloc(count * sizeof *values);
    if (!values) abort();
    for (size_t i = 0; i < count; i++) values[i] = float_of(seed, i);
    if (with_nan) memset(&values[count - 1], 0xFF, sizeof *values);
    builder_tensor(&w->b, &w->graph, name, ORT_FLOAT, dims, shape, values, count * sizeof *values);
    free(values);
}

static inline float damaged_scale(float scale, enum fault fault) {
    static const unsigned char nan_bytes[4] = {0, 0, 0xC0, 0x7F};
    if (fault == FAULT_SCALE_ZERO) return 0;
    if (fault == FAULT_SCALE_HUGE) return 3e38f;
    if (fault == FAULT_SCALE_NAN) memcpy(&scale, nan_bytes, sizeof scale);
    return scale;
}

/* `path`_q [rows, columns], `path`_s and `path`_z. */
static inline void add_matrix(struct workbench *w, const char *path, size_t rows, size_t columns,
                              unsigned seed) {
    enum fault fault = fault_of(w, path);
    char name[160];
    size_t shape[2] = {rows, columns}, several = fault == FAULT_PER_COLUMN ? columns : 1;
    if (fault == FAULT_SHAPE) shape[0] = columns + 1, shape[1] = rows;
    unsigned char *bytes = malloc(shape[0] * shape[1]);
    float *scales = malloc((columns + 1) * sizeof *scales);
    if (!bytes || !scales) abort();
    for (size_t i = 0; i < shape[0] * shape[1]; i++) bytes[i] = byte_of(seed, i);
    for (size_t i = 0; i <= columns; i++)
        scales[i] = damaged_scale(scale_of(seed, i, fault), fault);
    int type = fault == FAULT_INT8 ? ORT_INT8 : ORT_UINT8;
    snprintf(name, sizeof name, "%s_q", path);
    builder_tensor(&w->b, &w->graph, name, fault == FAULT_TYPE ? 7 : type, 2, shape, bytes,
                   shape[0] * shape[1]);
    if (fault == FAULT_SCALE_SHAPE) several = columns + 1;
    snprintf(name, sizeof name, "%s_s", path);
    builder_tensor(&w->b, &w->graph, name, ORT_FLOAT, several > 1, &several, scales,
                   several * sizeof *scales);
    if (fault == FAULT_SCALE_SHAPE) several = 1;
    if (fault == FAULT_ZERO_SHAPE) several = 2;
    for (size_t i = 0; i < several; i++) bytes[i] = byte_of(seed + 1, i);
    snprintf(name, sizeof name, "%s_z", path);
    builder_tensor(&w->b, &w->graph, name, fault == FAULT_ZERO_TYPE ? ORT_INT8 : type, several > 1,
                   &several, bytes, several);
    free(bytes);
    free(scales);
}

/* The value that add_matrix() stands for at [row, column]. */
static inline float matrix_value(const char *path, size_t columns, size_t row, size_t column,
                                 enum fault fault) {
    unsigned seed = seed_of(path);
    int q = byte_of(seed, row * columns + column);
    int zero = byte_of(seed + 1, fault == FAULT_PER_COLUMN ? column : 0);
    if (fault == FAULT_INT8) q = (int8_t)q, zero = (int8_t)zero;
    if (fault == FAULT_NO_ZERO) zero = 0;
    return (float)(q - zero) * scale_of(seed, column, fault);
}

/* A quantised matrix product from `path`/in to `path`/out: of one operator when its input is
 * quantised for several, of the other when it is its own affair. */
static inline void add_linear(struct workbench *w, const char *path, size_t in, size_t out,
                              int shared, int has_bias) {
    enum fault fault = fault_of(w, path);
    char name[160], inputs[800], output[160], bias[160] = "", zero[160];
    add_matrix(w, path, in, out, seed_of(path));
    snprintf(name, sizeof name, "%s/MatMul_quant", path);
    snprintf(output, sizeof output, "%s/out", path);
    snprintf(zero, sizeof zero, "%s_z", path);
    if (fault == FAULT_NO_ZERO) zero[0] = '\0';
    if (has_bias || fault == FAULT_BIAS) {
        snprintf(bias, sizeof bias, "%s_bias", path);
        add_floats(w, bias, 1, &out, seed_of(path) + 2, 0);
    }
    const char *q = fault == FAULT_COMPUTED ? "x" : "_q";
    if (shared)
        snprintf(inputs, sizeof inputs, "%s/in|%s%s|x_scale|%s_s|x_zero|%s|%s", path, path, q, path,
                 zero, bias);
    else
        snprintf(inputs, sizeof inputs, "%s/in|%s%s|%s_s|%s|%s", path, path, q, path, zero, bias);
    if (fault == FAULT_LEFT_OUT) return;
    const char *op = shared ? "MatMulIntegerToFloat" : "DynamicQuantizeMatMul";
    builder_node(&w->b, &w->graph, name, fault == FAULT_OPERATOR ? "MatMul" : op, inputs, output);
}

/* `after`: NULL, or the linear map whose sum with the residual the norm is fused with. */
static inline void add_norm(struct workbench *w, const char *path, const char *after) {
    enum fault fault = fault_of(w, path);
    char name[160], inputs[800], weight[160], bias[160];
    snprintf(weight, sizeof weight, "%s_weight", path);
    snprintf(bias, sizeof bias, "%s_zeros", path);
    size_t dim = w->recipe->dim;
    float *zeros = calloc(dim, sizeof *zeros);
    if (!zeros) abort();
    if (fault == FAULT_BIAS) zeros[dim - 1] = 0.5f;
    add_floats(w, weight, 1, &dim, seed_of(path), fault == FAULT_NAN);
    builder_tensor(&w->b, &w->graph, bias, ORT_FLOAT, 1, &dim, zeros, dim * sizeof *zeros);
    free(zeros);
    if (fault == FAULT_LEFT_OUT) return;
    if (after && fault != FAULT_UNFUSED) {
        snprintf(inputs, sizeof inputs, "residual|%s/out|%s|%s", after, weight, bias);
        builder_node(&w->b, &w->graph, "SkipLayerNormalization", "SkipLayerNormalization", inputs,
                     "hidden");
    } else {
        snprintf(inputs, sizeof inputs, "hidden|%s|%s", weight, bias);
        snprintf(name, sizeof name, "%s/LayerNormalization", path);
        builder_node(&w->b, &w->graph, name, "LayerNormalization", inputs, "hidden");
    }
}

static inline void add_conv(struct workbench *w, const char *path, const char *op, size_t out,
                            size_t in, size_t kernel, int has_bias) {
    enum fault fault = fault_of(w, path);
    char name[160], inputs[800], weight[160], bias[160] = "";
    size_t shape[3] = {out, in, kernel};
    snprintf(weight, sizeof weight, "%s_weight", path);
    add_floats(w, weight, 3, shape, seed_of(path), fault == FAULT_NAN);
    if (has_bias) {
        snprintf(bias, sizeof bias, "%s_bias", path);
        add_floats(w, bias, 1, &out, seed_of(path) + 2, 0);
    }
    if (fault == FAULT_LEFT_OUT) return;
    snprintf(inputs, sizeof inputs, "x|%s|%s", weight, bias);
    snprintf(name, sizeof name, "%s/Conv", path);
    builder_node(&w->b, &w->graph, name, op, inputs, "y");
}

/* The weight is the second operand of its Mul, the bias the first of its Add: both must do. */
static inline void add_groupnorm(struct workbench *w) {
    size_t shape[2] = {w->recipe->dim, 1};
    add_floats(w, "1234", 2, shape, seed_of("/groupnorm"), 0);
    add_floats(w, "1235", 2, shape, seed_of("/groupnorm") + 2, 0);
    struct ort_builder *b = &w->b;
    builder_node(b, &w->graph, "", "Reshape", "g0|shape", "g1");
    builder_node(b, &w->graph, "", "InstanceNormalization", "g1|one|zero", "g2");
    builder_node(b, &w->graph, "", "Reshape", "g2|shape", "g3");
    builder_node(b, &w->graph, "", "Mul", "g3|1234", "g4");
    if (fault_of(w, "/groupnorm") != FAULT_LEFT_OUT)
        builder_node(b, &w->graph, "", "Add", "1235|g4", "g5");
}

static inline void write_file(const char *folder, const char *name, const void *bytes,
                              size_t size) {
    char *path = path_join(folder, name);
    FILE *file = path ? fopen(path, "wb") : NULL;
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) abort();
    free(path);
}

static inline void finish(struct workbench *w, const char *name) {
    write_file(w->folder, name, w->b.data, w->b.size);
    free(w->b.data);
}

static inline void make_encoder(const char *folder, const struct recipe *recipe) {
    struct workbench w = {.recipe = recipe, .folder = folder};
    size_t dim = recipe->dim;
    w.graph = builder_session(&w.b);
    add_conv(&w, "/conv1", "FusedConv", dim, 1, 127, 0);
    add_groupnorm(&w);
    add_conv(&w, "/conv2", "Conv", 2 * dim, dim, 7, 1);
    add_conv(&w, "/conv3", "Conv", dim, 2 * dim, 3, 1);
    add_norm(&w, "/layers.0/input_layernorm", NULL);
    add_linear(&w, "/layers.0/self_attn/q_proj", dim, dim, 1, 0);
    add_linear(&w, "/layers.0/self_attn/k_proj", dim, dim, 1, 0);
    add_linear(&w, "/layers.0/self_attn/v_proj", dim, dim, 1, 0);
    add_linear(&w, "/layers.0/self_attn/o_proj", dim, dim, 0, 0);
    add_norm(&w, "/layers.0/post_attention_layernorm", NULL);
    add_linear(&w, "/layers.0/mlp/fc1", dim, FFN, 0, 1);
    add_linear(&w, "/layers.0/mlp/fc2", FFN, dim, 0, 1);
    add_norm(&w, "/layer_norm", "/layers.0/mlp/fc2");
    finish(&w, "encoder_model.ort");
}

/* The looked-up table [vocab, dim] is the projection's matrix [dim, vocab] transposed, in values
 * and in its own scale: half the scale, twice the numbers would not fit, so the same here. */
static inline void add_embedding(struct workbench *w) {
    const char *path = "/proj_out";
    unsigned seed = seed_of(path);
    size_t dim = w->recipe->dim, shape[2] = {VOCAB, dim};
    unsigned char *bytes = malloc(dim * VOCAB), zero = byte_of(seed + 1, 0);
    if (!bytes) abort();
    for (size_t token = 0; token < VOCAB; token++)
        for (size_t i = 0; i < dim; i++) bytes[token * dim + i] = byte_of(seed, i * VOCAB + token);
    if (fault_of(w, "/model/decoder/embed_tokens") == FAULT_NAN) bytes[5 * dim] ^= 0x80;
    float scale = scale_of(seed, 0, FAULT_NONE);
    builder_tensor(&w->b, &w->graph, "table_q", ORT_UINT8, 2, shape, bytes, dim * VOCAB);
    builder_tensor(&w->b, &w->graph, "table_s", ORT_FLOAT, 0, NULL, &scale, sizeof scale);
    builder_tensor(&w->b, &w->graph, "table_z", ORT_UINT8, 0, NULL, &zero, 1);
    free(bytes);
    if (fault_of(w, "/model/decoder/embed_tokens") != FAULT_LEFT_OUT)
        builder_node(&w->b, &w->graph, "/model/decoder/embed_tokens/Gather", "Gather",
                     "table_q|input_ids", "rows");
    builder_node(&w->b, &w->graph, "", "DequantizeLinear", "rows|table_s|table_z", "hidden");
}

/* Constants and nodes stand in the branch of an If, as in the official decoder. */
static inline void make_decoder(const char *folder, const struct recipe *recipe) {
    struct workbench w = {.recipe = recipe, .folder = folder};
    size_t dim = recipe->dim;
    w.graph = builder_session(&w.b);
    size_t branch = builder_node(&w.b, &w.graph, "optimum::if", "If", "use_cache", "logits");
    w.graph = builder_branch(&w.b, branch);
#define LAYER "/model/decoder/layers.0/"
    add_embedding(&w);
    add_norm(&w, LAYER "input_layernorm", NULL);
    add_linear(&w, LAYER "self_attn/q_proj", dim, dim, 1, 0);
    add_linear(&w, LAYER "self_attn/k_proj", dim, dim, 1, 0);
    add_linear(&w, LAYER "self_attn/v_proj", dim, dim, 1, 0);
    add_linear(&w, LAYER "self_attn/o_proj", dim, dim, 0, 0);
    add_norm(&w, LAYER "post_attention_layernorm", NULL);
    add_linear(&w, LAYER "encoder_attn/q_proj", dim, dim, 0, 0);
    add_linear(&w, LAYER "encoder_attn/k_proj", dim, dim, 1, 0);
    add_linear(&w, LAYER "encoder_attn/v_proj", dim, dim, 1, 0);
    add_linear(&w, LAYER "encoder_attn/o_proj", dim, dim, 0, 0);
    add_norm(&w, LAYER "final_layernorm", LAYER "encoder_attn/o_proj");
    add_linear(&w, LAYER "mlp/fc1", dim, 2 * FFN, 0, 1);
    add_linear(&w, LAYER "mlp/fc2", FFN, dim, 0, 1);
    add_norm(&w, "/model/decoder/norm", NULL);
    add_linear(&w, "/proj_out", dim, VOCAB, 0, 0);
    finish(&w, "decoder_model_merged.ort");
}

static inline void make_tokenizer(const char *folder, uint32_t words) {
    struct ort_builder b = {0}; /* used as growing bytes only */
    static const char *const first[] = {"\5<unk>", "\3<s>", "\4</s>"};
    for (int i = 0; i < 3; i++) builder_append(&b, first[i], strlen(first[i]));
    for (int i = 0; i < 256; i++) {
        unsigned char record[2] = {1, (unsigned char)i};
        builder_append(&b, record, 2);
    }
    for (uint32_t i = 0; i < words; i++) {
        unsigned char record[2] = {1, (unsigned char)('a' + i)};
        builder_append(&b, record, 2);
    }
    builder_append(&b, "\x08<<ST_0>>", 9);
    write_file(folder, "tokenizer.bin", b.data, b.size);
    free(b.data);
}

static inline void make_source(const char *folder, const struct recipe *recipe) {
    mkdir(folder, 0777);
    make_encoder(folder, recipe);
    make_decoder(folder, recipe);
    make_tokenizer(folder, WORDS);
}

#undef LAYER
#endif
