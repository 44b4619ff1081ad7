/* lora_driver.c - prints what adapters mean for a list of modules: for test_lora_*.py.
 *
 *   lora_driver MODULES CONFIG...
 *   lora_driver MODEL_FOLDER ADAPTER_FOLDER...
 *
 * MODULES has a line "kind out in name" per module, in the order of named_modules(). For each
 * argument comes a line "= path". An adapter_config.json is then followed by "name rank scale"
 * per target, a whole adapter folder by "name rank scale delta_norm" per changed module; an error
 * by "! status message". */
#include <stdio.h>
#include <string.h>

#include "adapter/config/peft_config.h"
#include "adapter/config/targets.h"
#include "model/model.h"

enum { MODULES_MAX = 4096 };

static struct module modules[MODULES_MAX];
static struct target targets[MODULES_MAX];

static enum module_kind kind_named(const char *name) {
    if (strcmp(name, "linear") == 0) return MODULE_LINEAR;
    if (strcmp(name, "conv1d") == 0) return MODULE_CONV1D;
    if (strcmp(name, "embedding") == 0) return MODULE_EMBEDDING;
    return MODULE_NORM;
}

/* Returns how many modules there are. Only their names and kinds matter here. */
static uint32_t read_modules(const char *path) {
    char kind[16], name[MODULE_NAME_MAX];
    unsigned out, in;
    uint32_t count = 0;
    FILE *file = fopen(path, "r");
    while (file && count < MODULES_MAX &&
           fscanf(file, "%15s %u %u %79s", kind, &out, &in, name) == 4) {
        struct module *module = &modules[count++];
        *module = (struct module){.kind = kind_named(kind), .out = out, .in = in};
        memcpy(module->name, name, sizeof name);
    }
    if (file) fclose(file);
    return count;
}

static pst_status report_config(const char *path, uint32_t count, pst_error *err) {
    struct peft_config config;
    uint32_t adapted;
    pst_status status = peft_config_open(&config, path, NULL, err);
    if (!status) status = targets_find(&config.selection, modules, count, targets, &adapted, err);
    peft_config_close(&config);
    for (uint32_t i = 0; i < count && !status; i++)
        if (targets[i].rank)
            printf("%s %u %.17g\n", modules[i].name, targets[i].rank, targets[i].scale);
    return status;
}

static pst_status report_folder(const pst_model *model, const char *path, pst_error *err) {
    pst_adapter *adapter = NULL;
    pst_adapter_info info = {0};
    pst_status status = pst_adapter_open(model, path, NULL, &adapter, err);
    if (!status) pst_adapter_describe(adapter, &info);
    for (uint32_t i = 0; i < info.modules && !status; i++) {
        pst_adapter_module module;
        status = pst_adapter_module_at(adapter, i, &module, err);
        if (!status)
            printf("%s %u %.17g %.17g\n", module.name, module.rank, module.scale,
                   module.delta_norm);
    }
    pst_adapter_free(adapter);
    return status;
}

int main(int argc, char **argv) {
    pst_model *model = NULL;
    pst_error err;
    uint32_t count = 0;
    if (argc > 1 && path_is_folder(argv[1])) {
        if (pst_model_open(argv[1], NULL, &model, &err)) fprintf(stderr, "%s\n", err.message);
    } else if (argc > 1) {
        count = read_modules(argv[1]);
    }
    if (!model && count == 0) {
        fprintf(stderr, "usage: lora_driver MODULES CONFIG... | MODEL_FOLDER ADAPTER_FOLDER...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        printf("= %s\n", argv[i]);
        pst_status status =
            model ? report_folder(model, argv[i], &err) : report_config(argv[i], count, &err);
        if (status) printf("! %s %s\n", pst_status_name(status), err.message);
    }
    pst_model_free(model);
    return 0;
}
