/* test_timed_words.c - words of a text: where they lie in it and in its tokens, and their times. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "pipeline/timed_words.h"
#include "pipeline/word_confidence.h"
#include "pipeline/word_spans.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 40000 };

static pst_error err;
static pst_model *model;
static float samples[SAMPLES];

static int start(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
    return pst_model_open(GOLDEN "micro", NULL, &model, &err);
}

static int finish(void **state) {
    (void)state;
    pst_model_free(model);
    return 0;
}

/* ------------------------------------------------------------------------------------- spans */

/* The words of a text, encoded: with '|' between them. */
static void expect_words(char *text, const char *words) {
    pst_transcript transcript = {.text = text};
    struct word_span *spans;
    size_t count;
    char found[256] = "";
    assert_int_equal(tokenizer_encode(model->tokenizer, text, strlen(text), 1, &transcript.tokens,
                                      &transcript.token_count, &err),
                     PST_OK);
    assert_int_equal(word_spans_find(model->tokenizer, &transcript, &spans, &count, &err), PST_OK);
    for (size_t i = 0; i < count; i++) {
        if (i) strcat(found, "|");
        strncat(found, text + spans[i].offset, spans[i].length);
        assert_in_range(spans[i].first_token, 1, transcript.token_count - 1);
        assert_in_range(spans[i].tokens, 1, transcript.token_count - spans[i].first_token);
        assert_true(spans[i].into_first >= 0 && spans[i].into_first < 1);
        if (i) assert_true(spans[i].first_token >= spans[i - 1].first_token);
    }
    assert_string_equal(found, words);
    free(transcript.tokens);
    free(spans);
}

static void words_stand_between_spaces(void **state) {
    (void)state;
    expect_words("and so, it \"is\".", "and|so,|it|\"is\".");
    expect_words("a", "a");
    expect_words("", "");
    expect_words("caf\xc3\xa9 \xd0\xb4\xd0\xb0", "caf\xc3\xa9|\xd0\xb4\xd0\xb0");
}

static void characters_without_spaces_are_words(void **state) {
    (void)state;
    /* With the full stop that follows them. */
    expect_words("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82ok",
                 "\xe4\xbd\xa0|\xe5\xa5\xbd\xe3\x80\x82ok");
    expect_words("a\xe4\xbd\xa0 b", "a|\xe4\xbd\xa0|b");
}

/* -------------------------------------------------------------------------------- confidence */

static void the_least_sure_token_decides(void **state) {
    (void)state;
    char text[] = "is it, so";
    float all[32];
    int32_t *tokens;
    size_t count, comma = 0;
    const struct tokenizer *tokenizer = model->tokenizer;
    assert_int_equal(tokenizer_encode(tokenizer, text, strlen(text), 0, &tokens, &count, &err),
                     PST_OK);
    assert_in_range(count, 3, 32);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        all[i] = -0.125f * (float)(i + 1);
        if (strncmp(tokenizer_token(tokenizer, tokens[i], &length), ",", 1) == 0) comma = i;
    }
    assert_in_range(comma, 1, count - 2);
    float last = all[count - 1];
    assert_true(word_confidence(tokenizer, tokens, all, count) == exp(last));
    all[comma] = -9; /* punctuation does not make a word wrong */
    assert_true(word_confidence(tokenizer, tokens, all, count) == exp(last));
    assert_true(word_confidence(tokenizer, tokens + comma, all + comma, 1) == exp(-9));
    assert_true(isnan(text_confidence(NULL, 0)));
    all[0] = NAN;
    assert_true(isnan(word_confidence(tokenizer, tokens, all, count)));
    free(tokens);
}

/* ------------------------------------------------------------------------------------- times */

static pst_transcript *transcribe(pst_session *session, uint32_t beams, int words, int skip) {
    pst_decode_options options;
    pst_transcript *transcript = NULL;
    pst_model_decode_options(model, &options);
    options.num_beams = beams;
    options.word_timestamps = words;
    options.skip_logprob = skip;
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &transcript, &err),
                     PST_OK);
    return transcript;
}

