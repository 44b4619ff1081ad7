/* fuzz_manifest.c - any bytes as a manifest; every entry it yields is read in full. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct manifest manifest;
    char *why = manifest_parse(&manifest, (const char *)data, size, "input");
    size_t length = 0;
    free(why);
    if (why) return 0;
    for (size_t i = 0; i < manifest.count; i++) {
        const struct manifest_entry *entry = &manifest.entries[i];
        length += entry->text ? strlen(entry->text) : 0;
        length += entry->audio_path ? strlen(entry->audio_path) : 0;
        if (entry->error) continue;
        if (!entry->audio_path == !entry->samples) abort();
        for (size_t s = 0; s < entry->sample_count; s++)
            if (!isfinite(entry->samples[s])) abort();
    }
    if (length > size) abort(); /* no escape is shorter than what it stands for */
    manifest_free(&manifest);
    return 0;
}
