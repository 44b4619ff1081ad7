/* fuzz_adapter.c - any bytes as an adapter for the nine modules of few_modules.h: the config
 * up to the first NUL, the tensor file after it, of any method. What opens is measured,
 * which reads every value. */
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_open.h"
#include "support/few_modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *user, const char *message) {
    if (strlen(message) >= sizeof((pst_error *)0)->message) abort();
    ++*(int *)user;
}

static void measure(const pst_adapter *adapter) {
    pst_adapter_info info;
    pst_adapter_describe(adapter, &info);
    for (uint32_t i = 0; i < info.modules; i++) {
        pst_adapter_module module;
        if (pst_adapter_module_at(adapter, i, &module, NULL)) abort();
        if (module.rank && (module.rank < info.rank_min || module.rank > info.rank_max)) abort();
        if (!(module.delta_norm >= 0)) abort();
    }
    if (info.modules == 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    size_t json_bytes = end ? (size_t)(end - data) : size;
    int warnings = 0;
    pst_adapter_options options = {
        .struct_size = sizeof options, .warn = ignore, .user = &warnings};
    pst_error err;
    struct few_modules few;
    struct peft_config config;
    struct safetensors file;
    pst_adapter *adapter = NULL;
    few_modules_init(&few);
    struct json_file json = {
        .root = json_loadb((const char *)data, json_bytes, JSON_REJECT_DUPLICATES, NULL),
        .path = strdup("config")};
    if (!json_is_object(json.root)) {
        json_file_close(&json);
        return 0;
    }
    if (peft_config_parse(&config, &json, &options, &err)) return 0;
    if (end && !safetensors_parse(&file, end + 1, size - json_bytes - 1, "tensors", &err)) {
        pst_status status = adapter_resolve(&few.model, &config, &file, &options, &adapter, &err);
        if (!status) measure(adapter);
    }
    pst_adapter_free(adapter);
    peft_config_close(&config);
    return 0;
}
