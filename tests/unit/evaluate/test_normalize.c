/* test_normalize.c - what the reference script's normaliser keeps and lowers; as
 * Python 3.11 has it. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "evaluate/normalize.h"
#include "potstill_tools.h"

static void check(const char *text, const char *expected) {
    char *normalized = NULL;
    pst_error err = {0};
    assert_int_equal(pst_normalize_text(text, &normalized, &err), PST_OK);
    assert_string_equal(normalized, expected);
    free(normalized);
}

static void drops_punctuation(void **state) {
    (void)state;
    check("", "");
    check("...", "");
    check("Don't stop, twenty-one U.S. dollars!", "dont stop twentyone us dollars");
    check("snake_case \xE2\x96\x81x", "snake_case x");
    check("a  b\tc\n", "a  b\tc"); /* white space inside stays as it is */
    check("\xC2\xBF"
          "D\xC3\xB3nde? \xC2\xAB"
          "aqu\xC3\xAD\xC2\xBB",
          "d\xC3\xB3nde aqu\xC3\xAD");
    check("3\xC2\xBD \xE2\x85\xA3 \xC2\xB2",
          "3\xC2\xBD \xE2\x85\xB3 \xC2\xB2"); /* numbers of all kinds */
}

static void drops_marks(void **state) {
    (void)state;
    check("e\xCC\x81t", "et"); /* combining acute */
    check("\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87",
          "\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA4\xA4"); /* virama and vowel sign */
    check("\xF0\x9F\x98\x80 ok", "ok");
}

static void lowers_fully(void **state) {
    (void)state;
    check("\xC3\x84\xC3\x96 STRASSE \xD0\x9C\xD0\x98\xD0\xA0",
          "\xC3\xA4\xC3\xB6 strasse \xD0\xBC\xD0\xB8\xD1\x80");
    check("\xC4\xB0", "i\xCC\x87");    /* the dot comes after the marks have gone */
    check("\xE1\xBA\x9E", "\xC3\x9F"); /* capital sharp s */
    check("\xC7\x85", "\xC7\x86");     /* a title-case letter */
}

#define SIGMA "\xCE\xA3"
#define SMALL "\xCF\x83"
#define FINAL "\xCF\x82"

static void lowers_sigma_by_its_neighbours(void **state) {
    (void)state;
    check(SIGMA, SMALL);
    check("A" SIGMA, "a" FINAL);
    check("A" SIGMA "B", "a" SMALL "b");
    check("A" SIGMA " B", "a" FINAL " b");
    check("A " SIGMA, "a " SMALL);
    check("A\xCA\xB0" SIGMA "\xCA\xB0",
          "a\xCA\xB0" FINAL "\xCA\xB0"); /* modifier letters count not */
    check("A" SIGMA "\xCA\xB0"
          "B",
          "a" SMALL "\xCA\xB0"
          "b");
    check("\xE2\x85\xA3" SIGMA, "\xE2\x85\xB3" FINAL); /* a Roman numeral has case, */
    check("1" SIGMA, "1" SMALL);                       /* a digit has none */
    check("A'" SIGMA "'B", "a" SMALL "b");             /* punctuation is gone before */
    check(" A" SIGMA " ", "a" FINAL);
}

static void strips_all_white_space(void **state) {
    (void)state;
    static const char *const SPACES[] = {" ",
                                         "\t",
                                         "\n",
                                         "\v",
                                         "\f",
                                         "\r",
                                         "\x1C",
                                         "\x1F",
                                         "\xC2\x85",
                                         "\xC2\xA0",
                                         "\xE1\x9A\x80",
                                         "\xE2\x80\x80",
                                         "\xE2\x80\x8A",
                                         "\xE2\x80\xA8",
                                         "\xE2\x80\xA9",
                                         "\xE2\x80\xAF",
                                         "\xE2\x81\x9F",
                                         "\xE3\x80\x80"};
    for (size_t i = 0; i < sizeof SPACES / sizeof *SPACES; i++) {
        char text[32], expected[32];
        strcpy(text, SPACES[i]);
        strcat(text, "a");
        strcat(text, SPACES[i]);
        strcat(text, "b");
        strcat(text, SPACES[i]);
        strcpy(expected, "a");
        strcat(expected, SPACES[i]);
        strcat(expected, "b");
        check(text, expected);
    }
    check("\xE2\x80\x8B"
          "a",
          "a"); /* a zero-width space is no space, yet no word character */
}

/* Letters of Unicode 15 and later: unassigned for Python 3.11, whatever utf8proc knows. */
static void knows_unicode_14(void **state) {
    (void)state;
    check("a\xF0\xB1\x8D\x90"
          "b",
          "ab"); /* U+31350, added in 15.0 */
    check("a\xF0\xAE\xAF\xB0"
          "b",
          "ab"); /* U+2EBF0, added in 15.1 */
    check("a\xF0\x91\x8E\x80"
          "b",
          "ab"); /* U+11380, added in 16.0 */
    check("a\xF0\xB1\x8D\x8A"
          "b",
          "a\xF0\xB1\x8D\x8A"
          "b"); /* U+3134A, there since 13.0 */
}

static void refuses_what_is_no_text(void **state) {
    (void)state;
    char *normalized = (char *)&state, *untouched = normalized;
    pst_error err = {0};
    assert_int_equal(pst_normalize_text("ab\xFF", &normalized, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "text is not UTF-8 at byte 2");
    assert_int_equal(pst_normalize_text(NULL, &normalized, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_normalize_text("a", NULL, NULL), PST_ERR_ARGUMENT);
    assert_ptr_equal(normalized, untouched);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_punctuation),
        cmocka_unit_test(drops_marks),
        cmocka_unit_test(lowers_fully),
        cmocka_unit_test(lowers_sigma_by_its_neighbours),
        cmocka_unit_test(strips_all_white_space),
        cmocka_unit_test(knows_unicode_14),
        cmocka_unit_test(refuses_what_is_no_text),
    };
    return cmocka_run_group_tests_name("normalize", tests, NULL, NULL);
}
