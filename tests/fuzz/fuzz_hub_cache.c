/* fuzz_hub_cache.c - any bytes as a ref of the hub's cache, as anybody's tool may have left it: the
 * folder that is found is that of a commit in the cache, and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "potstill_tools.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define REPO "models--org--name"

static void require(int holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int made;
    if (!made++) {
        ram_folder_write(REPO "/snapshots/" COMMIT "/config.json", "{}", 2);
        ram_folder_write(REPO "/snapshots/config.json", "{}", 2); /* what no ref may lead to */
        ram_folder_write(REPO "/config.json", "{}", 2);
    }
    ram_folder_write(REPO "/refs/main", data, size);
    pst_search search;
    pst_search_init(&search);
    search.hub_cache = ram_folder();
    char *dir = NULL;
    if (pst_find_model("org/name", "config.json", &search, &dir, NULL) == PST_OK) {
        require(strcmp(dir, ram_folder_path(REPO "/snapshots/" COMMIT)) == 0);
        pst_free(dir);
    }
    return 0;
}
