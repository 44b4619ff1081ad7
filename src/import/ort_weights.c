/* ort_weights.c - see ort_weights.h. */
#include "import/ort_weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "import/ort_matrix.h"
#include "model/moonshine.h"

/* "model.decoder.layers.127.post_attention_layernorm.weight" has 57. */
enum { WEIGHT_NAME_MAX = 96 };

struct ort_weight_storage {
    char name[WEIGHT_NAME_MAX];
    float *values; /* NULL when the tensor lies in the file */
};

/* What a layer is made of, in a table: the paths are those of the nodes, and with '/' written as
 * '.' those of the checkpoint. */
enum part_kind { PART_NORM, PART_LINEAR, PART_LINEAR_BIAS };
enum part_size { SIZE_DIM, SIZE_FFN, SIZE_GATED_FFN };

struct part {
    const char *path;
    enum part_kind kind;
    enum part_size out, in; /* a norm has no `in` */
};

static const struct part ENCODER_LAYER[] = {
    {"input_layernorm", PART_NORM, SIZE_DIM, SIZE_DIM},
    {"self_attn/q_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/k_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/v_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/o_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"post_attention_layernorm", PART_NORM, SIZE_DIM, SIZE_DIM},
    {"mlp/fc1", PART_LINEAR_BIAS, SIZE_FFN, SIZE_DIM},
    {"mlp/fc2", PART_LINEAR_BIAS, SIZE_DIM, SIZE_FFN},
};

static const struct part DECODER_LAYER[] = {
    {"input_layernorm", PART_NORM, SIZE_DIM, SIZE_DIM},
    {"self_attn/q_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/k_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/v_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"self_attn/o_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"post_attention_layernorm", PART_NORM, SIZE_DIM, SIZE_DIM},
    {"encoder_attn/q_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"encoder_attn/k_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"encoder_attn/v_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"encoder_attn/o_proj", PART_LINEAR, SIZE_DIM, SIZE_DIM},
    {"final_layernorm", PART_NORM, SIZE_DIM, SIZE_DIM},
    {"mlp/fc1", PART_LINEAR_BIAS, SIZE_GATED_FFN, SIZE_DIM},
    {"mlp/fc2", PART_LINEAR_BIAS, SIZE_DIM, SIZE_FFN},
};

enum {
    ENCODER_PARTS = sizeof ENCODER_LAYER / sizeof *ENCODER_LAYER,
    DECODER_PARTS = sizeof DECODER_LAYER / sizeof *DECODER_LAYER,
    ENCODER_LAYER_TENSORS = ENCODER_PARTS + 2, /* the biases of fc1 and fc2 */
    DECODER_LAYER_TENSORS = DECODER_PARTS + 2,
    /* conv1.weight, conv2 and conv3 with biases, groupnorm with bias, two last norms,
     * embed_tokens. */
    OTHER_TENSORS = 10
};

/* Rows of the largest matrix that are compared before the caller is asked again. */
enum { AT_ONCE = 1024 };

/* One of the two graphs, and the weights being collected. */
struct side {
    const struct ort_file *file;
    const char *node_prefix;   /* "/model/decoder/" */
    const char *tensor_prefix; /* "model.decoder." */
    struct ort_weights *weights;
    const struct ort_node *last_linear; /* added last; NULL: none yet */
    size_t values_left;                 /* that may still be dequantised */
    const struct cancel *cancel;
    pst_error *err;
};

static pst_status refuse_tensor(const struct side *side, const struct ort_tensor *tensor,
                                const char *what) {
    return error_set(side->err, PST_ERR_MODEL, "%s: %s %s", side->file->path, tensor->name, what);
}

/* "model.decoder.layers.0.mlp.fc1.weight" from prefix, "layers.0/mlp/fc1" and "weight". */
static void tensor_name(const struct side *side, const char *path, const char *leaf,
                        char name[WEIGHT_NAME_MAX]) {
    snprintf(name, WEIGHT_NAME_MAX, "%s%s.%s", side->tensor_prefix, path, leaf);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '.';
}

static pst_status find_node(const struct side *side, const char *path, const char *leaf,
                            const struct ort_node **node) {
    char name[WEIGHT_NAME_MAX], tensor[WEIGHT_NAME_MAX];
    snprintf(name, sizeof name, "%s%s/%s", side->node_prefix, path, leaf);
    *node = ort_find_node(side->file, name);
    if (*node) return PST_OK;
    tensor_name(side, path, "weight", tensor);
    return error_set(side->err, PST_ERR_MODEL, "%s: %s is missing: there is no node %s",
                     side->file->path, tensor, name);
}

static pst_status find_operand(const struct side *side, const struct ort_node *node, uint32_t index,
                               const struct ort_tensor **tensor) {
    *tensor = ort_input(side->file, node, index);
    if (*tensor) return PST_OK;
    return error_set(side->err, PST_ERR_MODEL, "%s: node %s: input %u is not a constant",
                     side->file->path, node->name, index);
}

/* The same for an input that may be left out; NULL then. */
static pst_status find_optional(const struct side *side, const struct ort_node *node,
                                uint32_t index, const struct ort_tensor **tensor) {
    *tensor = NULL;
    return ort_has_input(side->file, node, index) ? find_operand(side, node, index, tensor)
                                                  : PST_OK;
}

/* Is the tensor of this shape, but for dimensions of 1 at its end? Messages call it `name`. */
static pst_status check_shape(const struct side *side, const struct ort_tensor *tensor,
                              const char *name, uint32_t dims, const size_t *shape) {
    int fits = 1;
    for (uint32_t i = 0; i < dims || i < tensor->dims; i++) {
        size_t want = i < dims ? shape[i] : 1, is = i < tensor->dims ? tensor->shape[i] : 1;
        if (want != is) fits = 0;
    }
    if (fits) return PST_OK;
    struct tensor is = {.dims = tensor->dims}, want = {.dims = dims};
    memcpy(is.shape, tensor->shape, sizeof is.shape);
    memcpy(want.shape, shape, dims * sizeof *shape);
    char is_text[128], want_text[128];
    return error_set(side->err, PST_ERR_MODEL, "%s: %s (%s) is %s, expected %s", side->file->path,
                     name, tensor->name, tensor_shape_text(&is, is_text),
                     tensor_shape_text(&want, want_text));
}

/* Appends an entry named prefix + path + leaf, without data. */
static struct tensor_source *append(const struct side *side, const char *path, const char *leaf,
                                    uint32_t dims, const size_t *shape) {
    struct ort_weights *weights = side->weights;
    struct ort_weight_storage *storage = &weights->storage[weights->count];
    tensor_name(side, path, leaf, storage->name);
    struct tensor_source *source = &weights->tensors[weights->count++];
    *source = (struct tensor_source){.name = storage->name, .dtype = DTYPE_F32, .dims = dims};
    memcpy(source->shape, shape, dims * sizeof *shape);
    return source;
}

static pst_status check_floats(const struct side *side, const struct ort_tensor *tensor) {
    if (tensor->type != ORT_FLOAT) return refuse_tensor(side, tensor, "is not float32");
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite(ort_float_at(tensor, i)))
            return refuse_tensor(side, tensor, "holds a value that is not finite");
    return PST_OK;
}

/* Input `index` of `node`, float32, used where it lies. */
static pst_status add_floats(const struct side *side, const struct ort_node *node, uint32_t index,
                             const char *path, const char *leaf, uint32_t dims,
                             const size_t *shape) {
    const struct ort_tensor *tensor;
    pst_status status = find_operand(side, node, index, &tensor);
    if (!status) status = check_floats(side, tensor);
    if (status) return status;
    struct tensor_source *source = append(side, path, leaf, dims, shape);
    source->data = tensor->data;
    return check_shape(side, tensor, source->name, dims, shape);
}

/* The weight of a quantised matrix product: x [rows, in] times matrix [in, out]. */
static pst_status find_matrix(const struct side *side, const struct ort_node *node,
                              struct ort_matrix *matrix, uint32_t *bias_input) {
    int dynamic = strcmp(node->op, "DynamicQuantizeMatMul") == 0;
    if (!dynamic && strcmp(node->op, "MatMulIntegerToFloat") != 0)
        return error_set(side->err, PST_ERR_UNSUPPORTED,
                         "%s: node %s is a %s, expected a quantised matrix product",
                         side->file->path, node->name, node->op);
    /* (x, w, w_scale, w_zero, bias), or (x, w, x_scale, w_scale, x_zero, w_zero, bias) */
    *bias_input = dynamic ? 4 : 6;
    pst_status status = find_operand(side, node, 1, &matrix->q);
    if (!status) status = find_operand(side, node, dynamic ? 2 : 3, &matrix->scale);
    if (!status) status = find_optional(side, node, dynamic ? 3 : 5, &matrix->zero_point);
    return status ? status : ort_matrix_check(matrix, side->file->path, side->err);
}

/* `path`.weight [out, in]: the matrix, transposed, for the checkpoint keeps linear layers so. */
static pst_status add_matrix(struct side *side, const struct ort_matrix *matrix, const char *path,
                             size_t out, size_t in) {
    /* A value takes a byte of the file, so more of them than bytes can only come from matrices
     * that share bytes: a small file must not become a large one. */
    size_t stored[2] = {in, out}, shape[2] = {out, in}, bytes;
    struct ort_weight_storage *storage = &side->weights->storage[side->weights->count];
    struct tensor_source *source = append(side, path, "weight", 2, shape);
    pst_status status = check_shape(side, matrix->q, source->name, 2, stored);
    if (status) return status;
    if (matrix->q->count > side->values_left)
        return refuse_tensor(side, matrix->q,
                             "overlaps other weights: the file is too short for all");
    side->values_left -= matrix->q->count;
    if (!checked_mul(matrix->q->count, sizeof(float), &bytes)) return error_memory(side->err, 0);
    storage->values = malloc(bytes);
    if (!storage->values) return error_memory(side->err, bytes);
    ort_matrix_transpose(matrix, storage->values);
    source->data = storage->values;
    return PST_OK;
}

static pst_status add_linear(struct side *side, const char *path, size_t out, size_t in,
                             int has_bias) {
    const struct ort_node *node;
    struct ort_matrix matrix;
    uint32_t bias_input;
    pst_status status = find_node(side, path, "MatMul_quant", &node);
    if (!status) status = find_matrix(side, node, &matrix, &bias_input);
    if (!status) status = add_matrix(side, &matrix, path, out, in);
    if (status) return status;
    side->last_linear = node;
    if (has_bias) return add_floats(side, node, bias_input, path, "bias", 1, &out);
    if (ort_has_input(side->file, node, bias_input))
        return error_set(side->err, PST_ERR_UNSUPPORTED,
                         "%s: node %s has a bias, which this network does not have",
                         side->file->path, node->name);
    return PST_OK;
}

/* The network's layer norms have no bias; the exporter writes zeros for it. */
static pst_status check_zeros(const struct side *side, const struct ort_node *node,
                              uint32_t index) {
    const struct ort_tensor *bias;
    pst_status status = find_optional(side, node, index, &bias);
    if (!status && bias) status = check_floats(side, bias);
    for (size_t i = 0; !status && bias && i < bias->count; i++)
        if (ort_float_at(bias, i) != 0)
            return refuse_tensor(side, bias,
                                 "is a bias that is not 0, expected a norm without one");
    return status;
}

/* A norm that follows the sum of a residual and a linear layer may have been fused with the sum,
 * and has lost its name then: it is found as what reads the output of that layer. */
static pst_status add_norm(const struct side *side, const char *path, size_t dim) {
    const struct ort_node *node = side->last_linear;
    if (node) node = ort_find_reader(side->file, node, "SkipLayerNormalization");
    /* (x, residual, weight, bias, bias of x), or (x, weight, bias) */
    uint32_t weight_input = node ? 2 : 1;
    pst_status status = PST_OK;
    if (node)
        status = check_zeros(side, node, 4);
    else
        status = find_node(side, path, "LayerNormalization", &node);
    if (!status) status = add_floats(side, node, weight_input, path, "weight", 1, &dim);
    return status ? status : check_zeros(side, node, weight_input + 1);
}

static pst_status add_conv(const struct side *side, const char *path, size_t out, size_t in,
                           size_t kernel, int has_bias) {
    const struct ort_node *node;
    size_t shape[3] = {out, in, kernel};
    pst_status status = find_node(side, path, "Conv", &node);
    if (!status) status = add_floats(side, node, 1, path, "weight", 3, shape);
    if (!status && has_bias) status = add_floats(side, node, 2, path, "bias", 1, &out);
    return status;
}

/* A group norm over one group is exported as an InstanceNormalization of the reshaped samples,
 * whose result is reshaped back, multiplied by the weight and added to the bias. The two
 * constants have no names of their own; either operand may be the constant one. */
static pst_status add_groupnorm(const struct side *side, size_t dim) {
    static const char *const ops[] = {"Reshape", "Mul", "Add"};
    const struct ort_node *node = ort_find_op(side->file, "InstanceNormalization");
    pst_status status = PST_OK;
    for (size_t i = 0; i < sizeof ops / sizeof *ops && !status; i++) {
        node = node ? ort_find_reader(side->file, node, ops[i]) : NULL;
        if (!node)
            return error_set(side->err, PST_ERR_MODEL,
                             "%s: %sgroupnorm: weight is missing, no InstanceNormalization is "
                             "followed by Reshape, Mul and Add (another exporter?)",
                             side->file->path, side->tensor_prefix);
        if (i == 0) continue;
        uint32_t input = ort_input(side->file, node, 1) ? 1 : 0;
        status = add_floats(side, node, input, "groupnorm", i == 1 ? "weight" : "bias", 1, &dim);
    }
    return status;
}

static size_t part_size(const struct ort_weights *weights, enum part_size size) {
    switch (size) {
    case SIZE_FFN: return weights->ffn;
    case SIZE_GATED_FFN: return (size_t)weights->ffn * 2;
    default: return weights->dim;
    }
}

static pst_status add_layers(struct side *side, uint32_t layers, const struct part *parts,
                             size_t part_count) {
    const struct ort_weights *weights = side->weights;
    pst_status status = PST_OK;
    for (size_t i = 0; i < layers * part_count && !status; i++) {
        const struct part *part = &parts[i % part_count];
        size_t out = part_size(weights, part->out), in = part_size(weights, part->in);
        char path[WEIGHT_NAME_MAX];
        snprintf(path, sizeof path, "layers.%u/%s", (unsigned)(i / part_count), part->path);
        status = part->kind == PART_NORM
                     ? add_norm(side, path, out)
                     : add_linear(side, path, out, in, part->kind == PART_LINEAR_BIAS);
        if (!status) status = cancel_check(side->cancel, side->err);
    }
    return status;
}

/* The table that token ids are looked up in, from the nodes that look up and widen. */
static pst_status find_embedding(const struct side *side, struct ort_matrix *embedding) {
    const struct ort_node *gather, *widen;
    pst_status status = find_node(side, "embed_tokens", "Gather", &gather);
    if (!status) status = find_operand(side, gather, 0, &embedding->q);
    if (status) return status;
    widen = ort_find_reader(side->file, gather, "DequantizeLinear");
    if (!widen) return refuse_tensor(side, embedding->q, "is not widened by a DequantizeLinear");
    status = find_operand(side, widen, 1, &embedding->scale);
    if (!status) status = find_optional(side, widen, 2, &embedding->zero_point);
    return status ? status : ort_matrix_check(embedding, side->file->path, side->err);
}

/* The checkpoint has one matrix for the embedding and the output projection [dim, vocab]; the
 * graph has it twice. Were they different, the model would be of another kind. Roundings may be
 * a step apart. */
static pst_status check_tied(const struct side *side, const struct ort_matrix *projection) {
    struct ort_matrix embedding; /* [vocab, dim] */
    size_t dim = projection->q->shape[0], vocab = projection->q->shape[1];
    size_t shape[2] = {vocab, dim};
    pst_status status = find_embedding(side, &embedding);
    if (!status) status = check_shape(side, embedding.q, "the embedding", 2, shape);
    if (status) return status;
    for (size_t token = 0; token < vocab; token++) {
        if (token % AT_ONCE == 0) status = cancel_check(side->cancel, side->err);
        if (status) return status;
        for (size_t i = 0; i < dim; i++) {
            float a = ort_matrix_at(&embedding, token, i), b = ort_matrix_at(projection, i, token);
            float steps = ort_matrix_step(&embedding, i) + ort_matrix_step(projection, token);
            if (fabsf(a - b) > steps)
                return error_set(
                    side->err, PST_ERR_UNSUPPORTED,
                    "%s: token %zu: its embedding and its row of the output projection "
                    "differ, expected one matrix for both",
                    side->file->path, token);
        }
    }
    return PST_OK;
}

static pst_status add_embedding(struct side *side) {
    struct side top = *side; /* the projection belongs to the model, not to its decoder */
    top.node_prefix = "/";
    top.tensor_prefix = "";
    const struct ort_node *node;
    struct ort_matrix projection;
    uint32_t bias_input;
    pst_status status = find_node(&top, "proj_out", "MatMul_quant", &node);
    if (!status) status = find_matrix(&top, node, &projection, &bias_input);
    if (status) return status;
    size_t vocab = projection.q->shape[1];
    if (vocab < 1 || vocab > CONFIG_VOCAB_MAX)
        return refuse_tensor(side, projection.q, "has an impossible number of tokens");
    side->weights->vocab = (uint32_t)vocab;
    status = add_matrix(side, &projection, "embed_tokens", vocab, side->weights->dim);
    if (!status) status = cancel_check(side->cancel, side->err);
    return status ? status : check_tied(side, &projection);
}

static uint32_t count_layers(const struct side *side) {
    uint32_t layers = 0;
    char name[WEIGHT_NAME_MAX];
    do {
        snprintf(name, sizeof name, "%slayers.%u/mlp/fc1/MatMul_quant", side->node_prefix,
                 (unsigned)layers);
    } while (ort_find_node(side->file, name) && ++layers < CONFIG_LAYERS_MAX);
    return layers;
}

/* The sizes that the shapes of a few tensors give; all other shapes follow from them. */
static pst_status read_sizes(const struct side *encoder, const struct side *decoder) {
    struct ort_weights *weights = encoder->weights;
    const struct ort_node *node;
    const struct ort_tensor *conv1, *fc1;
    pst_status status = find_node(encoder, "conv1", "Conv", &node);
    if (!status) status = find_operand(encoder, node, 1, &conv1);
    if (!status) status = find_node(encoder, "layers.0/mlp/fc1", "MatMul_quant", &node);
    if (!status) status = find_operand(encoder, node, 1, &fc1);
    if (status) return status;
    if (conv1->dims != 3 || conv1->shape[0] < 1 || conv1->shape[0] > CONFIG_DIM_MAX)
        return refuse_tensor(encoder, conv1, "has an impossible shape");
    if (fc1->dims != 2 || fc1->shape[1] < 1 || fc1->shape[1] > CONFIG_FFN_MAX)
        return refuse_tensor(encoder, fc1, "has an impossible shape");
    weights->dim = (uint32_t)conv1->shape[0];
    weights->ffn = (uint32_t)fc1->shape[1];
    weights->encoder_layers = count_layers(encoder);
    weights->decoder_layers = count_layers(decoder);
    if (weights->decoder_layers == 0)
        return find_node(decoder, "layers.0/mlp/fc1", "MatMul_quant", &node);
    return PST_OK;
}

static pst_status allocate(struct ort_weights *weights, pst_error *err) {
    size_t count = OTHER_TENSORS + (size_t)weights->encoder_layers * ENCODER_LAYER_TENSORS +
                   (size_t)weights->decoder_layers * DECODER_LAYER_TENSORS;
    weights->tensors = calloc(count, sizeof *weights->tensors);
    weights->storage = calloc(count, sizeof *weights->storage);
    return weights->tensors && weights->storage ? PST_OK : error_memory(err, 0);
}

static pst_status add_all(struct side *encoder, struct side *decoder) {
    const struct ort_weights *weights = encoder->weights;
    size_t dim = weights->dim;
    pst_status status = add_conv(encoder, "conv1", dim, 1, STEM_KERNEL1, 0);
    if (!status) status = add_groupnorm(encoder, dim);
    if (!status) status = add_conv(encoder, "conv2", 2 * dim, dim, STEM_KERNEL2, 1);
    if (!status) status = add_conv(encoder, "conv3", dim, 2 * dim, STEM_KERNEL3, 1);
    if (!status)
        status = add_layers(encoder, weights->encoder_layers, ENCODER_LAYER, ENCODER_PARTS);
    if (!status) status = add_norm(encoder, "layer_norm", dim);
    if (!status) status = add_embedding(decoder);
    if (!status)
        status = add_layers(decoder, weights->decoder_layers, DECODER_LAYER, DECODER_PARTS);
    if (!status) status = add_norm(decoder, "norm", dim);
    return status;
}

pst_status ort_weights_find(struct ort_weights *weights, const struct ort_file *encoder_file,
                            const struct ort_file *decoder_file, const struct cancel *cancel,
                            pst_error *err) {
    *weights = (struct ort_weights){0};
    struct side encoder = {.file = encoder_file,
                           .node_prefix = "/",
                           .tensor_prefix = "model.encoder.",
                           .weights = weights,
                           .values_left = encoder_file->size,
                           .cancel = cancel,
                           .err = err};
    struct side decoder = {.file = decoder_file,
                           .node_prefix = "/model/decoder/",
                           .tensor_prefix = "model.decoder.",
                           .weights = weights,
                           .values_left = decoder_file->size,
                           .cancel = cancel,
                           .err = err};
    pst_status status = read_sizes(&encoder, &decoder);
    if (!status) status = allocate(weights, err);
    if (!status) status = add_all(&encoder, &decoder);
    if (status) ort_weights_free(weights);
    return status;
}

void ort_weights_free(struct ort_weights *weights) {
    for (uint32_t i = 0; i < weights->count; i++) free(weights->storage[i].values);
    free(weights->storage);
    free(weights->tensors);
    *weights = (struct ort_weights){0};
}
