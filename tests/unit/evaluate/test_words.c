/* test_words.c - word counts as jiwer 4.0.0 has them, ties and all; the numbers are its own. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "evaluate/align.h"
#include "evaluate/words.h"
#include "potstill_tools.h"

static void check(const char *reference, const char *hypothesis, int normalize,
                  pst_word_counts expected) {
    pst_word_counts counts = {0};
    pst_error err = {0};
    assert_int_equal(pst_score_words(reference, hypothesis, normalize, &counts, &err), PST_OK);
    assert_int_equal(counts.substitutions, expected.substitutions);
    assert_int_equal(counts.deletions, expected.deletions);
    assert_int_equal(counts.insertions, expected.insertions);
    assert_int_equal(counts.hits, expected.hits);
}

#define COUNTS(s, d, i, h) ((pst_word_counts){(s), (d), (i), (h)})

static void counts_edits(void **state) {
    (void)state;
    check("", "", 0, COUNTS(0, 0, 0, 0));
    check("", "a b", 0, COUNTS(0, 0, 2, 0));
    check("a b", "", 0, COUNTS(0, 2, 0, 0));
    check("a b c", "a b c", 0, COUNTS(0, 0, 0, 3));
    check("a b c", "a x c", 0, COUNTS(1, 0, 0, 2));
    check("a b c", "a c", 0, COUNTS(0, 1, 0, 2));
    check("a c", "a b c", 0, COUNTS(0, 0, 1, 2));
    check("the cat sat on the mat", "the cat on mat sat", 0, COUNTS(2, 1, 0, 3));
}

/* Two ways of cost two: both words replaced, or one struck out and one added. */
static void breaks_ties_as_jiwer_does(void **state) {
    (void)state;
    check("a b", "b a", 0, COUNTS(0, 1, 1, 1));
    check("a b", "b c", 0, COUNTS(2, 0, 0, 0));
    check("a b", "c a", 0, COUNTS(0, 1, 1, 1));
    check("a b c", "c a b", 0, COUNTS(0, 1, 1, 2));
    check("a b c d", "d c b a", 0, COUNTS(2, 1, 1, 1));
    check("a b a c", "b c a d e", 0, COUNTS(3, 0, 1, 1));
    check("a a b c", "c b a", 0, COUNTS(2, 1, 0, 1));
    check("a b b c", "b c c a", 0, COUNTS(1, 1, 1, 2));
    check("a b c a", "d a c b", 0, COUNTS(1, 1, 1, 2));
}

static void divides_words_as_jiwer_does(void **state) {
    (void)state;
    check("  a   b  ", "a b", 0, COUNTS(0, 0, 0, 2));
    check("a\tb", "a b", 0, COUNTS(1, 0, 1, 0)); /* a lone tab divides nothing, */
    check("a\tb", "a\tb", 0, COUNTS(0, 0, 0, 1));
    check("a\t\nb", "a b", 0, COUNTS(0, 0, 0, 2)); /* two characters do */
    check("a \xC2\xA0"
          "b",
          "a b", 0, COUNTS(0, 0, 0, 2));
    check("\ta\n", "a", 0, COUNTS(0, 0, 0, 1));
    check("\t", " ", 0, COUNTS(0, 0, 0, 0));
    check("a\xE2\x80\x8B"
          "b",
          "a b", 0, COUNTS(1, 0, 1, 0)); /* U+200B is no white space */
}

static void compares_as_written_unless_normalized(void **state) {
    (void)state;
    check("Hello, World!", "hello world", 0, COUNTS(2, 0, 0, 0));
    check("Hello, World!", "hello world", 1, COUNTS(0, 0, 0, 2));
    check("- a -", "a", 1, COUNTS(0, 0, 0, 1));
    check("...", "a", 1, COUNTS(0, 0, 1, 0));
}

static void adds_up(void **state) {
    (void)state;
    pst_word_counts counts = {1, 2, 3, 4};
    assert_int_equal(pst_score_words("a b", "a c", 0, &counts, NULL), PST_OK);
    assert_int_equal(counts.substitutions, 2);
    assert_int_equal(counts.deletions, 2);
    assert_int_equal(counts.insertions, 3);
    assert_int_equal(counts.hits, 5);
}

static void divides_errors_by_words(void **state) {
    (void)state;
    assert_true(pst_word_error_rate(&COUNTS(1, 2, 3, 5)) == 0.75);
    assert_true(pst_word_error_rate(&COUNTS(0, 0, 0, 5)) == 0.0);
    assert_true(pst_word_error_rate(&COUNTS(0, 0, 0, 0)) == 0.0);
    assert_true(pst_word_error_rate(&COUNTS(0, 0, 7, 0)) == 7.0);
}

