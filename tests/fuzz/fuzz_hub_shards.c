/* fuzz_hub_shards.c - any bytes as the index of a checkpoint on the hub: each file that it names
 * may be put into the cache under its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub_shards.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static pst_status visit(void *user, const char *name, pst_error *err) {
    (void)err;
    ++*(size_t *)user;
    if (!*name || *name == '.' || strchr(name, '/') || strchr(name, '\\')) abort();
    return PST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t count = 0;
    ram_folder_write("index.json", data, size);
    hub_shards_visit(ram_folder_path("index.json"), "org/name", visit, &count, NULL);
    if (count > size) abort();
    return 0;
}
