/* fuzz_config.c - any bytes as each of the JSON files of a model folder. The readers take a folder,
 * so the input is written to one; the first byte says as which file. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/config_file.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const NAMES[] = {"config.json", "generation_config.json",
                                    "preprocessor_config.json", "processor_config.json",
                                    "model.safetensors.index.json"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char folder[64];
    char path[128];
    if (size < 1) return 0;
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/potstill-fuzz-config-%ld", (long)getpid());
        mkdir(folder, 0700);
    }
    size_t which = data[0] % (sizeof NAMES / sizeof NAMES[0]);
    snprintf(path, sizeof path, "%s/%s", folder, NAMES[which]);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data + 1, 1, size - 1, file) != size - 1 || fclose(file) != 0) abort();
    struct config config = {.vocab = 100, .max_position_embeddings = 10};
    struct generation generation;
    struct processor processor;
    struct weights weights;
    config_read(&config, folder, NULL);
    if (!generation_config_read(&generation, &config, folder, NULL)) generation_close(&generation);
    processor_read(&processor, folder, NULL, NULL);
    if (!weights_open(&weights, &config, folder, NULL)) weights_close(&weights);
    remove(path);
    rmdir(folder);
    mkdir(folder, 0700);
    return 0;
}