static void refuses_what_is_no_text(void **state) {
    (void)state;
    pst_word_counts counts = {1, 2, 3, 4};
    pst_error err = {0};
    for (int normalize = 0; normalize < 2; normalize++) {
        assert_int_equal(pst_score_words("a", "a \xC3", normalize, &counts, &err), PST_ERR_INPUT);
        assert_string_equal(err.message, "text is not UTF-8 at byte 2");
        assert_int_equal(pst_score_words("\xFF", "a", normalize, &counts, &err), PST_ERR_INPUT);
        assert_string_equal(err.message, "text is not UTF-8 at byte 0");
    }
    assert_int_equal(pst_score_words(NULL, "a", 0, &counts, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_score_words("a", NULL, 0, &counts, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_score_words("a", "a", 0, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(counts.substitutions, 1);
    assert_int_equal(counts.hits, 4);
}

static void refuses_too_many_words(void **state) {
    (void)state;
    struct buffer text = {0};
    struct word_list list;
    pst_error err = {0};
    for (int i = 0; i < WORDS_LIMIT; i++) buffer_text(&text, "a ");
    assert_int_equal(words_split(&list, text.data, text.length, &err), PST_OK);
    assert_int_equal(list.count, WORDS_LIMIT);
    words_free(&list);
    buffer_text(&text, "a");
    assert_int_equal(words_split(&list, text.data, text.length, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "text of more than 100000 words");
    assert_int_equal(list.count, 0);
    buffer_free(&text);
}

/* ----------------------------------------------------------------------------- against a table */

/* The distance by the textbook. */
static size_t distance(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count) {
    size_t *row = malloc((a_count + 1) * sizeof *row);
    assert_non_null(row);
    for (size_t i = 0; i <= a_count; i++) row[i] = i;
    for (size_t j = 1; j <= b_count; j++) {
        size_t corner = row[0];
        row[0] = j;
        for (size_t i = 1; i <= a_count; i++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            corner = row[i];
            if (row[i] + 1 < best) best = row[i] + 1;
            if (row[i - 1] + 1 < best) best = row[i - 1] + 1;
            row[i] = best;
        }
    }
    size_t result = row[a_count];
    free(row);
    return result;
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Walks along both sequences as the path says, to their ends; returns its errors. */
static size_t follow(const uint8_t *path, size_t length, const uint32_t *a, size_t a_count,
                     const uint32_t *b, size_t b_count) {
    size_t i = 0, j = 0, errors = 0;
    for (size_t step = 0; step < length; step++) {
        if (path[step] == PST_EDIT_EQUAL || path[step] == PST_EDIT_SUBSTITUTION)
            assert_int_equal(path[step] == PST_EDIT_EQUAL, a[i] == b[j]);
        i += path[step] != PST_EDIT_INSERTION;
        j += path[step] != PST_EDIT_DELETION;
        errors += path[step] != PST_EDIT_EQUAL;
        assert_true(i <= a_count && j <= b_count);
    }
    assert_true(i == a_count && j == b_count);
    return errors;
}

/* Sizes past four million cells are cut and put together; nothing may get lost there. */
static void finds_the_cheapest_way(void **state) {
    (void)state;
    static const size_t SIZES[][2] = {{1, 1},     {63, 65},     {64, 64},
                                      {300, 200}, {2100, 2100}, {3000, 1500}};
    static const uint32_t KINDS[] = {2, 40, 5000};
    uint32_t seed = 1;
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
            size_t n = SIZES[s][0], m = SIZES[s][1];
            uint32_t *words = malloc((n + m) * sizeof *words);
            assert_non_null(words);
            for (size_t i = 0; i < n; i++) words[i] = next_random(&seed) % KINDS[k];
            for (size_t i = 0; i < m; i++) /* most of them as in the reference, a little later */
                words[n + i] = i >= 3 && i - 3 < n && next_random(&seed) % 4
                                   ? words[i - 3]
                                   : next_random(&seed) % KINDS[k];
            uint8_t *path = malloc(n + m);
            size_t length = 0, errors = 0;
            assert_non_null(path);
            assert_int_equal(align_path(words, n, words + n, m, KINDS[k], path, &length, NULL),
                             PST_OK);
            assert_int_equal(follow(path, length, words, n, words + n, m),
                             distance(words, n, words + n, m));
            assert_int_equal(align_distance(words, n, words + n, m, KINDS[k], &errors, NULL),
                             PST_OK);
            assert_int_equal(errors, distance(words, n, words + n, m));
            free(path);
            free(words);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_edits),
        cmocka_unit_test(breaks_ties_as_jiwer_does),
        cmocka_unit_test(divides_words_as_jiwer_does),
        cmocka_unit_test(compares_as_written_unless_normalized),
        cmocka_unit_test(adds_up),
        cmocka_unit_test(divides_errors_by_words),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(refuses_too_many_words),
        cmocka_unit_test(finds_the_cheapest_way),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
