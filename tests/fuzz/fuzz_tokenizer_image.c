/* fuzz_tokenizer_image.c - any bytes as the image of a tokenizer; one that is
 * taken encodes and decodes. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char TEXT[] = "<s> hello \xE2\x96\x81 a\xC3\xA9\n";
    void *bytes;
    if (posix_memalign(&bytes, 64, size + 1)) return 0;
    memcpy(bytes, data, size);
    struct tokenizer *tokenizer = tokenizer_image_read(bytes, size);
    int32_t *ids = NULL;
    size_t count;
    if (tokenizer && !tokenizer_encode(tokenizer, TEXT, sizeof TEXT - 1, 1, &ids, &count, NULL)) {
        struct buffer text = {0};
        tokenizer_decode(tokenizer, ids, count, 0, &text, NULL);
        buffer_free(&text);
    }
    for (size_t id = 0; tokenizer && id < tokenizer_size(tokenizer); id++) {
        struct buffer text = {0};
        int32_t one = (int32_t)id;
        tokenizer_decode(tokenizer, &one, 1, 1, &text, NULL);
        buffer_free(&text);
    }
    free(ids);
    tokenizer_free(tokenizer);
    free(bytes);
    return 0;
}
