/* fuzz_special_tokens.c - any bytes as a file beside a tokenizer.json that is right: what opens
 * decodes every id, and without special tokens gives no more than with them. The first byte says
 * which file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ram_folder.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const NAMES[] = {"tokenizer_config.json", "special_tokens_map.json",
                                    "added_tokens.json"};

static const char TOKENIZER[] =
    "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
    "\"prepend\":\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
    "\"content\":\"\xE2\x96\x81\"}]},\"decoder\":{\"type\":\"Sequence\",\"decoders\":["
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
    "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":"
    "\" \",\"start\":1,\"stop\":0}]},\"added_tokens\":[{\"id\":1,\"content\":\"<s>\","
    "\"special\":true},{\"id\":8,\"content\":\"<extra>\"}],\"model\":{\"byte_fallback\":true,"
    "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"</s>\":2,\"<0x41>\":3,\"\xE2\x96\x81\":4,\"a\":5,"
    "\"b\":6,\"ab\":7},\"merges\":[\"a b\"]}}";
enum { TOKENS = 9 };

static void require(int holds) {
    if (!holds) abort();
}

static void exercise(const struct tokenizer *tokenizer) {
    struct buffer all = {0}, plain = {0};
    require(tokenizer_size(tokenizer) == TOKENS);
    require(tokenizer_is_special(tokenizer, 1)); /* tokenizer.json says so */
    for (int32_t id = 0; id < TOKENS; id++) {
        size_t before = plain.length;
        require(tokenizer_decode(tokenizer, &id, 1, 0, &all, NULL) == PST_OK);
        require(tokenizer_decode(tokenizer, &id, 1, 1, &plain, NULL) == PST_OK);
        require(!tokenizer_is_special(tokenizer, id) || plain.length == before);
    }
    require(plain.length <= all.length);
    buffer_free(&all);
    buffer_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int made;
    if (!made++) ram_folder_write("tokenizer.json", TOKENIZER, sizeof TOKENIZER - 1);
    if (size < 1) return 0;
    const char *name = NAMES[data[0] % (sizeof NAMES / sizeof NAMES[0])];
    struct tokenizer *tokenizer = NULL;
    ram_folder_write(name, data + 1, size - 1);
    if (tokenizer_open(&tokenizer, ram_folder(), NULL) == PST_OK) exercise(tokenizer);
    tokenizer_free(tokenizer);
    ram_folder_remove(name);
    return 0;
}
