/* test_guard.c - what makes a text doubtful, and that tokens in a circle are noticed. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "decode/loop.h"
#include "pipeline/speech/repeats.h"
#include "pipeline/speech/transcript_join.h"

static void circles_are_loops(void **state) {
    (void)state;
    int32_t tokens[200];
    for (int i = 0; i < 200; i++) tokens[i] = i;
    assert_false(loop_is_there(tokens, 200));
    assert_false(loop_is_there(tokens, 0));
    static const int periods[] = {1, 2, 3, 7, 24};
    for (int p = 0; p < 5; p++) {
        int period = periods[p], rounds = 4 * period > 16 ? 4 * period : 16;
        for (int i = 0; i < rounds; i++) tokens[50 + i] = 1000 + i % period;
        assert_true(loop_is_there(tokens, 50 + (size_t)rounds));
        assert_false(loop_is_there(tokens, 50 + (size_t)rounds - 1));
        tokens[52 + rounds / 2] = 5;
        assert_false(loop_is_there(tokens, 50 + (size_t)rounds));
    }
}

/* zlib gives 0.83, 1.94 and 4.02 for these. */
static void repeats_compress(void **state) {
    (void)state;
    assert_true(repeats_ratio("") == 0);
    assert_true(repeats_ratio("Ever tried, ever failed.") < 1.2);
    double plain = repeats_ratio("It was the best of times, it was the worst of times, it was the "
                                 "age of wisdom, it was the age of foolishness, it was the epoch "
                                 "of belief, it was the epoch of incredulity");
    assert_true(plain > 1.7 && plain < 2.2);
    assert_true(repeats_ratio("I'm going to go to the bathroom. I'm going to go to the bathroom. "
                              "I'm going to go to the bathroom. I'm going to go to the bathroom. "
                              "I'm going to go to the bathroom. ") > 3.5);
}

static void numbers_become_flags(void **state) {
    (void)state;
    char text[] = "fine", loop[] = "no no no no no no no no no no no no no no no no no no no no no "
                                   "no no no no no no no no no no no no no no no no no no no no no";
    pst_transcript transcript = {.text = text, .avg_logprob = -0.9};
    transcript_judge(&transcript);
    assert_int_equal(transcript.flags, 0);
    transcript.avg_logprob = -1.1;
    transcript.truncated = 1;
    transcript.text = loop;
    transcript_judge(&transcript);
    assert_int_equal(transcript.flags,
                     PST_FLAG_LOOP | PST_FLAG_LOW_CONFIDENCE | PST_FLAG_TRUNCATED);
}

static void silence_joins_without_a_trace(void **state) {
    (void)state;
    int32_t tokens[] = {1, 7, 8, 2};
    char text[] = "hello there";
    pst_transcript *silent = NULL, *joined = NULL;
    pst_transcript said = {
        .text = text, .tokens = tokens, .token_count = 4, .avg_logprob = -0.5, .margin = 2};
    assert_int_equal(transcript_of_silence(0.9, &silent, NULL), PST_OK);
    assert_true(isnan(silent->avg_logprob) && silent->flags == PST_FLAG_NO_SPEECH);
    const pst_transcript *parts[] = {silent, &said, silent};
    assert_int_equal(transcript_join(parts, 3, &joined, NULL), PST_OK);
    assert_string_equal(joined->text, "hello there");
    assert_int_equal(joined->token_count, 4);
    assert_true(joined->avg_logprob == -0.5 && joined->margin == 2 && joined->flags == 0);
    pst_transcript_free(joined);
    parts[1] = silent;
    assert_int_equal(transcript_join(parts, 3, &joined, NULL), PST_OK);
    assert_int_equal(joined->flags, PST_FLAG_NO_SPEECH);
    pst_transcript_free(joined);
    said.flags = PST_FLAG_NO_SPEECH; /* perhaps it was not said */
    parts[1] = &said;
    assert_int_equal(transcript_join(parts, 3, &joined, NULL), PST_OK);
    assert_int_equal(joined->flags, PST_FLAG_NO_SPEECH);
    assert_string_equal(joined->text, "hello there");
    pst_transcript_free(joined);
    pst_transcript_free(silent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_are_loops),
        cmocka_unit_test(repeats_compress),
        cmocka_unit_test(numbers_become_flags),
        cmocka_unit_test(silence_joins_without_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
