/* test_tokenizer_image.c - an image is the tokenizer it was made from; a damaged one is none, or
 * one that does no harm. */
#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/scratch.h"
#include "tokenizer/tokenizer_cache.h"
#include "tokenizer/tokenizer_image.h"
#include "tokenizer/tokenizer_internal.h"

static const char *const TEXTS[] = {"",
                                    "a",
                                    "hello and again",
                                    "  two  spaces ",
                                    "na\xC3\xAFve caf\xC3\xA9",
                                    "<s>x</s> 1234 \xE2\x96\x81\xF0\x9F\x98\x80",
                                    "\n\t"};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS };
static const char *const MODELS[] = {"micro", "micro_v4", "micro_v5"};

static struct tokenizer *open_golden(const char *model) {
    char dir[512];
    pst_error err;
    struct tokenizer *tokenizer;
    snprintf(dir, sizeof dir, "%s/tests/golden/%s", TEST_SOURCE_DIR, model);
    if (tokenizer_open(&tokenizer, dir, &err)) fail_msg("%s", err.message);
    return tokenizer;
}

/* An image in aligned memory of just its size. */
static unsigned char *image_of(const struct tokenizer *tokenizer, size_t *size) {
    struct buffer image = {0};
    void *bytes;
    tokenizer_image_write(&image, tokenizer);
    assert_false(image.failed);
    assert_int_equal(posix_memalign(&bytes, 64, image.length), 0);
    memcpy(bytes, image.data, image.length);
    *size = image.length;
    buffer_free(&image);
    return bytes;
}

static void decodes_alike(const struct tokenizer *a, const struct tokenizer *b) {
    for (int skip = 0; skip < 2; skip++)
        for (int32_t id = -1; id <= (int32_t)tokenizer_size(a); id++) {
            struct buffer left = {0}, right = {0};
            int32_t ids[2] = {id, id / 2};
            assert_int_equal(tokenizer_decode(a, ids, 2, skip, &left, NULL), PST_OK);
            assert_int_equal(tokenizer_decode(b, ids, 2, skip, &right, NULL), PST_OK);
            assert_int_equal(left.length, right.length);
            if (left.length) assert_memory_equal(left.data, right.data, left.length);
            assert_int_equal(tokenizer_is_special(a, id), tokenizer_is_special(b, id));
            buffer_free(&left);
            buffer_free(&right);
        }
}

static void encodes_alike(const struct tokenizer *a, const struct tokenizer *b) {
    for (int i = 0; i < TEXT_COUNT; i++)
        for (int special = 0; special < 2; special++) {
            int32_t *left, *right;
            size_t left_count, right_count, length = strlen(TEXTS[i]);
            assert_int_equal(
                tokenizer_encode(a, TEXTS[i], length, special, &left, &left_count, NULL), PST_OK);
            assert_int_equal(
                tokenizer_encode(b, TEXTS[i], length, special, &right, &right_count, NULL), PST_OK);
            assert_int_equal(left_count, right_count);
            assert_memory_equal(left, right, left_count * sizeof *left);
            free(left);
            free(right);
        }
}

static void is_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        size_t size, again;
        struct tokenizer *parsed = open_golden(MODELS[i]);
        unsigned char *bytes = image_of(parsed, &size);
        struct tokenizer *read = tokenizer_image_read(bytes, size);
        assert_non_null(read);
        assert_int_equal(tokenizer_size(parsed), tokenizer_size(read));
        decodes_alike(parsed, read);
        encodes_alike(parsed, read);
        unsigned char *copy = image_of(read, &again); /* nothing was lost */
        assert_int_equal(again, size);
        assert_memory_equal(copy, bytes, size);
        tokenizer_free(parsed);
        tokenizer_free(read);
        free(bytes);
        free(copy);
    }
}

/* Whatever it reads as, it can be used. */
static int use(const unsigned char *bytes, size_t size) {
    struct tokenizer *tokenizer = tokenizer_image_read(bytes, size);
    if (!tokenizer) return 0;
    for (int i = 0; i < TEXT_COUNT; i++) {
        int32_t *ids;
        size_t count;
        struct buffer text = {0};
        if (tokenizer_encode(tokenizer, TEXTS[i], strlen(TEXTS[i]), 1, &ids, &count, NULL))
            continue;
        tokenizer_decode(tokenizer, ids, count, 0, &text, NULL);
        buffer_free(&text);
        free(ids);
    }
    tokenizer_free(tokenizer);
    return 1;
}

static void cut_short(void **state) {
    (void)state;
    size_t size;
    struct tokenizer *parsed = open_golden("micro");
    unsigned char *bytes = image_of(parsed, &size);
    for (size_t cut = 0; cut < size; cut++) {
        void *less;
        assert_int_equal(posix_memalign(&less, 64, cut + 1), 0);
        memcpy(less, bytes, cut);
        assert_int_equal(use(less, cut), 0);
        free(less);
        cut += cut > 2048 ? 61 : 0;
    }
    tokenizer_free(parsed);
    free(bytes);
}

