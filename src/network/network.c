/* network.c - see network.h. */
#include "network/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "network/precision.h"

static pst_status choose(struct network *network, const pst_model_options *options,
                         pst_error *err) {
    pst_status status = kernels_get(&network->kernels, options->cpu, err);
    if (!status)
        status = precision_choose(&network->precision, options->precision, network->kernels, err);
    if (status || !options->cache_dir || !*options->cache_dir) return status;
    network->cache_dir = strdup(options->cache_dir);
    return network->cache_dir ? PST_OK : error_memory(err, 0);
}

pst_status network_new(struct network **network, const pst_model_options *options, pst_error *err) {
    struct network *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    pthread_mutex_init(&made->lock, NULL);
    pst_status status = choose(made, options, err);
    if (status)
        network_free(made);
    else
        *network = made;
    return status;
}

pst_status network_prepare(struct network *network, const struct pst_model *model, pst_error *err) {
    pst_status status = PST_OK;
    pthread_mutex_lock(&network->lock);
    if (!network->pack.packed)
        status = pack_open(&network->pack, &model->weights, &model->config, network->kernels,
                           network->precision, network->cache_dir, err);
    pthread_mutex_unlock(&network->lock);
    return status;
}

/* Is the weight in the file not looked at any more? The rows of the embedding and of the output
 * matrix always are: tokens are looked up, and logits proved by them (logits.h). */
static int is_packed(const struct network *network, const struct weights *weights, uint32_t slot) {
    return network->pack.packed[slot].data && slot != weights->proj_out.slot &&
           weights->modules[slot].kind != MODULE_EMBEDDING;
}

pst_status network_detach(const struct network *network, struct pst_model *model, pst_error *err) {
    struct weights *weights = &model->weights;
    pst_status status = PST_OK;
    model->read_files = 1;
    for (uint32_t i = 0; i < weights->module_count && !status; i++) {
        const struct module *module = &weights->modules[i];
        size_t count = module_columns(module) * (module->kind == MODULE_NUMBER ? 1 : module->out);
        if (module->weight && !is_packed(network, weights, i))
            status = checkpoint_detach(&weights->checkpoint, module->weight,
                                       count * sizeof *module->weight, err);
        if (!status && module->bias)
            status = checkpoint_detach(&weights->checkpoint, module->bias,
                                       module->out * sizeof *module->bias, err);
    }
    return status;
}

void network_free(struct network *network) {
    if (!network) return;
    pack_close(&network->pack);
    pthread_mutex_destroy(&network->lock);
    free(network->cache_dir);
    free(network);
}
