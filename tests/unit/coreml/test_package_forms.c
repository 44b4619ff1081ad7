/* test_package_forms.c - the forms of a converted model: decoders that give the best token,
 * encoders that take samples in blocks, in every company. Each is verified, and its texts are those
 * of the plain form of the same weights; what a form cannot do is refused with a word of what can.
 */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/run/package_model.h"
#include "support/converted_clip.h"
#include "support/index_case.h"
#include "support/scratch.h"

#define MICRO TEST_SOURCE_DIR "/tests/golden/micro"
#define STREAMING TEST_SOURCE_DIR "/tests/golden/micro_streaming"
enum { CLIPS = 4, TEXT = 14 };

static const size_t COUNTS[CLIPS] = {30000, 15999, 20000, 895};

static char folder[512], plain[600], target[600];

static int start(void **nothing) {
    (void)nothing;
    make_clip();
    snprintf(folder, sizeof folder, "%s", scratch_folder("package_forms"));
    snprintf(plain, sizeof plain, "%s/plain", folder);
    snprintf(target, sizeof target, "%s/form", folder);
    return 0;
}

/* --------------------------------------------------------------------------------------- texts */

static void expect_tokens(const pst_transcript *found, const pst_transcript *expected) {
    assert_true(expected->token_count > 2);
    assert_int_equal(found->token_count, expected->token_count);
    assert_memory_equal(found->tokens, expected->tokens,
                        found->token_count * sizeof *found->tokens);
    assert_string_equal(found->text, expected->text);
    assert_int_equal(found->truncated, expected->truncated);
}

/* The texts of both, and with `ahead` also by drafts that are right, and wrong. */
static void compare(size_t ahead) {
    pst_model *models[2];
    pst_session *sessions[2];
    for (int i = 0; i < 2; i++) {
        must(pst_model_open(i ? target : plain, NULL, &models[i], &err));
        must(pst_session_new(models[i], NULL, &sessions[i], &err));
    }
    for (size_t i = 0; i < CLIPS; i++) {
        pst_transcript *expected = transcribe(sessions[0], COUNTS[i], TEXT, NULL);
        const pst_sequence_bias drafts[] = {
            {expected->tokens, expected->token_count, 0},
            {(const int32_t[]){1, 5, 5, 5, 262}, 5, 0},
        };
        for (size_t j = 0; j < (ahead ? 3 : 1); j++) {
            pst_transcript *found =
                transcribe(sessions[1], COUNTS[i], TEXT, j ? &drafts[j - 1] : NULL);
            expect_tokens(found, expected);
            pst_transcript_free(found);
        }
        pst_transcript_free(expected);
    }
    for (int i = 0; i < 2; i++) {
        pst_session_free(sessions[i]);
        pst_model_free(models[i]);
    }
}

static void check(const char *model, pst_convert_options form) {
    static const uint32_t lengths[] = {1, 2};
    int stream = form.layout == PST_CONVERT_STREAM;
    form.seconds = stream ? lengths + 1 : lengths;
    form.seconds_count = stream ? 1 : 2;
    pst_convert_options other = form;
    other.outputs = PST_CONVERT_LOGITS;
    other.input = PST_CONVERT_SAMPLES;
    other.ahead = 0;
    convert(plain, model, other);
    convert(target, model, form);
    compare(form.ahead);
}

