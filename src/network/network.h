/* network.h - what it takes to compute with a checkpoint: kernels, a precision, packed weights.
 *
 * A pst_model is a checkpoint; merging, converting and inspecting need no more. Kernels and
 * precision are chosen when it is opened, so an instruction set that the CPU lacks is refused then.
 * Weights are packed when the first session is made, and shared by all sessions. */
#ifndef PST_NETWORK_NETWORK_H
#define PST_NETWORK_NETWORK_H

#include <pthread.h>

#include "model/model.h"
#include "network/pack.h"

struct network {
    const struct kernels *kernels;
    pst_precision precision; /* of the matrix products */
    char *cache_dir;         /* of packed weights; NULL: none */
    pthread_mutex_t lock;    /* over the packing */
    struct pack pack;        /* filled by the first network_prepare(), constant from then on */
};

/* Chooses by `options`, and packs nothing yet. */
pst_status network_new(struct network **network, const pst_model_options *options, pst_error *err);
/* Packs the weights of `model`, the one that the network was made for, unless that has been done.
 * Several threads may call it at a time. */
pst_status network_prepare(struct network *network, const struct pst_model *model, pst_error *err);
/* Reads what the network, which is prepared, still needs of the model's files in place of their
 * mappings: all but the weights that are packed. */
pst_status network_detach(const struct network *network, struct pst_model *model, pst_error *err);
void network_free(struct network *network);

#endif
