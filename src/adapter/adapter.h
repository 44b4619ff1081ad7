/* adapter.h - an adapter, resolved against a model: one effect for each module it changes.
 *
 * Immutable once open. Everything an effect points to lies in the mapped file or in a block the
 * adapter owns, so an adapter costs its own size and shares the base. */
#ifndef PST_ADAPTER_ADAPTER_H
#define PST_ADAPTER_ADAPTER_H

#include <stdint.h>

#include "adapter/effect.h"
#include "formats/safetensors.h"
#include "potstill.h"

struct pst_adapter {
    const struct pst_model *model;
    struct effect *effects; /* [model->weights.module_count], by module slot; zero: unchanged */
    /* Which slots are changed, in the order of the network. */
    uint32_t *slots;
    uint32_t slot_count;
    pst_adapter_info info;
    char *base_model;
    struct safetensors file;
    void **blocks; /* [block_count] of its own: widened and reordered tensors, lists */
    uint32_t block_count;
};

struct module;

/* sum [columns], in the order of the network: a row of what the effect adds, without its scale. */
void effect_sum_row(const struct module *module, const struct effect *effect, size_t row,
                    double *sum);

/* What merge_and_unload() of PEFT makes of one module, in double precision: the effect of
 * `adapter` on `slot`, with its scale times `factor`, applied to weight (the module's shape, in
 * the checkpoint's order: [out, in], [out, in, kernel], [vocab, dim], [dim]) and bias ([out];
 * NULL when the module has none) in place. They hold the base's values, or what an adapter
 * before this one made of them. Where a bias would have to come into being it is
 * PST_ERR_UNSUPPORTED, as in PEFT. */
pst_status adapter_merge_module(const struct pst_adapter *adapter, uint32_t slot, double factor,
                                double *weight, double *bias, pst_error *err);

struct weights;

/* Refuses adapters [count] two of which replace the same tensor, or one of which changes what the
 * other was computed from, by the name of the module. */
pst_status adapter_check_together(const struct weights *weights, const pst_adapter *const *adapters,
                                  size_t count, pst_error *err);

#endif
