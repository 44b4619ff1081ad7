/* weights.h - the tensors of a checkpoint, by their place in the network.
 *
 * Field names are the checkpoint's. Every tensor is checked for presence and shape; float32 weights
 * are used in place, in the mapped file; others are copied and widened. */
#ifndef PST_MODEL_WEIGHTS_H
#define PST_MODEL_WEIGHTS_H

#include <stdint.h>

#include "model/checkpoint.h"
#include "model/config.h"
#include "potstill.h"

struct linear {
    const float *weight; /* [out, in] */
    const float *bias;   /* [out] or NULL */
    uint32_t out, in;
    uint32_t slot; /* index of its module in weights.modules */
};

struct conv {
    const float *weight; /* [out, in, kernel] */
    const float *bias;   /* [out] or NULL */
    uint32_t out, in, kernel, stride;
    uint32_t slot;
};

struct norm {
    const float *weight; /* [dim]: what the normed row is multiplied by */
    const float *bias;   /* [dim] or NULL */
    uint32_t slot;
};

struct attention {
    struct linear q_proj, k_proj, v_proj, o_proj;
};

struct encoder_layer {
    struct norm input_layernorm;
    struct attention self_attn;
    struct norm post_attention_layernorm;
    struct linear fc1, fc2; /* [ffn, dim], [dim, ffn] of the encoder */
};

struct decoder_layer {
    struct norm input_layernorm;
    struct attention self_attn;
    struct norm post_attention_layernorm; /* before encoder_attn, despite its name */
    struct attention encoder_attn;
    struct norm final_layernorm;
    struct linear fc1, fc2; /* [2 * ffn, dim] (value, then gate), [dim, ffn] */
};

enum module_kind { MODULE_LINEAR, MODULE_CONV1D, MODULE_EMBEDDING, MODULE_NORM, MODULE_NUMBER };

/* A named part of the network, in the order of the reference's named_modules(): what adapters
 * target. */
enum { MODULE_NAME_MAX = 80 }; /* longest: "model.decoder.layers.127.post_attention_layernorm" */

struct module {
    char name[MODULE_NAME_MAX]; /* "model.decoder.layers.3.mlp.fc1" */
    enum module_kind kind;
    const float
        *weight;       /* as in the checkpoint: [out, in], [out, in, kernel], [vocab, dim], [dim] */
    const float *bias; /* [out] or NULL */
    uint32_t out, in, kernel;
    const char *part; /* name of its tensor: "weight"; "gamma", less by 1; "log_k", a number */
    int has_bias;     /* by the architecture; `bias` is NULL also when it could not be loaded */
};

/* Dimensions of its weight. */
static inline uint32_t module_dims(const struct module *module) {
    static const uint32_t DIMS[] = {[MODULE_LINEAR] = 2,
                                    [MODULE_CONV1D] = 3,
                                    [MODULE_EMBEDDING] = 2,
                                    [MODULE_NORM] = 1,
                                    [MODULE_NUMBER] = 0};
    return DIMS[module->kind];
}

/* Entries of a row of its weight. */
static inline size_t module_columns(const struct module *module) {
    if (module->kind == MODULE_NORM || module->kind == MODULE_NUMBER) return 1;
    return (size_t)module->in * (module->kind == MODULE_CONV1D ? module->kernel : 1);
}

/* The network's column for `column` of a row in the checkpoint: a convolution's [in, kernel] is
 * stored as [kernel, in]. */
static inline size_t module_network_column(const struct module *module, size_t column) {
    if (module->kind != MODULE_CONV1D) return column;
    return column % module->kernel * module->in + column / module->kernel;
}

struct weights {
    struct conv conv1, conv2;  /* of the stem, or of the embedder of the streaming family */
    struct conv conv3;         /* of the stem */
    struct norm groupnorm;     /* of the stem */
    struct linear frames;      /* of the embedder: [encoder_dim, samples of a frame] */
    float compression;         /* of the embedder: exp(log_k) */
    uint32_t compression_slot; /* of log_k */
    struct encoder_layer *encoder_layers; /* [config.encoder_layers] */
    struct norm encoder_norm;
    struct linear pos_emb;      /* [max_position_embeddings, encoder_dim]; streaming only */
    struct linear proj;         /* [dim, encoder_dim]; NULL: the memory is as wide as the decoder */
    struct linear embed_tokens; /* [vocab, dim]: row t is token t */
    struct decoder_layer *decoder_layers; /* [config.decoder_layers] */
    struct norm decoder_norm;
    struct linear proj_out; /* [vocab, dim]; the weight of embed_tokens when tied */
    /* The two are one: as tie_word_embeddings says, but never when the checkpoint stores both. */
    int tied;
    /* There are no tensors of an encoder, and all of it above is NULL: what convert --with-decoder
     * puts beside packages. model_need_encoder() refuses it where it will not do. */
    int decoder_only;

    struct module *modules; /* [module_count] */
    uint32_t module_count;

    struct checkpoint checkpoint; /* the files that the pointers above point into */
    float **copies;               /* [copy_count] widened tensors */
    uint32_t copy_count;
};

/* Opens the checkpoint in `dir` (checkpoint.h). */
pst_status weights_open(struct weights *weights, const struct config *config, const char *dir,
                        pst_error *err);
/* Called for a tensor that is missing or does not fit; `message` begins with the path of the
 * file. */
typedef void weights_problem(void *user, const char *message);
/* The same, but every problem is reported and not only the first: `report` is called for each, the
 * call succeeds, and what could not be loaded is NULL. */
pst_status weights_open_reporting(struct weights *weights, const struct config *config,
                                  const char *dir, weights_problem *report, void *user,
                                  pst_error *err);
void weights_close(struct weights *weights);

/* NULL when there is none. */
const struct module *weights_find_module(const struct weights *weights, const char *name);

#endif
