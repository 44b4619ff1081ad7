/* test_normalizer.c - the choice of a normalisation, and maps of words that count as equal. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "potstill_tools.h"

static void gives(pst_normalization kind, const char *map, const char *text, const char *expected) {
    pst_normalizer *normalizer = NULL;
    pst_error err = {0};
    char *normalized = NULL;
    assert_int_equal(pst_normalizer_open(kind, map, "m.txt", &normalizer, &err), PST_OK);
    assert_int_equal(pst_normalizer_apply(normalizer, text, &normalized, &err), PST_OK);
    assert_string_equal(normalized, expected);
    pst_free(normalized);
    pst_normalizer_free(normalizer);
}

static void refuses(const char *map, const char *message) {
    pst_normalizer *normalizer = NULL;
    pst_error err = {0};
    assert_int_equal(pst_normalizer_open(PST_NORMALIZE_SCRIPT, map, "m.txt", &normalizer, &err),
                     PST_ERR_INPUT);
    assert_string_equal(err.message, message);
    assert_null(normalizer);
}

static void kinds_differ(void **state) {
    (void)state;
    gives(PST_NORMALIZE_NONE, NULL, " Don't!  stop ", " Don't!  stop ");
    gives(PST_NORMALIZE_SCRIPT, NULL, " Don't!  stop ", "dont  stop");
    gives(PST_NORMALIZE_NONE, NULL, "", "");
    /* whisper-normalizer's own results */
    gives(PST_NORMALIZE_WHISPER_BASIC, NULL, " Don't!  <i>[noise] stop ", " don t stop ");
    gives(PST_NORMALIZE_WHISPER_BASIC, NULL, "(hm) A () b (c", " a b c");
    gives(PST_NORMALIZE_WHISPER_BASIC, NULL, "\xCE\x9F\xCE\x94\xCE\x9F\xCE\xA3.",
          "\xCE\xBF\xCE\xB4\xCE\xBF\xCF\x82 ");
    gives(PST_NORMALIZE_WHISPER_BASIC, NULL, "", "");
}

static void maps_the_longest_words(void **state) {
    (void)state;
    const char *map = "# what the tower says\n"
                      "\n"
                      "Okay = OK\r\n"
                      "new york = nyc\n"
                      "new york city = nyc\n"
                      "um =\n"
                      "gonna = going to";
    gives(PST_NORMALIZE_SCRIPT, map, "Okay, New York", "ok nyc");
    gives(PST_NORMALIZE_SCRIPT, map, "new york city, new york", "nyc nyc");
    gives(PST_NORMALIZE_SCRIPT, map, "um, new", "new");
    gives(PST_NORMALIZE_SCRIPT, map, "um", "");
    gives(PST_NORMALIZE_SCRIPT, map, "I'm gonna", "im going to");
    gives(PST_NORMALIZE_NONE, map, "okay Okay", "okay OK");
    gives(PST_NORMALIZE_SCRIPT, "a = b\nb = c\na = d\n", "a b", "b c"); /* once, and the first */
    gives(PST_NORMALIZE_SCRIPT, "", "a  b", "a b");
}

static void refuses_wrong_maps(void **state) {
    (void)state;
    refuses("a = b\nwords\n", "m.txt:2: has no \"=\", expected FROM = TO: words, and those that "
                              "stand for them");
    refuses(" = b\n", "m.txt:1: no word before \"=\", expected FROM = TO");
    refuses("\n ?! = b\n", "m.txt:2: no word before \"=\", expected FROM = TO");
    refuses("a = \xFF\n", "m.txt: is not UTF-8 at byte 4");
    pst_error err = {0};
    pst_normalizer *normalizer = NULL;
    assert_int_equal(pst_normalizer_open((pst_normalization)99, NULL, NULL, &normalizer, &err),
                     PST_ERR_ARGUMENT);
    char *normalized = NULL;
    assert_int_equal(pst_normalizer_apply(NULL, "a\xFF", &normalized, &err), PST_ERR_INPUT);
    assert_int_equal(pst_normalizer_apply(NULL, NULL, &normalized, &err), PST_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_differ),
        cmocka_unit_test(maps_the_longest_words),
        cmocka_unit_test(refuses_wrong_maps),
    };
    return cmocka_run_group_tests_name("normalizer", tests, NULL, NULL);
}
