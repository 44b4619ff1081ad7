/* fuzz_base_model.c - any bytes as the two files of an adapter that name its base model: its
 * adapter_config.json, or the head of its README.md. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "find/base_model.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) abort();
}

/* A value is there and is not empty, or it is missing; one of a card fits a line. */
static void check_value(const char *value, size_t size) {
    require(!value || (*value && strlen(value) <= size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const char *name = data[0] & 1 ? "README.md" : "adapter_config.json";
    struct base_model base;
    struct text_pool pool = {0};
    ram_folder_write(name, data + 1, size - 1);
    base_model_read(&base, ram_folder(), &pool);
    check_value(base.name, size);
    check_value(base.revision, size);
    check_value(base.fingerprint, size);
    require(base.file != NULL);
    require(!base.name || strcmp(base.file, name) == 0);
    text_pool_free(&pool);
    ram_folder_remove(name);
    return 0;
}
