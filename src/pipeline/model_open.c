/* model_open.c - pst_model_open(): a checkpoint, and what to compute with it by.
 *
 * Weights are packed for the kernels when the first session is made (network/network.h): a model that is
 * opened to be looked at costs what its files cost. */
#include <stdlib.h>

#include "base/error.h"
#include "base/option_struct.h"
#include "model/model.h"
#include "network/network.h"
#include "network/precision.h"

void pst_model_options_init_sized(pst_model_options *options, size_t struct_size) {
    const pst_model_options defaults = {.struct_size = sizeof defaults};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

static pst_status open_all(struct pst_model **model, struct network **network, const char *dir,
                           const pst_model_options *options, pst_error *err) {
    pst_status status = network_new(network, options, err);
    if (!status)
        status = model_open(model, dir, options->processor_dir, (*network)->cache_dir, err);
    if (!status && options->prepare) status = network_prepare(*network, *model, err);
    return status;
}

pst_status pst_model_open(const char *dir, const pst_model_options *options, pst_model **out,
                          pst_error *err) {
    pst_model_options own;
    pst_model_options_init(&own);
    if (!dir || !out) return error_set(err, PST_ERR_ARGUMENT, "dir and model must not be NULL");
    pst_status status = option_struct_copy(&own, sizeof own, options, "pst_model_options", err);
    if (status) return status;
    struct pst_model *model = NULL;
    struct network *network = NULL;
    status = open_all(&model, &network, dir, &own, err);
    if (status) {
        model_close(model);
        network_free(network);
        return status;
    }
    model->network = network;
    *out = model;
    return PST_OK;
}

void pst_model_free(pst_model *model) {
    if (model) network_free(model->network);
    model_close(model);
}

void pst_model_describe(const pst_model *model, pst_model_info *info) {
    const struct config *config = &model->config;
    const struct checkpoint *checkpoint = &model->weights.checkpoint;
    const char *dtype = dtype_torch_name(checkpoint->dtype);
    *info = (pst_model_info){
        .model_type = "moonshine",
        .dtype = dtype ? dtype : dtype_name(checkpoint->dtype),
        .kernels = model->network->kernels->name,
        .precision = precision_name(model->network->precision),
        .parameters = checkpoint->parameters,
        .file_bytes = checkpoint->bytes,
        .tensors = checkpoint->tensors,
        .dim = config->dim,
        .heads = config->heads,
        .head_dim = config->head_dim,
        .rotary_dim = config->rotary_dim,
        .encoder_layers = config->encoder_layers,
        .decoder_layers = config->decoder_layers,
        .encoder_ffn = config->encoder_ffn,
        .decoder_ffn = config->decoder_ffn,
        .vocab = config->vocab,
        .max_position_embeddings = config->max_position_embeddings,
        .max_length = model->decode.max_new_tokens ? model->decode.max_new_tokens + 1
                                                   : model->decode.max_length,
        .tied_embeddings = config->tie_word_embeddings,
    };
}
