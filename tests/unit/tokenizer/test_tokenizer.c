/* test_tokenizer.c - encoding and decoding by a small file, and every way a file can be wrong.
 *
 * tests/unit/tokenizer/tokenizer.json has the published file's parts around 293 tokens and 21
 * merges; the ids and texts expected here are what tokenizers 0.22.2 makes of it. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file_view.h"
#include "support/folder.h"
#include "tokenizer/tokenizer.h"

static const char SMALL[] = TEST_SOURCE_DIR "/tests/unit/tokenizer";
static const char BAD[] = TEST_SOURCE_DIR "/tests/bad/tokenizer";

enum { START = 1, END = 2, META = 259, BYTE = 3 }; /* <s>, </s>, "▁"; <0x00> */

static struct tokenizer *open_small(void) {
    struct tokenizer *tokenizer = NULL;
    pst_error err = {0};
    assert_int_equal(tokenizer_open(&tokenizer, SMALL, &err), PST_OK);
    return tokenizer;
}

/* The small file's text, with `from` once replaced by `to`; to be freed. */
static char *edited(const char *from, const char *to) {
    struct file_view view;
    char path[512];
    snprintf(path, sizeof path, "%s/tokenizer.json", SMALL);
    assert_int_equal(file_view_open(&view, path, 1 << 20, NULL), PST_OK);
    struct buffer text = {0};
    buffer_append(&text, view.data, view.size);
    file_view_close(&view);
    char *at = strstr(text.data, from);
    assert_non_null(at);
    struct buffer changed = {0};
    buffer_append(&changed, text.data, (size_t)(at - text.data));
    buffer_text(&changed, to);
    buffer_text(&changed, at + strlen(from));
    buffer_free(&text);
    assert_false(changed.failed);
    return changed.data;
}

static struct tokenizer *parse_edited(const char *from, const char *to) {
    struct tokenizer *tokenizer = NULL;
    char *json = edited(from, to);
    pst_error err = {0};
    pst_status status = tokenizer_parse(&tokenizer, json, strlen(json), "edited", &err);
    free(json);
    assert_string_equal(err.message, "");
    assert_int_equal(status, PST_OK);
    return tokenizer;
}

static void check_encoding(const struct tokenizer *tokenizer, const char *text, size_t length,
                           const int32_t *expected, size_t expected_count) {
    int32_t *ids = NULL;
    size_t count = 0;
    pst_error err = {0};
    assert_int_equal(tokenizer_encode(tokenizer, text, length, 1, &ids, &count, &err), PST_OK);
    assert_int_equal(count, expected_count);
    assert_memory_equal(ids, expected, count * sizeof *ids);
    free(ids);
}

#define ENCODES(tokenizer, text, ...)                                                              \
    check_encoding(tokenizer, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__},              \
                   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void check_decoding(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                           int skip, const char *expected) {
    struct buffer text = {0};
    buffer_text(&text, " kept"); /* what stands before is not touched */
    assert_int_equal(tokenizer_decode(tokenizer, ids, count, skip, &text, NULL), PST_OK);
    assert_memory_equal(text.data, " kept", 5);
    assert_string_equal(text.data + 5, expected);
    assert_int_equal(text.length, 5 + strlen(expected));
    buffer_free(&text);
}

#define DECODES(tokenizer, skip, expected, ...)                                                    \
    check_decoding(tokenizer, (const int32_t[]){__VA_ARGS__},                                      \
                   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), skip, expected)

/* --------------------------------------------------------------------------------------- tests */

static void encodes_words(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    ENCODES(tokenizer, "", START);
    ENCODES(tokenizer, " ", START, 288);
    ENCODES(tokenizer, "hello world", START, 279, 282);
    ENCODES(tokenizer, " hello  world", START, META, 279, META, 282);
    ENCODES(tokenizer, "the cat.", START, 284, 287, 270);
    ENCODES(tokenizer, "hell", START, META, 277);
    ENCODES(tokenizer, "     ", START, 289, 288);
    ENCODES(tokenizer, "aaaaaaa", START, META, 292, 291, 269);
    ENCODES(tokenizer, "\xE2\x96\x81hello", START, META, 279);
    tokenizer_free(tokenizer);
}

