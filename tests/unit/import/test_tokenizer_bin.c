/* test_tokenizer_bin.c - vocabularies are read, and become the tokenizer.json they stand for. */
#include "support/test.h"

#include <stdlib.h>

#include <jansson.h>

#include "import/tokenizer_bin.h"
#include "support/bad_files.h"
#include "support/folder.h"

#define CORPUS TEST_SOURCE_DIR "/tests/fuzz/corpus/tokenizer_bin"
#define MARK "\xe2\x96\x81"
#define BAD TEST_SOURCE_DIR "/tests/bad/tokenizer_bin"

static struct tokenizer_bin open_corpus(const char *name) {
    struct tokenizer_bin bin;
    pst_error err;
    char *path = path_join(CORPUS, name);
    if (tokenizer_bin_open(&bin, path, &err)) fail_msg("%s", err.message);
    free(path);
    return bin;
}

static json_t *to_json(const struct tokenizer_bin *bin) {
    struct buffer json = {0};
    assert_int_equal(tokenizer_bin_to_json(bin, &json, NULL), PST_OK);
    json_t *root = json_loadb(json.data, json.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    buffer_free(&json);
    return root;
}

static void reads_records(void **state) {
    (void)state;
    struct tokenizer_bin bin = open_corpus("words");
    assert_int_equal(bin.count, 259 + 8 + 3);
    assert_int_equal(bin.vocab, 259 + 8);
    assert_int_equal(bin.tokens[0].length, 5);
    assert_memory_equal(bin.tokens[3 + 0xA9].bytes, "<0xA9>", 6);
    assert_memory_equal(bin.tokens[260].bytes,
                        "\xe2\x96\x81"
                        "a",
                        4);
    assert_int_equal(tokenizer_bin_find(&bin, "ab", 2)->id, 261);
    assert_int_equal(tokenizer_bin_find(&bin, "", 0)->id, 266);
    assert_null(tokenizer_bin_find(&bin, "ba", 2));
    assert_null(tokenizer_bin_find(&bin, "<<ST_0>>", 8)); /* not of the vocabulary */
    tokenizer_bin_close(&bin);
}

/* Lengths of 128 and more take two bytes. */
static void reads_long_records(void **state) {
    (void)state;
    unsigned char bytes[2000], *at = bytes;
    for (int i = 0; i < 3; i++) {
        static const char *const first[] = {"<unk>", "<s>", "</s>"};
        *at++ = (unsigned char)strlen(first[i]);
        at = (unsigned char *)memcpy(at, first[i], strlen(first[i])) + strlen(first[i]);
    }
    for (int i = 0; i < 256; i++) {
        *at++ = 1;
        *at++ = (unsigned char)i;
    }
    *at++ = 128 + 44; /* 44 + 1 * 128 = 172 */
    *at++ = 1;
    memset(at, 'a', 172);
    at += 172;
    *at++ = 1;
    *at++ = 'b';
    struct tokenizer_bin bin;
    assert_int_equal(tokenizer_bin_parse(&bin, bytes, (size_t)(at - bytes), "t", NULL), PST_OK);
    assert_int_equal(bin.count, 261);
    assert_int_equal(bin.tokens[259].length, 172);
    assert_int_equal(bin.tokens[260].bytes[0], 'b');
    tokenizer_bin_close(&bin);
}

static void rebuilds_merges_in_order(void **state) {
    (void)state;
    static const char *const expected[] = {
        MARK " a",    /* 260; 259 is nothing but marks, which come last */
        "a b",        /* 261 */
        (MARK "a b"), /* 262, by the id of the left part: 260 before 265 */
        (MARK " ab"), MARK " " MARK,
    };
    struct tokenizer_bin bin = open_corpus("words");
    json_t *root = to_json(&bin);
    const json_t *merges = json_object_get(json_object_get(root, "model"), "merges");
    assert_int_equal(json_array_size(merges), sizeof expected / sizeof *expected);
    for (size_t i = 0; i < json_array_size(merges); i++)
        assert_string_equal(json_string_value(json_array_get(merges, i)), expected[i]);
    json_decref(root);
    tokenizer_bin_close(&bin);
}

static void lists_vocabulary_and_special_tokens(void **state) {
    (void)state;
    struct tokenizer_bin bin = open_corpus("words");
    json_t *root = to_json(&bin);
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    assert_int_equal(json_object_size(vocab), bin.vocab);
    assert_int_equal(json_integer_value(json_object_get(vocab, "<0x0A>")), 13);
    assert_int_equal(json_integer_value(json_object_get(vocab, "")), 266);
    const json_t *added = json_object_get(root, "added_tokens");
    assert_int_equal(json_array_size(added), 6);
    static const int ids[] = {0, 1, 2, 267, 268, 269};
    for (size_t i = 0; i < 6; i++) {
        const json_t *token = json_array_get(added, i);
        assert_int_equal(json_integer_value(json_object_get(token, "id")), ids[i]);
        assert_true(json_is_true(json_object_get(token, "special")));
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(added, 5), "content")),
                        "<<ST_2>>");
    json_decref(root);
    tokenizer_bin_close(&bin);
}