static void check_times(const pst_transcript *timed, int scored) {
    double at = 0, sum = 0;
    assert_true(timed->word_count > 0);
    for (size_t i = 0; i < timed->word_count; i++) {
        const pst_word *word = &timed->words[i];
        assert_memory_equal(timed->text + word->offset, word->text, strlen(word->text));
        assert_true(word->start >= at && word->end >= word->start);
        assert_true(word->end <= (double)SAMPLES / PST_SAMPLE_RATE_HZ);
        assert_true(scored ? word->probability > 0 && word->probability <= 1
                           : isnan(word->probability));
        if (scored) {
            assert_true(word->confidence > 0 && word->confidence <= 1);
            sum += word->confidence;
        }
        at = word->end;
    }
    assert_true(scored ? fabs(timed->confidence - sum / (double)timed->word_count) < 1e-12
                       : isnan(timed->confidence));
}

static void times_change_no_text(void **state) {
    (void)state;
    pst_session *session;
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    for (uint32_t beams = 1; beams <= 3; beams++)
        for (int skip = 0; skip < 2; skip++) {
            pst_transcript *plain = transcribe(session, beams, 0, skip);
            pst_transcript *timed = transcribe(session, beams, 1, skip);
            assert_string_equal(timed->text, plain->text);
            assert_true(plain->word_count == 0 && !plain->words);
            assert_true(timed->margin == plain->margin);
            check_times(timed, !skip);
            pst_transcript_free(plain);
            pst_transcript_free(timed);
        }
    pst_session_free(session);
}

static void heads_that_are_not_there(void **state) {
    (void)state;
    pst_session *session;
    pst_decode_options options;
    pst_transcript *transcript = NULL;
    const pst_alignment_head heads[] = {{0, 0, 0}, {0, 99, 0}};
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    pst_model_decode_options(model, &options);
    options.word_timestamps = 1;
    options.alignment_heads = heads;
    options.alignment_heads_count = 2;
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &transcript, &err),
                     PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "alignment head 0.99"));
    options.alignment_heads_count = 1;
    assert_int_equal(pst_transcribe(session, samples, SAMPLES, &options, &transcript, &err),
                     PST_OK);
    check_times(transcript, 1);
    pst_transcript_free(transcript);
    pst_session_free(session);
}

static void words_of_segments_are_joined(void **state) {
    (void)state;
    pst_word first[] = {{"a", 0, 0.1, 0.2, 1, 1}, {"b", 2, 0.3, 0.4, 0.5, 0.5}};
    pst_word last[] = {{"c", 0, 0.5, 0.6, 0.25, 0.25}};
    pst_transcript parts[] = {{.text = "", .words = NULL},
                              {.text = "a b", .words = first, .word_count = 2},
                              {.text = ""},
                              {.text = "c", .words = last, .word_count = 1}};
    const pst_transcript *const all[] = {&parts[0], &parts[1], &parts[2], &parts[3]};
    pst_transcript joined = {.text = "a b c"};
    assert_int_equal(timed_words_join(&joined, all, 4, &err), PST_OK);
    assert_int_equal(joined.word_count, 3);
    assert_true(fabs(joined.confidence - 1.75 / 3) < 1e-12);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(joined.text + joined.words[i].offset, joined.words[i].text, 1);
    timed_words_shift(&joined, 1);
    assert_true(joined.words[2].start == 1.5 && joined.words[2].end == 1.6);
    free(joined.words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_between_spaces),
        cmocka_unit_test(characters_without_spaces_are_words),
        cmocka_unit_test(the_least_sure_token_decides),
        cmocka_unit_test(times_change_no_text),
        cmocka_unit_test(heads_that_are_not_there),
        cmocka_unit_test(words_of_segments_are_joined),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