static void encodes_what_it_has_no_token_for_in_bytes(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    ENCODES(tokenizer, "\xC3\xA9 \xD0\xB4z", START, META, 271, META, 272, BYTE + 'z');
    ENCODES(tokenizer, "\xE2\x82\xAC", START, META, BYTE + 0xE2, BYTE + 0x82, BYTE + 0xAC);
    ENCODES(tokenizer, "a\0b", START, META, 269, BYTE, BYTE + 'b');
    ENCODES(tokenizer, "\t\n", START, META, BYTE + '\t', BYTE + '\n');
    ENCODES(tokenizer, "<0x41>", START, META, BYTE + '<', BYTE + '0', BYTE + 'x', BYTE + '4',
            BYTE + '1', BYTE + '>');
    tokenizer_free(tokenizer);
}

static void encodes_added_tokens(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    ENCODES(tokenizer, "hello<s>world", START, 279, START, 282);
    ENCODES(tokenizer, "hello</s></s> ", START, 279, END, END, 288);
    ENCODES(tokenizer, "<<ST_10>>", START, 295);
    ENCODES(tokenizer, "<<ST_1>>0>>", START, 294, META, BYTE + '0', BYTE + '>', BYTE + '>');
    ENCODES(tokenizer, "<<ST_", START, META, BYTE + '<', BYTE + '<', BYTE + 'S', BYTE + 'T',
            BYTE + '_');
    ENCODES(tokenizer, "<|en|>hello <|en|> cat", START, 296, 278, 296, 287); /* at word starts */
    ENCODES(tokenizer, "x<|en|>", START, META, BYTE + 'x', BYTE + '<', BYTE + '|', 261, BYTE + 'n',
            BYTE + '|', BYTE + '>');
    tokenizer_free(tokenizer);
}

static void encodes_without_the_template(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    int32_t *ids = NULL;
    size_t count = 7;
    assert_int_equal(tokenizer_encode(tokenizer, "cat", 3, 0, &ids, &count, NULL), PST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 287);
    free(ids);
    assert_int_equal(tokenizer_encode(tokenizer, "", 0, 0, &ids, &count, NULL), PST_OK);
    assert_int_equal(count, 0);
    assert_non_null(ids);
    free(ids);
    tokenizer_free(tokenizer);
}

static void refuses_text_that_is_not_utf8(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    int32_t *ids = (int32_t *)&state, *untouched = ids;
    size_t count = 7;
    pst_error err = {0};
    static const char *const TEXTS[] = {"ab\xFF", "ab\xC3", "ab\xC0\xAF", "ab\xED\xA0\x80"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        pst_status status =
            tokenizer_encode(tokenizer, TEXTS[i], strlen(TEXTS[i]), 1, &ids, &count, &err);
        assert_int_equal(status, PST_ERR_INPUT);
        assert_string_equal(err.message, "text is not UTF-8 at byte 2");
        assert_ptr_equal(ids, untouched);
        assert_int_equal(count, 7);
    }
    tokenizer_free(tokenizer);
}

/* 400,000 characters: 200,000 merges. A loop over all neighbours for each would take minutes. */
static void encodes_a_very_long_word(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    enum { REPEATS = 100000 };
    struct buffer text = {0};
    for (int i = 0; i < REPEATS; i++) buffer_text(&text, "aaaa");
    int32_t *ids = NULL;
    size_t count = 0;
    assert_int_equal(tokenizer_encode(tokenizer, text.data, text.length, 0, &ids, &count, NULL),
                     PST_OK);
    assert_int_equal(count, 1 + REPEATS);
    assert_int_equal(ids[0], META);
    for (size_t i = 1; i < count; i++) assert_int_equal(ids[i], 292);
    free(ids);
    buffer_free(&text);
    tokenizer_free(tokenizer);
}

