/* test_phrases.c - what lies between the pauses of a segment, and that the guard takes the better
 * of the whole and of its phrases. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "model/model.h"
#include "pipeline/speech/guard.h"

enum { RATE = PST_SAMPLE_RATE_HZ, TENTH = RATE / 10 };

static pst_error err;

/* Stretches in tenths of a second, of a segment from 1 s to 10 s; the margin is 0.4 s. */
static void expect(const int (*tenths)[2], size_t count, const int (*expected)[2],
                   size_t expected_count) {
    struct speech speech[64] = {{0}};
    struct phrases phrases;
    for (size_t i = 0; i < count; i++)
        speech[i] = (struct speech){(uint64_t)tenths[i][0] * TENTH, (uint64_t)tenths[i][1] * TENTH};
    phrases_find(&phrases, speech, count, RATE, 10 * RATE, 4 * TENTH);
    assert_int_equal(phrases.count, expected_count);
    for (size_t i = 0; i < expected_count; i++) {
        assert_int_equal(phrases.list[i].start, expected[i][0] * TENTH / 2);
        assert_int_equal(phrases.list[i].end, expected[i][1] * TENTH / 2);
    }
}

#define EXPECT(tenths, expected)                                                                   \
    expect(tenths, sizeof(tenths) / sizeof *(tenths), expected,                                    \
           sizeof(expected) / sizeof *(expected))

/* Expected are twentieths, from the start of the segment. */
static void pauses_part_phrases(void **state) {
    (void)state;
    expect(NULL, 0, NULL, 0);
    EXPECT(((const int[][2]){{12, 50}}), ((const int[][2]){{0, 180}}));
    EXPECT(((const int[][2]){{12, 30}, {34, 50}}), ((const int[][2]){{0, 180}})); /* a breath */
    /* A margin does not reach over the middle of a pause. */
    EXPECT(((const int[][2]){{12, 30}, {35, 50}, {70, 95}}),
           ((const int[][2]){{0, 45}, {45, 88}, {112, 180}}));
    /* Speech may begin before the segment, go on behind it, or not be in it. */
    EXPECT(((const int[][2]){{2, 8}, {15, 30}, {40, 120}}), ((const int[][2]){{0, 48}, {52, 180}}));
    EXPECT(((const int[][2]){{12, 30}, {101, 130}}), ((const int[][2]){{0, 180}}));
}

static void many_phrases_have_an_end(void **state) {
    (void)state;
    struct speech speech[64] = {{0}};
    struct phrases phrases;
    for (size_t i = 0; i < 64; i++) speech[i] = (struct speech){i * RATE, i * RATE + 4 * TENTH};
    phrases_find(&phrases, speech, 64, 0, 64 * RATE, 0);
    assert_int_equal(phrases.count, PHRASES_MAX);
    assert_int_equal(phrases.list[PHRASES_MAX - 1].end, 64 * RATE);
}

/* --------------------------------------------------------------------------------- in the guard */

enum { SAMPLES = 3 * RATE, SOUNDS = 12 };

static void make_sound(float *samples, int number) {
    unsigned state = (unsigned)number;
    for (int i = 0; i < SAMPLES; i++) {
        state = state * 1664525U + 1013904223U;
        double noise = (double)(state >> 8) / (1 << 24) - 0.5;
        samples[i] = (float)(0.2 * sin(i * 0.01 * (number + 1)) + 0.02 * number * noise);
    }
}

static pst_transcript *transcribe(pst_session *session, const struct guarded *guarded) {
    pst_transcript *made = NULL;
    if (guard_transcribe(session, guarded, &made, &err)) fail_msg("%s", err.message);
    return made;
}

static int is_worse(const pst_transcript *a, const pst_transcript *b) {
    const uint32_t faults = PST_FLAG_LOOP | PST_FLAG_TRUNCATED;
    if ((a->flags & faults) != (b->flags & faults))
        return (a->flags & faults) > (b->flags & faults);
    return a->avg_logprob < b->avg_logprob - 1e-6;
}

/* Never worse than without them, and sometimes another text. */
static void the_better_text_is_taken(void **state) {
    (void)state;
    static float samples[SAMPLES];
    pst_model *model = NULL;
    pst_session *session = NULL;
    pst_decode_options decode;
    const struct phrases phrases = {{{0, RATE}, {RATE, 2 * RATE}, {2 * RATE, SAMPLES}}, 3};
    size_t changed = 0;
    assert_int_equal(pst_model_open(TEST_SOURCE_DIR "/tests/golden/micro", NULL, &model, &err),
                     PST_OK);
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    pst_model_decode_options(model, &decode);
    for (int i = 0; i < SOUNDS; i++) {
        make_sound(samples, i);
        struct guarded guarded = {.samples = samples,
                                  .count = SAMPLES,
                                  .no_speech_prob = NAN,
                                  .speech_seconds = NAN,
                                  .decode = &decode};
        pst_transcript *whole = transcribe(session, &guarded);
        guarded.phrases = &phrases;
        pst_transcript *better = transcribe(session, &guarded);
        assert_false(is_worse(better, whole));
        changed += strcmp(better->text, whole->text) != 0;
        pst_transcript_free(whole);
        pst_transcript_free(better);
    }
    assert_in_range(changed, 1, SOUNDS);
    /* A limit of the caller's is for the whole. */
    decode.max_new_tokens = 5;
    const struct guarded limited = {.samples = samples,
                                    .count = SAMPLES,
                                    .no_speech_prob = NAN,
                                    .speech_seconds = NAN,
                                    .decode = &decode,
                                    .phrases = &phrases};
    pst_transcript *few = transcribe(session, &limited);
    assert_true(few->token_count <= 6);
    pst_transcript_free(few);
    pst_session_free(session);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_part_phrases),
        cmocka_unit_test(many_phrases_have_an_end),
        cmocka_unit_test(the_better_text_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
