/* test_spoken_words.c - the words that are compared have the times of those they were made of. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval/spoken_words.h"

/* The words of a row; spoken_words_free() after use. */
static void read_words(struct spoken_words *words, const char *json) {
    json_t *row = json_loads(json, 0, NULL);
    assert_non_null(row);
    *words = (struct spoken_words){0};
    spoken_words_read(words, row);
    json_decref(row);
}

/* The times of what `kind` makes of `text`, "0.5-1 -": "-" where there is none. */
static void expect_times(pst_normalization kind, const char *json, const char *text,
                         const char *expected) {
    struct spoken_words words;
    pst_normalizer *normalizer = NULL;
    pst_alignment alignment;
    char times[200] = "";
    read_words(&words, json);
    assert_int_equal(pst_normalizer_open(kind, NULL, NULL, &normalizer, NULL), PST_OK);
    assert_int_equal(pst_eval_align(normalizer, "a b c", text, &alignment, NULL), PST_OK);
    struct time_span *spans = spoken_words_align(&words, normalizer, &alignment);
    assert_non_null(spans);
    size_t at = 0, length = 0;
    for (size_t i = 0; i < alignment.edit_count; i++) {
        if (!alignment.edits[i].hypothesis) continue;
        const struct time_span span = spans[at++];
        if (isnan(span.start))
            length += (size_t)snprintf(times + length, sizeof times - length, "- ");
        else
            length += (size_t)snprintf(times + length, sizeof times - length, "%g-%g ", span.start,
                                       span.end);
    }
    if (length) times[length - 1] = '\0';
    assert_string_equal(times, expected);
    free(spans);
    pst_alignment_free(&alignment);
    pst_normalizer_free(normalizer);
    spoken_words_free(&words);
}

static void words_have_their_times(void **state) {
    (void)state;
    expect_times(PST_NORMALIZE_SCRIPT,
                 "{\"words\": [[\"A\", 0, 0.5], [\"Bee,\", 1, 1.5], [\"-\", 2, 2.5],"
                 " [\"c.\", 3, 4]]}",
                 "A Bee, - c.", "0-0.5 1-1.5 3-4");
    /* what was said as one word and is compared as two: half of the time each */
    expect_times(PST_NORMALIZE_WHISPER_BASIC, "{\"words\": [[\"twenty-one\", 1, 2]]}", "twenty-one",
                 "1-1.5 1.5-2");
    /* and the other way round */
    expect_times(PST_NORMALIZE_WHISPER_ENGLISH,
                 "{\"words\": [[\"Flight\", 0, 1], [\"two\", 1, 2], [\"hundred\", 2, 3],"
                 " [\"ten\", 3, 4], [\"now.\", 4, 5]]}",
                 "Flight two hundred ten now.", "0-1 1-4 4-5");
    /* a script without spaces, whose characters have a time each */
    expect_times(PST_NORMALIZE_SCRIPT,
                 "{\"words\": [[\"\u65e5\", 0, 1], [\"\u672c\", 1, 2], [\"\u8a9e\", 2, 3]]}",
                 "\u65e5\u672c\u8a9e", "0-3");
    expect_times(PST_NORMALIZE_SCRIPT, "{\"words\": []}", "", "");
    /* a word that nobody timed */
    expect_times(PST_NORMALIZE_SCRIPT, "{\"words\": [[\"a\", 0, 1]]}", "a b", "0-1 -");
}

static void forms_of_words(void **state) {
    (void)state;
    static const char *const same[] = {
        "{\"words\": [[\"a\", 0.5, 1], [\"b\", 1, 2.25]]}",
        "{\"words\": [{\"word\": \"a\", \"start\": 0.5, \"end\": 1},"
        " {\"word\": \"b\", \"start\": 1, \"end\": 2.25, \"probability\": 0.5}]}",
        "{\"segments\": [{\"words\": [[\"a\", 0.5, 1]]}, {\"words\": [[\"b\", 1, 2.25]]}]}"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct spoken_words words;
        char text[100] = "";
        read_words(&words, same[i]);
        FILE *stream = fmemopen(text, sizeof text, "w");
        assert_non_null(stream);
        spoken_words_print(stream, &words);
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(text, "[[\"a\", 0.5, 1], [\"b\", 1, 2.25]]");
        spoken_words_free(&words);
    }
}

/* What is no list of words gives no times, rather than some. */
static void other_things_are_no_words(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "{\"words\": 3}",
        "{\"words\": [[\"a\", 0.5, 1], \"b\"]}",
        "{\"words\": [[\"a\", 0.5]]}",
        "{\"words\": [[1, 0.5, 1]]}",
        "{\"words\": [{\"word\": \"a\", \"start\": \"0\", \"end\": 1}]}",
        "{\"segments\": []}",
        "{\"segments\": [{\"words\": [[\"a\", 0.5, 1]]}, {\"text\": \"b\"}]}",
        "{\"segments\": 1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct spoken_words words;
        read_words(&words, wrong[i]);
        assert_int_equal(words.known, 0);
        assert_int_equal(words.count, 0);
        spoken_words_free(&words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_their_times),
        cmocka_unit_test(forms_of_words),
        cmocka_unit_test(other_things_are_no_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