static void decodes_text(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    check_decoding(tokenizer, NULL, 0, 1, "");
    DECODES(tokenizer, 1, "hello world.", START, 279, 282, 270, END);
    DECODES(tokenizer, 0, "<s> hello world</s>", START, 279, 282, END);
    DECODES(tokenizer, 1, " ", META, META); /* one space is taken off, not all */
    DECODES(tokenizer, 1, "or", 275);
    DECODES(tokenizer, 1, "<|en|> w", 296, 276); /* added, not special */
    DECODES(tokenizer, 1, "hello", 279, 297, 4000, -1, INT32_MAX, INT32_MIN);
    tokenizer_free(tokenizer);
}

static void decodes_runs_of_bytes_whole(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    DECODES(tokenizer, 1, "\xC3\xA9", BYTE + 0xC3, BYTE + 0xA9);
    /* One byte too many, and the good character goes with it. */
    DECODES(tokenizer, 1, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", BYTE + 0xC3, BYTE + 0xA9,
            BYTE + 0xC3);
    DECODES(tokenizer, 1, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", BYTE + 0xED, BYTE + 0xA0,
            BYTE + 0x80);
    /* A special token divides a run unless it is left out; an unknown id never does. */
    DECODES(tokenizer, 1, "\xC3\xA9", BYTE + 0xC3, START, BYTE + 0xA9);
    DECODES(tokenizer, 0, "\xEF\xBF\xBD<s>\xEF\xBF\xBD", BYTE + 0xC3, START, BYTE + 0xA9);
    DECODES(tokenizer, 0, "\xC3\xA9", BYTE + 0xC3, 4000, BYTE + 0xA9);
    DECODES(tokenizer, 1, "a\xC3\xA9o", 269, BYTE + 0xC3, BYTE + 0xA9, 263);
    DECODES(tokenizer, 1, "a", BYTE + ' ', BYTE + 'a'); /* a byte may be the space taken off */
    tokenizer_free(tokenizer);
}

static void describes_tokens(void **state) {
    (void)state;
    struct tokenizer *tokenizer = open_small();
    size_t length = 0;
    assert_int_equal(tokenizer_size(tokenizer), 297);
    assert_true(tokenizer_is_special(tokenizer, END));
    assert_true(tokenizer_is_special(tokenizer, 295));
    assert_false(tokenizer_is_special(tokenizer, 296));
    assert_false(tokenizer_is_special(tokenizer, 297));
    assert_false(tokenizer_is_special(tokenizer, -1));
    assert_memory_equal(tokenizer_token(tokenizer, 295, &length), "<<ST_10>>", 9);
    assert_int_equal(length, 9);
    assert_memory_equal(tokenizer_token(tokenizer, 287, &length),
                        "\xE2\x96\x81"
                        "cat",
                        6);
    assert_int_equal(length, 6);
    assert_null(tokenizer_token(tokenizer, 297, &length));
    assert_null(tokenizer_token(tokenizer, -1, &length));
    tokenizer_free(tokenizer);
}

/* The same behaviour written in other words. */
static void reads_other_spellings(void **state) {
    (void)state;
    static const char *const EDITS[][2] = {
        {"\"version\": \"1.0\",", ""},
        {"\"truncation\": null,", ""},
        {"\"padding\": null", "\"padding\": {\"strategy\": \"BatchLongest\", \"pad_id\": 2}"},
        {"\"pre_tokenizer\": null,", ""},
        {"\"type\": \"BPE\",", ""},
        {"\"dropout\": null,", "\"dropout\": 0.0,"},
        {"\"continuing_subword_prefix\": null,", "\"continuing_subword_prefix\": \"\","},
        {"\"ignore_merges\": false,", ""},
        {"\"hello\"", "\"h\\u0065llo\""},
    };
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        struct tokenizer *tokenizer = parse_edited(EDITS[i][0], EDITS[i][1]);
        ENCODES(tokenizer, "hello world", START, 279, 282);
        tokenizer_free(tokenizer);
    }
}

