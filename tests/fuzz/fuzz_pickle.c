/* fuzz_pickle.c - any bytes as a file of torch.save(); every tensor it yields is read in full.
 * Bytes that are no archive are tried as the pickle inside one too. */
#include <stdlib.h>

#include "formats/pickle.h"
#include "formats/pickle_file.h"
#include "formats/zip_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned char last; /* so that the reads are not optimised away */

static void read_tensors(const struct safetensors *file, size_t size) {
    for (size_t i = 0; i < file->count; i++) {
        const struct tensor *tensor = &file->tensors[i];
        for (size_t b = 0; b < tensor->bytes; b++) last ^= tensor->data[b];
        if (tensor->count > size) abort(); /* no file makes more values than it has bytes */
        float *wide = malloc((tensor->count + 1) * sizeof *wide);
        if (wide) tensor_to_float(tensor, wide);
        free(wide);
        if (safetensors_find(file, tensor->name) == NULL) abort();
    }
}

static void read_pickle(const uint8_t *data, size_t size) {
    struct pickle pickle;
    if (pickle_read(&pickle, data, size, "input", NULL)) return;
    for (size_t i = 0; i < pickle.count; i++) {
        const struct pickle_tensor *tensor = &pickle.tensors[i];
        if (tensor->dims > TENSOR_DIMS_MAX) abort();
        for (size_t b = 0; b < tensor->name_bytes; b++) last ^= (unsigned char)tensor->name[b];
        for (size_t b = 0; b < tensor->storage_bytes; b++)
            last ^= (unsigned char)tensor->storage[b];
    }
    pickle_free(&pickle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct safetensors file;
    pst_error err;
    if (!zip_looks_like(data, size)) read_pickle(data, size);
    if (pickle_file_parse(&file, data, size, "input", &err)) return 0;
    read_tensors(&file, size);
    safetensors_close(&file);
    return 0;
}
