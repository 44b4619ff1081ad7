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

/* Results of whisper-normalizer 0.1.15; a hundred thousand more are compared live. */
static void english_is_written_one_way(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"Mr. Smith won't, hmm, say it's (laughs) done!", "mister smith will not say it is done"},
        {"twenty one thousand and five dollars", "$21005"},
        {"two and a half million, $2 and 7 cents", "2500000 $2.07"},
        {"nineteen sixties, the 3 rd one oh one", "1960s the 3rd 101"},
        {"minus ten point five per cent of \xC2\xA3"
         "1,000.",
         "-10.5% of \xC2\xA3"
         "1000"},
        {"double seven one decillion", "771000000000000000000000000000000000"},
        {"The colour of a caf\xC3\xA9", "the color of a cafe"},
        {"one or ones", "one or ones"},
        {"", ""}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        gives(PST_NORMALIZE_WHISPER_ENGLISH, NULL, texts[i][0], texts[i][1]);
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
        cmocka_unit_test(english_is_written_one_way),
        cmocka_unit_test(maps_the_longest_words),
        cmocka_unit_test(refuses_wrong_maps),
    };
    return cmocka_run_group_tests_name("normalizer", tests, NULL, NULL);
}