static void reads_escapes(void **state) {
    (void)state;
    struct tokenizer *tokenizer =
        parse_edited("\"\xD0\xB4\": 272",
                     "\"\\ud83d\\ude00\\u0000\\u00e9\\u20AC\\\"\\\\\\/\\b\\f\\n\\r\\t\": 272");
    size_t length = 0;
    const char *text = tokenizer_token(tokenizer, 272, &length);
    static const char EXPECTED[] = "\xF0\x9F\x98\x80\0\xC3\xA9\xE2\x82\xAC\"\\/\b\f\n\r\t";
    assert_int_equal(length, sizeof EXPECTED - 1);
    assert_memory_equal(text, EXPECTED, length);
    tokenizer_free(tokenizer);
}

static void reads_other_templates(void **state) {
    (void)state;
    struct tokenizer *tokenizer = parse_edited("\"ids\": [\n     1\n    ]", "\"ids\": [2, 270]");
    ENCODES(tokenizer, "cat", END, 270, 287);
    tokenizer_free(tokenizer);
}

static void opens_what_only_encoding_cannot_serve(void **state) {
    (void)state;
    struct tokenizer *tokenizer = parse_edited("\"lstrip\": false", "\"lstrip\": true");
    pst_error err = {0};
    int32_t *ids;
    size_t count;
    DECODES(tokenizer, 1, "hello", START, 279);
    assert_int_equal(tokenizer_encode(tokenizer, "a", 1, 1, &ids, &count, &err),
                     PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "\"<unk>\""));
    tokenizer_free(tokenizer);
}

static void write_file(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void cleans_up_when_the_config_says_so(void **state) {
    (void)state;
    char dir[] = TEST_BINARY_DIR "/tokenizer_XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *json = edited("\"\xC3\xA9\"", "\"'\"");
    write_file(dir, "tokenizer.json", json);
    free(json);
    static const char *const CONFIGS[][3] = {
        {"{\"clean_up_tokenization_spaces\": false}", "a .", NULL},
        {"{}", "a .", NULL},
        {"{\"clean_up_tokenization_spaces\": null}", "a .", NULL},
        {"{\"clean_up_tokenization_spaces\": true,"
         " \"model_max_length\": 1000000000000000019884624838656}",
         "a.", NULL},
        {"{\"clean_up_tokenization_spaces\": 1}", NULL, "is a number, expected true or false"},
        {"[]", NULL, "tokenizer_config.json: holds a list, expected an object"},
        {"{", NULL, "tokenizer_config.json: line 1 column 1: string or '}' expected"},
    };
    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++) {
        struct tokenizer *tokenizer = NULL;
        pst_error err = {0};
        write_file(dir, "tokenizer_config.json", CONFIGS[i][0]);
        pst_status status = tokenizer_open(&tokenizer, dir, &err);
        assert_int_equal(status, CONFIGS[i][1] ? PST_OK : PST_ERR_MODEL);
        if (CONFIGS[i][1])
            DECODES(tokenizer, 1, CONFIGS[i][1], 269, META, 270);
        else
            assert_non_null(strstr(err.message, CONFIGS[i][2]));
        tokenizer_free(tokenizer);
    }
    char path[512];
    snprintf(path, sizeof path, "%s/tokenizer_config.json", dir);
    remove(path);
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    remove(path);
    remove(dir);
}

static void names_a_missing_file(void **state) {
    (void)state;
    struct tokenizer *tokenizer = NULL;
    pst_error err = {0};
    assert_int_equal(tokenizer_open(&tokenizer, "/nowhere", &err), PST_ERR_MODEL);
    assert_string_equal(err.message, "/nowhere/tokenizer.json: no such file");
    assert_null(tokenizer);
}

/* ----------------------------------------------------------------------------------- bad files */

