/* test_drafted.c - drafts change how often the decoder is asked, and nothing else: tokens,
 * probabilities, margins and times are to the bit those of one token a step. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "potstill.h"
#include "support/same_transcript.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 24000, DRAFTS = 3, LONGEST = 40 };

static pst_error err;
static float samples[SAMPLES];

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

static int start(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
    return 0;
}

static pst_transcript *transcribe(pst_session *session, size_t count,
                                  const pst_decode_options *options) {
    pst_transcript *transcript = NULL;
    if (pst_transcribe(session, samples, count, options, &transcript, &err))
        fail_msg("%s", err.message);
    return transcript;
}

/* The right text with some tokens replaced, left out or doubled; `wrong` of 10. */
static size_t spoil(int32_t *draft, const pst_transcript *right, unsigned wrong) {
    size_t count = 0;
    for (size_t i = 0; i < right->token_count && count + 2 < LONGEST; i++) {
        int hit = random_below(10) < wrong;
        unsigned how = random_below(3);
        if (hit && how == 0) continue;
        if (hit && how == 1) draft[count++] = right->tokens[i];
        draft[count++] = hit && how == 2 ? (int32_t)random_below(100) : right->tokens[i];
    }
    return count;
}

/* Returns the steps that drafts with so much wrong in them take. */
static uint32_t check(pst_session *session, size_t count, pst_decode_options options,
                      const pst_transcript *right, unsigned wrong) {
    int32_t tokens[DRAFTS][LONGEST];
    pst_sequence_bias drafts[DRAFTS];
    for (size_t i = 0; i < DRAFTS; i++)
        drafts[i] = (pst_sequence_bias){tokens[i], spoil(tokens[i], right, i ? 10 : wrong), 0};
    options.drafts = drafts;
    options.drafts_count = DRAFTS;
    for (size_t i = 0; i < DRAFTS; i++)
        if (!drafts[i].count) drafts[i].count = 1, tokens[i][0] = 0;
    pst_transcript *drafted = transcribe(session, count, &options);
    uint32_t steps = drafted->steps;
    assert_same(right, drafted);
    assert_true(steps <= right->steps);
    pst_transcript_free(drafted);
    return steps;
}

/* With each kind of options: what the rules see of a text must not be its drafts. */
static void check_options(pst_session *session, const pst_model *model, int words) {
    static const int32_t suppressed[] = {7};
    for (int kind = 0; kind < 6; kind++) {
        size_t count = 3000 + random_below(SAMPLES - 3000);
        pst_decode_options options;
        pst_model_decode_options(model, &options);
        options.max_new_tokens = kind == 5 ? 3 : 25;
        options.skip_logprob = kind % 2;
        options.word_timestamps = words;
        options.stop_loops = kind == 1 || kind == 4;
        if (kind == 2) options.repetition_penalty = 1.7f;
        if (kind == 3) options.no_repeat_ngram_size = 2;
        if (kind == 4) options.begin_suppress_tokens = suppressed;
        if (kind == 4) options.begin_suppress_tokens_count = 1;
        pst_transcript *right = transcribe(session, count, &options);
        uint32_t best = check(session, count, options, right, 0);
        assert_int_equal(right->steps, right->token_count - 1);
        if (kind != 5) assert_true(best < right->steps); /* the right draft saves steps */
        check(session, count, options, right, 2);
        check(session, count, options, right, 7);
        pst_transcript_free(right);
    }
}

static void check_model(const char *dir, const char *adapter_dir, int words) {
    for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++)
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            pst_model_options options;
            pst_session_options session_options;
            pst_model *model;
            pst_session *session;
            pst_adapter *adapter = NULL;
            pst_model_options_init(&options);
            options.precision = (pst_precision)precision;
            assert_int_equal(pst_model_open(dir, &options, &model, &err), PST_OK);
            pst_session_options_init(&session_options);
            session_options.threads = threads;
            assert_int_equal(pst_session_new(model, &session_options, &session, &err), PST_OK);
            if (adapter_dir)
                assert_int_equal(pst_adapter_open(model, adapter_dir, NULL, &adapter, &err), 0);
            if (adapter) assert_int_equal(pst_session_use_adapter(session, adapter, &err), PST_OK);
            check_options(session, model, words);
            pst_session_free(session);
            pst_adapter_free(adapter);
            pst_model_free(model);
        }
}

static void drafts_do_not_show(void **state) {
    (void)state;
    check_model(GOLDEN "micro", NULL, 0);
    check_model(GOLDEN "micro_streaming", NULL, 0);
}

static void nor_in_the_times_of_words(void **state) {
    (void)state;
    check_model(GOLDEN "micro", NULL, 1);
}

static void nor_with_an_adapter(void **state) {
    (void)state;
    check_model(GOLDEN "micro", GOLDEN "adapter", 0);
}

/* Beams have no use for them. */
static void a_beam_search_ignores_them(void **state) {
    (void)state;
    pst_model *model;
    pst_session *session;
    pst_decode_options options;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &model, &err), PST_OK);
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    pst_model_decode_options(model, &options);
    options.num_beams = 3;
    options.max_new_tokens = 12;
    pst_transcript *right = transcribe(session, SAMPLES, &options);
    const pst_sequence_bias draft = {right->tokens, right->token_count, 0};
    options.drafts = &draft;
    options.drafts_count = 1;
    pst_transcript *drafted = transcribe(session, SAMPLES, &options);
    assert_same(right, drafted);
    assert_int_equal(right->steps, drafted->steps);
    pst_transcript_free(right);
    pst_transcript_free(drafted);
    pst_session_free(session);
    pst_model_free(model);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_do_not_show),
        cmocka_unit_test(nor_in_the_times_of_words),
        cmocka_unit_test(nor_with_an_adapter),
        cmocka_unit_test(a_beam_search_ignores_them),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
