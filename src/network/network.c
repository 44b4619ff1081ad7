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

void network_free(struct network *network) {
    if (!network) return;
    pack_close(&network->pack);
    pthread_mutex_destroy(&network->lock);
    free(network->cache_dir);
    free(network);
}