static const struct bad_file {
    const char *name;
    pst_status status;
    const char *message; /* what the message must say */
} BAD_FILES[] = {
    {"added_elsewhere", PST_ERR_MODEL, "\"<s>\" has id 3, expected 1 as in model.vocab"},
    {"added_flag_is_text", PST_ERR_MODEL, "special is a string, expected true or false"},
    {"added_is_object", PST_ERR_MODEL, "added_tokens is an object, expected a list"},
    {"added_is_text", PST_ERR_MODEL, "added_tokens holds a string, expected objects"},
    {"added_over_other", PST_ERR_MODEL, "\"<x>\" has id 5, which model.vocab gives to another"},
    {"added_with_gap", PST_ERR_MODEL, "\"<x>\" has id 9, expected 5, one past all ids so far"},
    {"bad_escape", PST_ERR_MODEL, "model.vocab: byte 1844: expected an escape JSON knows"},
    {"control_character", PST_ERR_MODEL, "model.vocab: byte 1843: expected no control characters"},
    {"cut_at_end", PST_ERR_MODEL, "byte 1894: '}' expected near end of file"},
    {"cut_in_merges", PST_ERR_MODEL, "byte 1885: premature end of input"},
    {"cut_in_vocab", PST_ERR_MODEL, "byte 1852: string or '}' expected near end of file"},
    {"decoder", PST_ERR_UNSUPPORTED, "decoder is {\"type\":\"ByteLevel\""},
    {"decoder_strips_two", PST_ERR_UNSUPPORTED, "decoder is {\"type\":\"Sequence\""},
    {"dropout", PST_ERR_UNSUPPORTED, "model.dropout is 0.1"},
    {"empty", PST_ERR_MODEL, "byte 0: '[' or '{' expected near end of file"},
    {"half_surrogate", PST_ERR_MODEL, "model.vocab: byte 1848: expected an escape JSON knows"},
    {"huge_id", PST_ERR_MODEL, "model.vocab: byte 1822: expected an id from 0 to 1048575"},
    {"id_is_fraction", PST_ERR_MODEL, "model.vocab: byte 1812: expected a comma or the end"},
    {"id_is_text", PST_ERR_MODEL, "model.vocab: byte 1811: expected an id from 0 to 1048575"},
    {"id_twice", PST_ERR_MODEL, "model.vocab gives id 2 to \"a\" and to \"b\""},
    {"ignore_merges", PST_ERR_UNSUPPORTED, "model.ignore_merges is true, expected none"},
    {"list", PST_ERR_MODEL, "holds a list, expected an object"},
    {"merge_is_number", PST_ERR_MODEL, "model.merges: byte 1882: expected a string"},
    {"merge_list_of_one", PST_ERR_MODEL, "model.merges: byte 1895: expected a comma"},
    {"merge_of_one", PST_ERR_MODEL, "model.merges: byte 1886: expected two tokens with one space"},
    {"merge_of_three", PST_ERR_MODEL, "model.merges: byte 1889: expected two tokens with one"},
    {"merge_of_unknown", PST_ERR_MODEL, "\"a\" and \"c\" at byte 1887: the second is not in"},
    {"merge_to_unknown", PST_ERR_MODEL, "what they make together is not in the vocabulary"},
    {"negative_id", PST_ERR_MODEL, "model.vocab: byte 1822: expected an id from 0 to 1048575"},
    {"no_merges", PST_ERR_MODEL, "model.merges is missing, expected a list"},
    {"no_model", PST_ERR_MODEL, "model is missing, expected an object"},
    {"no_normalizer", PST_ERR_UNSUPPORTED, "normalizer is null, expected {\"type\":\"Sequence\""},
    {"normalizer_lowercase", PST_ERR_UNSUPPORTED, "normalizer is {\"type\":\"Lowercase\"}"},
    {"not_utf8", PST_ERR_MODEL, "byte 1854 is not UTF-8"},
    {"post_processor", PST_ERR_UNSUPPORTED, "post_processor is {\"type\":\"ByteLevel\""},
    {"pre_tokenizer", PST_ERR_UNSUPPORTED, "pre_tokenizer is {\"type\":\"Metaspace\""},
    {"subword_prefix", PST_ERR_UNSUPPORTED, "model.continuing_subword_prefix is \"##\""},
    {"template_bad_id", PST_ERR_MODEL, "an id of \"<s>\" is not from 0 to 1048575"},
    {"template_without_ids", PST_ERR_MODEL, "post_processor: \"<s>\" has no ids"},
    {"template_without_text", PST_ERR_UNSUPPORTED, "expected special tokens around A"},
    {"token_twice", PST_ERR_MODEL, "model.vocab has \"a\" twice, as 2 and 3"},
    {"two_models", PST_ERR_MODEL, "byte 1596: duplicate object key"},
    {"unigram", PST_ERR_UNSUPPORTED, "model.type is \"Unigram\", expected \"BPE\""},
    {"unk_unknown", PST_ERR_MODEL, "unk_token \"[UNK]\" is not in model.vocab"},
    {"version", PST_ERR_UNSUPPORTED, "version is \"2.0\", expected \"1.0\""},
    {"vocab_list", PST_ERR_MODEL, "model.vocab is a list, expected an object"},
    {"word_suffix", PST_ERR_UNSUPPORTED, "model.end_of_word_suffix is \"</w>\", expected none"},
};

