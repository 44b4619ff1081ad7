/* fuzz_tokenizer.c - any bytes as a tokenizer file, and any bytes as text.
 *
 * What opens is made to encode and decode the input. And a tokenizer that has all bytes
 * must give every text back as it was, unless it holds what has a meaning of its own:
 * "▁" or an added token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void exercise(const struct tokenizer *tokenizer, const uint8_t *data, size_t size) {
    int32_t *ids = NULL;
    size_t count = 0;
    pst_error err;
    struct buffer text = {0};
    if (tokenizer_encode(tokenizer, (const char *)data, size, 1, &ids, &count, &err) == PST_OK)
        tokenizer_decode(tokenizer, ids, count, 0, &text, &err);
    free(ids);
    count = size / sizeof *ids;
    ids = malloc(count * sizeof *ids + 1);
    if (ids) {
        memcpy(ids, data, count * sizeof *ids);
        for (size_t i = 0; i < count; i += 2)
            ids[i] = (int32_t)((uint32_t)ids[i] % (tokenizer_size(tokenizer) + 1));
        tokenizer_decode(tokenizer, ids, count, 1, &text, &err);
    }
    free(ids);
    buffer_free(&text);
}

/* All bytes, and merges of bytes, so that characters are put together from parts. */
static struct tokenizer *open_own(void) {
    struct buffer json = {0};
    struct tokenizer *tokenizer = NULL;
    pst_error err;
    buffer_text(
        &json, "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
               "\"prepend\":\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
               "\"content\":\"\xE2\x96\x81\"}]},\"decoder\":{\"type\":\"Sequence\",\"decoders\":["
               "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
               "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":"
               "\" \",\"start\":1,\"stop\":0}]},\"model\":{\"byte_fallback\":true,\"vocab\":{");
    for (unsigned byte = 0; byte < 256; byte++)
        buffer_format(&json, "\"<0x%02X>\":%u,", byte, byte);
    buffer_text(&json, "\"\xE2\x96\x81\":256,\"a\":257,\"b\":258,\"ab\":259,\"ba\":260,"
                       "\"\xE2\x96\x81"
                       "a\":261,\"aba\":262,\"aa\":263,\"aaa\":264},\"merges\":["
                       "\"a b\",\"b a\",\"\xE2\x96\x81 a\",\"ab a\",\"a ba\",\"a a\",\"aa a\"]}}");
    if (json.failed || tokenizer_parse(&tokenizer, json.data, json.length, "own", &err)) abort();
    buffer_free(&json);
    return tokenizer;
}

static int holds_meta_space(const uint8_t *data, size_t size) {
    for (size_t i = 0; i + 3 <= size; i++)
        if (memcmp(data + i, "\xE2\x96\x81", 3) == 0) return 1;
    return 0;
}

static void check_round_trip(const uint8_t *data, size_t size) {
    struct tokenizer *tokenizer = open_own();
    int32_t *ids = NULL;
    size_t count = 0;
    pst_error err;
    struct buffer text = {0};
    if (!holds_meta_space(data, size) &&
        tokenizer_encode(tokenizer, (const char *)data, size, 1, &ids, &count, &err) == PST_OK) {
        if (tokenizer_decode(tokenizer, ids, count, 1, &text, &err)) abort();
        if (text.length != size || (size > 0 && memcmp(text.data, data, size) != 0)) abort();
    }
    free(ids);
    buffer_free(&text);
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tokenizer *tokenizer = NULL;
    pst_error err;
    if (tokenizer_parse(&tokenizer, (const char *)data, size, "input", &err) == PST_OK)
        exercise(tokenizer, data, size);
    tokenizer_free(tokenizer);
    check_round_trip(data, size);
    return 0;
}