static void forms_give_the_same_texts(void **nothing) {
    (void)nothing;
    static const struct {
        pst_convert_target target;
        pst_convert_precision precision;
        pst_convert_outputs outputs;
        pst_convert_input input;
        int state;
        uint32_t ahead;
        int streaming; /* 2: in pieces */
    } FORMS[] = {
        {PST_CONVERT_IOS15, PST_CONVERT_FLOAT16, PST_CONVERT_TOKEN, PST_CONVERT_SAMPLES, 0, 0, 0},
        {PST_CONVERT_IOS16, PST_CONVERT_FLOAT32, PST_CONVERT_TOKEN, PST_CONVERT_BLOCKS, 0, 4, 0},
        {PST_CONVERT_IOS16, PST_CONVERT_FLOAT16, PST_CONVERT_LOGITS, PST_CONVERT_BLOCKS, 0, 0, 0},
        {PST_CONVERT_IOS18, PST_CONVERT_FLOAT16, PST_CONVERT_TOKEN, PST_CONVERT_BLOCKS, 1, 0, 0},
        {PST_CONVERT_IOS18, PST_CONVERT_INT8, PST_CONVERT_TOKEN, PST_CONVERT_BLOCKS, 0, 3, 0},
        {PST_CONVERT_IOS18, PST_CONVERT_PALETTE6, PST_CONVERT_TOKEN, PST_CONVERT_SAMPLES, 0, 0, 0},
        {PST_CONVERT_IOS15, PST_CONVERT_FLOAT32, PST_CONVERT_TOKEN, PST_CONVERT_SAMPLES, 0, 0, 1},
        {PST_CONVERT_IOS18, PST_CONVERT_FLOAT16, PST_CONVERT_TOKEN, PST_CONVERT_SAMPLES, 1, 0, 2},
    };
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        pst_convert_options form;
        pst_convert_options_init(&form);
        form.target = FORMS[i].target;
        form.precision = FORMS[i].precision;
        form.outputs = FORMS[i].outputs;
        form.input = FORMS[i].input;
        form.state = FORMS[i].state;
        form.ahead = FORMS[i].ahead;
        if (FORMS[i].streaming == 2) form.layout = PST_CONVERT_STREAM;
        check(FORMS[i].streaming ? STREAMING : MICRO, form);
    }
}

/* ---------------------------------------------------------------------------------- refusals */

static pst_convert_options a_second(pst_convert_outputs outputs, pst_convert_input input) {
    static const uint32_t second = 1;
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.outputs = outputs;
    options.input = input;
    options.seconds = &second;
    options.seconds_count = 1;
    options.force = 1;
    return options;
}

static void refuse(const char *model, pst_convert_options options, pst_status status,
                   const char *part) {
    assert_int_equal(pst_convert(model, NULL, 0, target, &options, &err), status);
    if (!strstr(err.message, part)) fail_msg("\"%s\" lacks \"%s\"", err.message, part);
}

static void what_cannot_be_is_refused(void **nothing) {
    (void)nothing;
    pst_convert_options options = a_second((pst_convert_outputs)2, PST_CONVERT_SAMPLES);
    refuse(MICRO, options, PST_ERR_ARGUMENT, "no such precision, target, layout, outputs or input");
    options = a_second(PST_CONVERT_LOGITS, (pst_convert_input)2);
    refuse(MICRO, options, PST_ERR_ARGUMENT, "outputs or input");
    options = a_second(PST_CONVERT_TOKEN, PST_CONVERT_SAMPLES);
    options.layout = PST_CONVERT_SINGLE;
    refuse(MICRO, options, PST_ERR_UNSUPPORTED, "single gives tokens by itself");
    options = a_second(PST_CONVERT_LOGITS, PST_CONVERT_BLOCKS);
    options.layout = PST_CONVERT_STREAM;
    refuse(STREAMING, options, PST_ERR_UNSUPPORTED, "blocks are for the layout split");
    options.layout = PST_CONVERT_SPLIT;
    refuse(STREAMING, options, PST_ERR_UNSUPPORTED, "a moonshine_streaming model, which begins in");
    options.target = PST_CONVERT_IOS15;
    refuse(MICRO, options, PST_ERR_UNSUPPORTED, "needs iOS 16 for that, the target is ios15");
}

