/* adapter_open.h - what pst_adapter_open() does once both files of a PEFT adapter are read. */
#ifndef PST_ADAPTER_ADAPTER_OPEN_H
#define PST_ADAPTER_ADAPTER_OPEN_H

#include "adapter/adapter.h"
#include "adapter/config/peft_config.h"

/* Owns `file` from then on, also when it fails. */
pst_status adapter_resolve(const struct pst_model *model, const struct peft_config *config,
                           struct safetensors *file, const pst_adapter_options *options,
                           struct pst_adapter **adapter, pst_error *err);

#endif
