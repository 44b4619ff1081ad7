/* fuzz_safetensors.c - any bytes as a tensor file; every tensor it yields is read in full. */
#include <stdlib.h>

#include "formats/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct safetensors file;
    pst_error err;
    if (safetensors_parse(&file, data, size, "input", &err)) return 0;
    static volatile unsigned char last; /* so that the reads are not optimised away */
    for (size_t i = 0; i < file.count; i++) {
        const struct tensor *tensor = &file.tensors[i];
        for (size_t b = 0; b < tensor->bytes; b++) last ^= tensor->data[b];
        float *wide = tensor->count < size ? malloc((tensor->count + 1) * sizeof *wide) : NULL;
        if (wide) tensor_to_float(tensor, wide);
        free(wide);
        if (safetensors_find(&file, tensor->name) == NULL) abort();
    }
    safetensors_close(&file);
    return 0;
}