static void refuse_decoding(const pst_model *model, const pst_decode_options *options,
                            const char *part) {
    pst_session *session;
    pst_transcript *transcript = NULL;
    must(pst_session_new(model, NULL, &session, &err));
    assert_int_equal(pst_transcribe(session, samples, 16000, options, &transcript, &err),
                     PST_ERR_ARGUMENT);
    assert_null(transcript);
    if (!strstr(err.message, part)) fail_msg("\"%s\" lacks \"%s\"", err.message, part);
    pst_session_free(session);
}

/* What needs the scores of all tokens names the way to them. With a decoder beside it they are
 * there. */
static void tokens_follow_no_rules(void **nothing) {
    (void)nothing;
    static const char AGAIN[] = "convert the model again without --outputs token";
    pst_model *model;
    pst_model_info info;
    pst_decode_options options;
    convert(target, MICRO, a_second(PST_CONVERT_TOKEN, PST_CONVERT_BLOCKS));
    must(pst_model_open(target, NULL, &model, &err));
    pst_model_describe(model, &info);
    assert_int_equal(info.num_beams_max, 1);
    pst_decode_options_init(&options);
    options.num_beams = 2;
    refuse_decoding(model, &options, AGAIN);
    options.num_beams = 1;
    options.no_repeat_ngram_size = 2;
    refuse_decoding(model, &options, AGAIN);
    pst_session *session;
    must(pst_session_new(model, NULL, &session, &err));
    pst_transcript *transcript = transcribe(session, 16000, TEXT, NULL);
    assert_true(isnan(transcript->avg_logprob));
    pst_transcript_free(transcript);
    pst_session_free(session);
    pst_model_free(model);
    pst_model_options with_decoder;
    pst_model_options_init(&with_decoder);
    with_decoder.decoder_dir = MICRO;
    must(pst_model_open(target, &with_decoder, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    options.num_beams = 2;
    must(pst_transcribe(session, samples, 16000, &options, &transcript, &err));
    pst_transcript_free(transcript);
    pst_session_free(session);
    pst_model_free(model);
}

static void expect_index(const char *from, const char *to, pst_status status, const char *part) {
    index_case(folder, target, from, to, status, part);
}

static void odd_indices_are_refused(void **nothing) {
    (void)nothing;
    convert(target, MICRO, a_second(PST_CONVERT_TOKEN, PST_CONVERT_BLOCKS));
    expect_index("\"format\": 3", "\"format\": 3", PST_OK, "");
    expect_index("\"format\": 3", "\"format\": 4", PST_ERR_UNSUPPORTED, "is of a newer version");
    expect_index("\"outputs\": \"token\"", "\"outputs\": \"tokens\"", PST_ERR_UNSUPPORTED,
                 "outputs \"tokens\" is not supported, expected logits or token");
    expect_index("\"outputs\": \"token\"", "\"outputs\": 1", PST_ERR_MODEL, "outputs");
    expect_index("\"input\": \"blocks\"", "\"input\": \"\"", PST_ERR_UNSUPPORTED,
                 "expected samples or blocks");
    expect_index("\"input\": \"blocks\"", "\"input\": {}", PST_ERR_MODEL, "input");
}

/* An index that lies about the packages beside it: the first step says what is missing. */
static void an_index_that_lies(void **nothing) {
    (void)nothing;
    pst_model *model;
    pst_session *session;
    pst_transcript *transcript;
    convert(target, MICRO, a_second(PST_CONVERT_LOGITS, PST_CONVERT_SAMPLES));
    index_write(target, target, "\"state\": false", "\"state\": false, \"outputs\": \"token\"");
    must(pst_model_open(target, NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    assert_int_equal(pst_transcribe(session, samples, 16000, NULL, &transcript, &err),
                     PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "has no output 'token'"));
    pst_session_free(session);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_give_the_same_texts), cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(tokens_follow_no_rules),    cmocka_unit_test(odd_indices_are_refused),
        cmocka_unit_test(an_index_that_lies),
    };
    return cmocka_run_group_tests_name("package forms", tests, start, NULL);
}
