/* lora.h - a PEFT LoRA adapter, resolved against a model.
 *
 * The config says which modules are meant, at which rank and scale; the tensor file says what they
 * hold. Both must agree with each other and with the model. At run time each adapted linear map is
 * y = base(x) + scale * B(A(x)), never merged, as PEFT computes it. */
#ifndef PST_MODEL_LORA_H
#define PST_MODEL_LORA_H

#include <stdint.h>

#include "model/safetensors.h"
#include "potstill.h"

struct lora {
    const float *a; /* [rank, in]; NULL: the module is not adapted */
    const float *b; /* [out, rank] */
    uint32_t rank;
    float scale;        /* what the network multiplies with: exact_scale rounded, as torch does */
    double exact_scale; /* lora_alpha / rank, or lora_alpha / sqrt(rank) with rslora */
};

struct pst_adapter {
    const struct pst_model *model;
    struct lora *loras; /* [model->weights.module_count], by module slot */
    /* Which slots are adapted, in the order of the network. */
    uint32_t *slots;
    uint32_t slot_count;
    pst_adapter_info info;
    char *base_model;
    struct safetensors file;
    float **copies; /* [copy_count] widened tensors */
    uint32_t copy_count;
};

struct lora_config;

/* What pst_adapter_open() does once both files are read and lora_config_check() has passed. Takes `file`
 * over, also when it fails. */
pst_status lora_resolve(const struct pst_model *model, const struct lora_config *config,
                        struct safetensors *file, const pst_adapter_options *options,
                        struct pst_adapter **adapter, pst_error *err);

#endif
