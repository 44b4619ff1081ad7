/* test_drafts.c - what is proposed for how a text goes on. */
#include "support/test.h"

#include <string.h>

#include "decode/drafts.h"

enum { START = 1, END = 2, MOST = 7 };

#define TEXT(...)                                                                                  \
    { (const int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t), 0 }

static void expect(const pst_sequence_bias *texts, size_t count, const pst_sequence_bias *so_far,
                   size_t most, const pst_sequence_bias *expected) {
    const pst_decode_options options = {.drafts = texts, .drafts_count = count};
    const struct rules rules = {.options = &options, .ends = {.ids = {END}, .count = 1}};
    int32_t tokens[20 + MOST];
    memcpy(tokens, so_far->tokens, so_far->count * sizeof *tokens);
    size_t found = drafts_propose(&rules, tokens, so_far->count, most);
    assert_int_equal(found, expected ? expected->count : 0);
    if (expected)
        assert_memory_equal(tokens + so_far->count, expected->tokens, found * sizeof *tokens);
}

/* The same text as before is followed as far as there is room, and never into its end. */
static void an_earlier_text(void **state) {
    (void)state;
    const pst_sequence_bias text = TEXT(START, 10, 11, 12, 13, 14, 15, 16, 17, 18, END);
    expect(&text, 1, &(pst_sequence_bias)TEXT(START), MOST,
           &(pst_sequence_bias)TEXT(10, 11, 12, 13, 14, 15, 16));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START), 2, &(pst_sequence_bias)TEXT(10, 11));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START), 0, NULL);
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 10, 11, 12, 13, 14, 15, 16), MOST,
           &(pst_sequence_bias)TEXT(17, 18));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 10, 11, 12, 13, 14, 15, 16, 17, 18), MOST,
           NULL);
}

/* After a word that is another now, the rest may be what it was; after one more, or one less, it is
 * found by the words in front. */
static void a_text_that_has_changed(void **state) {
    (void)state;
    const pst_sequence_bias text = TEXT(START, 10, 11, 12, 13, 14, 15, 16, END);
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 10, 90), MOST,
           &(pst_sequence_bias)TEXT(12, 13));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 10, 90, 11), MOST,
           &(pst_sequence_bias)TEXT(12, 13, 14));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 10, 90, 11, 12), MOST,
           &(pst_sequence_bias)TEXT(13, 14, 15, 16));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 12), MOST,
           &(pst_sequence_bias)TEXT(13, 14, 15));
    expect(&text, 1, &(pst_sequence_bias)TEXT(START, 90, 11), MOST,
           &(pst_sequence_bias)TEXT(12, 13, 14, 15)); /* as deep as before, too */
}

/* A phrase is found by its first words, anywhere; the longest match counts, then the order. */
static void phrases(void **state) {
    (void)state;
    const pst_sequence_bias all[] = {TEXT(20, 21, 22, 23, 24), TEXT(30, 21, 25, 26), TEXT(40),
                                     TEXT(20, 21, 28, 29)};
    expect(all, 4, &(pst_sequence_bias)TEXT(START), MOST, NULL);
    expect(all, 4, &(pst_sequence_bias)TEXT(START, 9, 20), MOST,
           &(pst_sequence_bias)TEXT(21, 22, 23));
    expect(all, 4, &(pst_sequence_bias)TEXT(START, 9, 30, 21), MOST,
           &(pst_sequence_bias)TEXT(25, 26));
    expect(all, 4, &(pst_sequence_bias)TEXT(START, 21), MOST, &(pst_sequence_bias)TEXT(22, 23, 24));
    expect(all, 4, &(pst_sequence_bias)TEXT(START, 40), MOST, NULL);
    expect(all, 0, &(pst_sequence_bias)TEXT(START, 20), MOST, NULL);
}

/* What goes round in a circle goes on doing so. */
static void what_was_said_before(void **state) {
    (void)state;
    const pst_sequence_bias other = TEXT(12, 50, 51);
    expect(&other, 0, &(pst_sequence_bias)TEXT(START, 11, 12, 11, 12), MOST,
           &(pst_sequence_bias)TEXT(11, 12, 11, 12, 11));
    expect(&other, 0, &(pst_sequence_bias)TEXT(START, 11, 12, 13, 12), MOST, NULL);
    expect(&other, 1, &(pst_sequence_bias)TEXT(START, 11, 12, 13, 12), MOST,
           &(pst_sequence_bias)TEXT(50, 51));
    expect(&other, 1, &(pst_sequence_bias)TEXT(START, 11, 12, 13, 11, 12), MOST,
           &(pst_sequence_bias)TEXT(13, 11, 12, 13, 11));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_earlier_text),
        cmocka_unit_test(a_text_that_has_changed),
        cmocka_unit_test(phrases),
        cmocka_unit_test(what_was_said_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
