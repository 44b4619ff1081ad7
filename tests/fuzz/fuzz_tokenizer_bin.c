/* fuzz_tokenizer_bin.c - any bytes as a tokenizer.bin; what is accepted must give good JSON. */
#include <jansson.h>
#include <stdlib.h>

#include "import/tokenizer_bin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tokenizer_bin bin;
    pst_error err;
    if (tokenizer_bin_parse(&bin, data, size, "input", &err)) return 0;
    struct buffer json = {0};
    if (tokenizer_bin_to_json(&bin, &json, &err)) abort();
    json_t *root = json_loadb(json.data, json.length, JSON_REJECT_DUPLICATES, NULL);
    if (!root) abort();
    json_decref(root);
    buffer_free(&json);
    tokenizer_bin_close(&bin);
    return 0;
}
