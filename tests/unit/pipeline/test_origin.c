/* test_origin.c - which texts come of speech. The numbers are those of recorded sounds. */
#include "support/test.h"

#include <math.h>

#include "pipeline/speech/origin.h"

struct heard {
    struct evidence evidence; /* speech, seconds of it and in all, logprob, tokens */
    enum origin least, most;
};

static void check(const struct heard *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        enum origin found = origin_find(&list[i].evidence);
        if (found < list[i].least || found > list[i].most)
            fail_msg("text %zu is %d, expected %d to %d", i, (int)found, (int)list[i].least,
                     (int)list[i].most);
    }
}
#define CHECK(list) check(list, sizeof(list) / sizeof *(list))

static void words_of_whispers_stay(void **state) {
    (void)state;
    static const struct heard whispers[] = {
        {{0.505, 3.04, 3.76, -0.516, 11, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_DOUBTFUL},
        {{0.631, 2.02, 4.70, -0.179, 18, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_SPEECH},
        {{0.696, 3.14, 4.32, -0.289, 15, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_SPEECH},
        {{0.579, 2.75, 4.43, -0.789, 16, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_DOUBTFUL},
    };
    CHECK(whispers);
}

static void single_words_stay(void **state) {
    (void)state;
    static const struct heard words[] = {
        {{0.815, 0.67, 1.51, -0.466, 2, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_DOUBTFUL},
        {{0.851, 0.61, 1.51, -0.578, 2, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_DOUBTFUL},
        {{0.941, 0.58, 1.54, -0.158, 2, 0, 0, 0}, ORIGIN_SPEECH, ORIGIN_SPEECH},
    };
    CHECK(words);
}

static void texts_of_animals_and_music_go(void **state) {
    (void)state;
    static const struct heard sounds[] = {
        {{0.458, 0.42, 1.22, -0.998, 7, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        {{0.479, 0.64, 1.44, -0.490, 5, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        {{0.553, 0.32, 1.12, -0.717, 6, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        {{0.695, 0.80, 1.20, -0.501, 7, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        {{0.703, 1.08, 1.30, -0.330, 4, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        {{0.810, 0.32, 1.12, -0.620, 6, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
        /* a hum of seconds with a word or two */
        {{0.9, 6, 7, -0.1, 3, 0, 0, 0}, ORIGIN_NO_SPEECH, ORIGIN_NO_SPEECH},
    };
    CHECK(sounds);
}

static void limits_and_missing_detectors_accuse_nobody(void **state) {
    (void)state;
    struct evidence cut = {.speech = 0.97, .speech_seconds = 9, .seconds = 10, .avg_logprob = -0.1};
    cut.tokens = 3;
    assert_int_equal(origin_find(&cut), ORIGIN_NO_SPEECH);
    cut.cut = 1;
    assert_int_equal(origin_find(&cut), ORIGIN_SPEECH);
    struct evidence alone = {.speech = NAN, .speech_seconds = NAN, .seconds = 1, .avg_logprob = -3};
    assert_int_equal(origin_find(&alone), ORIGIN_SPEECH);
    struct evidence birds = {.speech = 0.7, .speech_seconds = 3, .seconds = 4, .tokens = 8};
    birds.avg_logprob = -0.6;
    assert_int_equal(origin_find(&birds), ORIGIN_SPEECH);
    birds.by_loudness = 1;
    assert_int_equal(origin_find(&birds), ORIGIN_NO_SPEECH);
    struct evidence hurried = {.speech = 0.85, .speech_seconds = 1.5, .seconds = 1.7};
    hurried.avg_logprob = -0.855;
    hurried.tokens = 5;
    assert_int_not_equal(origin_find(&hurried), ORIGIN_NO_SPEECH);
    hurried.tokens = 13;
    assert_int_equal(origin_find(&hurried), ORIGIN_NO_SPEECH);
    struct evidence endless = {.speech = 0.97, .speech_seconds = 9, .seconds = 10, .tokens = 40};
    endless.avg_logprob = -0.7;
    assert_int_equal(origin_find(&endless), ORIGIN_SPEECH);
    endless.endless = 1;
    assert_int_equal(origin_find(&endless), ORIGIN_DOUBTFUL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_whispers_stay),
        cmocka_unit_test(single_words_stay),
        cmocka_unit_test(texts_of_animals_and_music_go),
        cmocka_unit_test(limits_and_missing_detectors_accuse_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