static void escapes_as_little_as_needed(void **state) {
    (void)state;
    struct tokenizer_bin bin = open_corpus("escapes");
    struct buffer json = {0};
    assert_int_equal(tokenizer_bin_to_json(&bin, &json, NULL), PST_OK);
    assert_non_null(strstr(json.data, "      \"\\\"\\\\\": 259,\n"
                                      "      \"\\t\\n\": 260,\n"
                                      "      \"\\u0001\": 261,\n"
                                      "      \"\x7f\": 262\n"
                                      "    },\n"
                                      "    \"merges\": []\n"
                                      "  }\n"
                                      "}"));
    buffer_free(&json);
    tokenizer_bin_close(&bin);
}

static void refuses_every_bad_file(void **state) {
    (void)state;
    static const struct bad_file files[] = {
        {"empty", "has 0 tokens, expected 259 at least"},
        {"few", "has 45 tokens, expected 259 at least"},
        {"cut", "token 262 is cut off"},
        {"cut_length", "token 263 is cut off"},
        {"long_token", "token 259 is cut off, or longer than 256 bytes"},
        {"first_token", "token 1 is not <s>"},
        {"wrong_byte", "token 69 is not the byte 0x42"},
        {"same_text", "tokens 259 and 261 are the same text"},
        {"same_as_byte", "tokens 68 and 259 are the same text"},
        {"same_as_special", "tokens 1 and 259 are the same text"},
        {"not_utf8", "token 259 is not UTF-8"},
        {"surrogate", "token 259 is not UTF-8"},
        {"space", "token 259 is not UTF-8, or holds a space"},
        {"nul", "token 259 is not UTF-8, or holds a space or NUL"},
        {"special_order", "token 260 is not <<ST_1>>"},
        {"word_after_special", "token 260 is not <<ST_1>>"},
    };
    size_t count = sizeof files / sizeof *files;
    assert_int_equal(folder_entries(BAD), count);
    for (size_t i = 0; i < count; i++) {
        struct tokenizer_bin bin;
        pst_error err = {0};
        char *path = path_join(BAD, files[i].name);
        assert_int_equal(tokenizer_bin_open(&bin, path, &err), PST_ERR_MODEL);
        assert_true(bad_file_message_fits(&files[i], path, err.message));
        assert_null(bin.tokens);
        tokenizer_bin_close(&bin); /* harmless after a failure */
        free(path);
    }
}

static void refuses_a_huge_file(void **state) {
    (void)state;
    struct tokenizer_bin bin;
    pst_error err = {0};
    assert_int_equal(tokenizer_bin_parse(&bin, (const unsigned char *)"", (1 << 20) + 1, "t", &err),
                     PST_ERR_MODEL);
    assert_string_equal(err.message, "t: is 1048577 bytes, expected at most 1048576");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_records),
        cmocka_unit_test(reads_long_records),
        cmocka_unit_test(rebuilds_merges_in_order),
        cmocka_unit_test(lists_vocabulary_and_special_tokens),
        cmocka_unit_test(escapes_as_little_as_needed),
        cmocka_unit_test(refuses_every_bad_file),
        cmocka_unit_test(refuses_a_huge_file),
    };
    return cmocka_run_group_tests_name("tokenizer_bin", tests, NULL, NULL);
}
