/* fuzz_pack_file.c - any bytes as a cache file of packed weights: taken only when they are one,
 * and then read in full. */
#include <stdlib.h>
#include <string.h>

#include "base/cache_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char HEAD[] = "weights 1 int8\n"
                           "c00d57d5d74477c05dad44c09cb4a47e8325cd10d79feb70a65ef2d0b50b2f51\n"
                           "0 reference_f32 2 8 0 64\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cache_content wanted = {
        .name = "weights-0", .head = HEAD, .head_bytes = sizeof HEAD - 1, .body_bytes = 64};
    void *bytes;
    if (posix_memalign(&bytes, 64, size + 1)) return 0;
    memcpy(bytes, data, size);
    static volatile unsigned char last; /* so that the reads are not optimised away */
    const unsigned char *body = cache_file_check(bytes, size, &wanted);
    for (size_t i = 0; body && i < wanted.body_bytes; i++) last ^= body[i];
    free(bytes);
    return 0;
}
