/* lora.h - a PEFT LoRA adapter, read into effects.
 *
 * The config says which modules are meant, at which rank and scale; the tensor file says what they
 * hold. Both must agree with each other and with the model. */
#ifndef PST_ADAPTER_METHODS_LORA_H
#define PST_ADAPTER_METHODS_LORA_H

#include "adapter/adapter.h"
#include "adapter/config/lora_config.h"

/* What pst_adapter_open() does once both files are read and lora_config_check() has passed. Takes `file`
 * over, also when it fails. */
pst_status lora_resolve(const struct pst_model *model, const struct lora_config *config,
                        struct safetensors *file, const pst_adapter_options *options,
                        struct pst_adapter **adapter, pst_error *err);

#endif
