/* fuzz_manifest.c - any bytes as a manifest; every entry it yields is read in full. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pst_manifest *manifest;
    pst_error err;
    if (manifest_parse((const char *)data, size, "input", &manifest, &err)) return 0;
    size_t length = 0;
    for (size_t i = 0; i < pst_manifest_count(manifest); i++) {
        pst_manifest_entry entry;
        pst_manifest_entry_at(manifest, i, &entry);
        if (!entry.text || !entry.audio_path == !entry.samples) abort();
        length += strlen(entry.text) + (entry.audio_path ? strlen(entry.audio_path) : 0);
        for (size_t s = 0; s < entry.sample_count; s++)
            if (!isfinite(entry.samples[s])) abort();
    }
    if (length > size) abort(); /* no escape is shorter than what it stands for */
    pst_manifest_free(manifest);
    return 0;
}
