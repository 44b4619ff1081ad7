/* trainer_adapter.h - adapter.safetensors as the trainer of Moonshine's Python package writes it.
 *
 *   decoder.<i>.down          [rank, dim]               one for each layer of the decoder
 *   decoder.<i>.q_proj.up     [heads * head_dim, rank]  and k_proj, v_proj
 *   encoder.<i>...            the same of the encoder, instead of the decoder or beside it
 *
 * each a change of that layer's self-attention: up * down, times a scale that is stored nowhere. A
 * summary.json beside it may name the base model. There is no config. */
#ifndef PST_ADAPTER_METHODS_TRAINER_ADAPTER_H
#define PST_ADAPTER_METHODS_TRAINER_ADAPTER_H

#include "adapter/adapter.h"
#include "formats/safetensors.h"
#include "potstill.h"

/* What pst_adapter_open() does for such a folder. */
pst_status trainer_adapter_open(const struct pst_model *model, const char *dir,
                                const pst_adapter_options *options, struct pst_adapter **adapter,
                                pst_error *err);
/* The same for an open file, which it owns from then on, also when it fails. */
pst_status trainer_adapter_resolve(const struct pst_model *model, const char *base_model,
                                   struct safetensors *file, const pst_adapter_options *options,
                                   struct pst_adapter **adapter, pst_error *err);

#endif
