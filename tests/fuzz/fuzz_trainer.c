/* fuzz_trainer.c - any bytes as the adapter.safetensors of Moonshine's own trainer, for the layer
 * of one_layer.h. What opens is measured, which reads every value. */
#include <stdlib.h>

#include "adapter/methods/trainer_adapter.h"
#include "support/one_layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct one_layer one;
    struct safetensors file;
    pst_adapter *adapter = NULL;
    pst_adapter_info info;
    pst_error err;
    one_layer_init(&one);
    if (safetensors_parse(&file, data, size, "tensors", &err) ||
        trainer_adapter_resolve(&one.model, "", &file, NULL, &adapter, &err))
        return 0;
    pst_adapter_describe(adapter, &info);
    if (info.modules != 3) abort();
    for (uint32_t i = 0; i < info.modules; i++) {
        pst_adapter_module module;
        if (pst_adapter_module_at(adapter, i, &module, NULL)) abort();
        if (!(module.delta_norm >= 0)) abort();
    }
    pst_adapter_free(adapter);
    return 0;
}
