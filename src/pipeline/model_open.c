/* model_open.c - see model_open.h; and what can be told of a model, whatever computes it.
 *
 * Weights are packed for the kernels when the first session is made (network/network.h): to open
 * a model and inspect it costs what its files cost. */
#include "pipeline/model_open.h"

#include "base/error.h"
#include "base/option_struct.h"
#include "model/family.h"
#include "network/network.h"
#include "network/precision.h"
#include "pipeline/device.h"

/* The config has exclusive bounds. */
static pst_status widen_windows(struct config *config, pst_error *err) {
    if (config->family != FAMILY_STREAMING)
        return error_set(err, PST_ERR_ARGUMENT,
                         "inclusive windows are for a %s model, this one is %s",
                         family_name(FAMILY_STREAMING), family_name(config->family));
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        config->windows[i].back++;
        config->windows[i].ahead++;
    }
    return PST_OK;
}

static pst_status open_all(struct pst_model **model, struct network **network, const char *dir,
                           const pst_model_options *options, pst_error *err) {
    pst_status status = network_new(network, options, err);
    if (!status)
        status = model_open(model, dir, options->processor_dir, (*network)->cache_dir, err);
    if (!status && options->inclusive_windows) status = widen_windows(&(*model)->config, err);
    int prepare = options->prepare || options->read_files;
    if (!status && prepare) status = network_prepare(*network, *model, err);
    if (!status && options->read_files) status = network_detach(*network, *model, err);
    return status;
}

pst_status model_open_engine(struct pst_model **out, const char *dir,
                             const pst_model_options *options, pst_error *err) {
    struct pst_model *model = NULL;
    struct network *network = NULL;
    pst_status status = open_all(&model, &network, dir, options, err);
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
    if (!model) return;
    network_free(model->network);
    if (model->device) model->device->free(model->device);
    model_close(model);
}

static uint32_t token_limit(const pst_model *model) {
    return model->generation.decode.max_new_tokens ? model->generation.decode.max_new_tokens + 1
                                                   : model->generation.decode.max_length;
}

static void describe_device(const pst_model *model, pst_model_info *info) {
    const struct device *device = model->device;
    *info = (pst_model_info){
        .model_type = "moonshine",
        .dtype = device->precision,
        .kernels = device->name,
        .precision = device->precision,
        .vocab = model->config.vocab,
        .max_length = token_limit(model),
        .device = device->name,
        .layout = device->layout,
        .samples_max = device->samples_max,
        .num_beams_max = device->beams_max,
    };
}

void pst_model_describe(const pst_model *model, pst_model_info *info) {
    const struct config *config = &model->config;
    const struct checkpoint *checkpoint = &model->weights.checkpoint;
    const char *dtype = dtype_torch_name(checkpoint->dtype);
    if (model->device) {
        describe_device(model, info);
        return;
    }
    *info = (pst_model_info){
        .model_type = family_name(config->family),
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
        .max_length = token_limit(model),
        .tied_embeddings = config->tie_word_embeddings,
        .device = "cpu",
        .do_sample = model->generation.samples,
    };
}

void pst_encoder_info_init_sized(pst_encoder_info *info, size_t struct_size) {
    const pst_encoder_info nothing = {0};
    if (info) option_struct_fill(info, struct_size, &nothing, sizeof nothing);
}

/* What a frame depends on grows with each layer by the window of the layer. */
static void add_windows(pst_encoder_info *info, const struct config *config) {
    info->windowed = 1;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        const struct window *window = &config->windows[i];
        info->frames_back += window->back ? window->back - 1 : 0;
        info->frames_ahead += window->ahead ? window->ahead - 1 : 0;
    }
}

pst_status pst_model_describe_encoder(const pst_model *model, pst_encoder_info *info,
                                      pst_error *err) {
    if (!model || !info)
        return error_set(err, PST_ERR_ARGUMENT, "pst_model_describe_encoder: a pointer is NULL");
    pst_encoder_info given = {0};
    pst_status status = option_struct_copy(&given, sizeof given, info, "pst_encoder_info", err);
    if (status) return status;
    const struct config *config = &model->config;
    if (model->device)
        return error_set(err, PST_ERR_ARGUMENT,
                         "the model is a converted one, whose sizes are not known");
    pst_encoder_info found = {
        .dim = config->encoder_dim,
        .heads = config->encoder_heads,
        .kv_heads = config->encoder_kv_heads,
        .head_dim = config->encoder_head_dim,
        .layers = config->encoder_layers,
        .ffn = config->encoder_ffn,
    };
    if (config->family == FAMILY_STREAMING) add_windows(&found, config);
    option_struct_fill(info, info->struct_size, &found, sizeof found);
    return PST_OK;
}