static void refuses_bad_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BAD_FILES / sizeof *BAD_FILES; i++) {
        const struct bad_file *bad = &BAD_FILES[i];
        struct file_view view;
        struct tokenizer *tokenizer = NULL;
        pst_error err = {0};
        char path[512];
        snprintf(path, sizeof path, "%s/%s.json", BAD, bad->name);
        assert_int_equal(file_view_open(&view, path, 1 << 20, &err), PST_OK);
        pst_status status =
            tokenizer_parse(&tokenizer, (const char *)view.data, view.size, bad->name, &err);
        file_view_close(&view);
        assert_null(tokenizer);
        if (status != bad->status || !strstr(err.message, bad->message))
            fail_msg("%s: status %d: %s", bad->name, (int)status, err.message);
        assert_memory_equal(err.message, bad->name, strlen(bad->name)); /* says which file */
    }
}

static void knows_every_bad_file(void **state) {
    (void)state;
    assert_int_equal(folder_entries(BAD), sizeof BAD_FILES / sizeof *BAD_FILES);
}

static void refuses_a_file_cut_anywhere(void **state) {
    (void)state;
    char *json = edited("\"1.0\"", "\"1.0\"");
    size_t length = strlen(json);
    for (size_t cut = 0; cut < length - 1; cut += cut < length - 200 ? 37 : 1) {
        struct tokenizer *tokenizer = NULL;
        char *copy = malloc(cut + 1); /* exact, so that ASan sees one byte too far */
        assert_non_null(copy);
        memcpy(copy, json, cut);
        assert_int_equal(tokenizer_parse(&tokenizer, copy, cut, "cut", NULL), PST_ERR_MODEL);
        assert_null(tokenizer);
        free(copy);
    }
    free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_words),
        cmocka_unit_test(encodes_what_it_has_no_token_for_in_bytes),
        cmocka_unit_test(encodes_added_tokens),
        cmocka_unit_test(encodes_without_the_template),
        cmocka_unit_test(refuses_text_that_is_not_utf8),
        cmocka_unit_test(encodes_a_very_long_word),
        cmocka_unit_test(decodes_text),
        cmocka_unit_test(decodes_runs_of_bytes_whole),
        cmocka_unit_test(describes_tokens),
        cmocka_unit_test(reads_other_spellings),
        cmocka_unit_test(reads_escapes),
        cmocka_unit_test(reads_other_templates),
        cmocka_unit_test(opens_what_only_encoding_cannot_serve),
        cmocka_unit_test(cleans_up_when_the_config_says_so),
        cmocka_unit_test(names_a_missing_file),
        cmocka_unit_test(refuses_bad_files),
        cmocka_unit_test(knows_every_bad_file),
        cmocka_unit_test(refuses_a_file_cut_anywhere),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
