/* fuzz_config.c - any bytes as each of the JSON files of a model folder. The readers take a folder,
 * so the input is written to one; the first byte says as which file. */
#include <stdint.h>

#include "model/config_file.h"
#include "model/model.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const NAMES[] = {"config.json", "generation_config.json",
                                    "preprocessor_config.json", "processor_config.json",
                                    "model.safetensors.index.json"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const char *name = NAMES[data[0] % (sizeof NAMES / sizeof NAMES[0])];
    const char *folder = ram_folder();
    ram_folder_write(name, data + 1, size - 1);
    struct config config = {.vocab = 100, .max_position_embeddings = 10};
    struct generation generation;
    struct processor processor;
    struct weights weights;
    config_read(&config, folder, NULL);
    if (!generation_config_read(&generation, &config, folder, NULL)) generation_close(&generation);
    processor_read(&processor, folder, NULL, NULL);
    if (!weights_open(&weights, &config, folder, NULL)) weights_close(&weights);
    ram_folder_remove(name);
    return 0;
}