static void hostile_numbers(void **state) {
    (void)state;
    static const uint32_t NUMBERS[] = {0, 1, 16, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    size_t size, taken = 0;
    struct tokenizer *parsed = open_golden("micro");
    unsigned char *bytes = image_of(parsed, &size);
    for (size_t at = 0; at + 4 <= size; at += 4) {
        uint32_t kept;
        memcpy(&kept, bytes + at, 4);
        for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
            memcpy(bytes + at, &NUMBERS[i], 4);
            taken += (size_t)use(bytes, size);
        }
        memcpy(bytes + at, &kept, 4);
    }
    assert_true(taken > 0); /* hashes and ranks may be anything */
    assert_int_equal(use(bytes, size), 1);
    tokenizer_free(parsed);
    free(bytes);
}

/* A table without an empty slot would be searched forever. */
static void full_tables(void **state) {
    (void)state;
    size_t size;
    struct tokenizer *parsed = open_golden("micro");
    for (int table = 0; table < 2; table++) {
        size_t slots = parsed->vocabulary.mask + 1, merges = parsed->bpe.mask + 1;
        void *kept = table ? (void *)parsed->bpe.slots : (void *)parsed->vocabulary.slots;
        struct vocabulary_slot *full = calloc(slots, sizeof *full); /* of token 0 */
        struct merge *all = calloc(merges, sizeof *all);
        if (table)
            parsed->bpe.slots = all;
        else
            parsed->vocabulary.slots = full;
        unsigned char *bytes = image_of(parsed, &size);
        assert_null(tokenizer_image_read(bytes, size));
        free(bytes);
        if (table)
            parsed->bpe.slots = kept;
        else
            parsed->vocabulary.slots = kept;
        free(full);
        free(all);
    }
    tokenizer_free(parsed);
}

/* ----------------------------------------------------------------------------------- the cache */

static char cache[512], copy[512];

static struct tokenizer *open_cached(int *from_image) {
    pst_error err;
    struct tokenizer *tokenizer;
    if (tokenizer_cache_open(&tokenizer, copy, cache, &err)) fail_msg("%s", err.message);
    *from_image = tokenizer->borrowed;
    return tokenizer;
}

/* What `copy` holds is opened rightly, the second time from an image. */
static void caches(const struct tokenizer *expected) {
    for (int again = 0; again < 2; again++) {
        int from_image;
        struct tokenizer *tokenizer = open_cached(&from_image);
        assert_int_equal(from_image, again);
        decodes_alike(expected, tokenizer);
        encodes_alike(expected, tokenizer);
        assert_int_equal(tokenizer->clean_up, expected->clean_up);
        tokenizer_free(tokenizer);
    }
}

static void follows_the_files(void **state) {
    (void)state;
    pst_error err;
    struct tokenizer *expected, *tokenizer;
    snprintf(copy, sizeof copy, "%s", scratch_folder("tokenizer_model"));
    snprintf(cache, sizeof cache, "%s", scratch_folder("tokenizer_cache"));
    folder_empty(copy);
    folder_empty(cache);
    assert_int_equal(tokenizer_cache_open(&tokenizer, copy, cache, &err), PST_ERR_MODEL);
    scratch_copy(TEST_SOURCE_DIR "/tests/golden/micro", copy, "tokenizer.json");
    assert_int_equal(tokenizer_open(&expected, copy, NULL), PST_OK);
    caches(expected);
    scratch_text(copy, "tokenizer_config.json", "{\"clean_up_tokenization_spaces\": true}");
    expected->clean_up = 1;
    caches(expected);
    scratch_text(copy, "tokenizer_config.json", "{\"clean_up_tokenization_spaces\": 7}");
    assert_int_equal(tokenizer_cache_open(&tokenizer, copy, cache, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "clean_up_tokenization_spaces"));
    scratch_remove(copy, "tokenizer_config.json");
    expected->clean_up = 0;
    int from_image;
    tokenizer_free(open_cached(&from_image));
    assert_int_equal(from_image, 1); /* the first state again */
    scratch_text(copy, "tokenizer.json", "{}");
    assert_int_equal(tokenizer_cache_open(&tokenizer, copy, cache, &err), PST_ERR_MODEL);
    tokenizer_free(expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_same),       cmocka_unit_test(cut_short),
        cmocka_unit_test(hostile_numbers),   cmocka_unit_test(full_tables),
        cmocka_unit_test(follows_the_files),
    };
    return cmocka_run_group_tests_name("tokenizer_image", tests, NULL, NULL);
}
