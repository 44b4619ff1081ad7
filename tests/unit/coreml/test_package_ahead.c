/* test_package_ahead.c - functions of converted decoders that take several tokens of a text at once
 * give what the decoder gives one after the other; sessions decode drafts with them, and the texts
 * are those without. */
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
enum { TEXT = 12 };

static char target[600];

static int start(void **nothing) {
    (void)nothing;
    make_clip();
    snprintf(target, sizeof target, "%s/out", scratch_folder("package_ahead"));
    return 0;
}

/* -------------------------------------------------------------------------------------- numbers */

static float distance(const float *a, const float *b, size_t count) {
    float apart = 0;
    for (size_t i = 0; i < count; i++) {
        float off = fabsf(a[i] - b[i]);
        if (!(off <= apart)) apart = off;
    }
    return apart;
}

/* Steps to tokens one by one, then in runs of `ahead` and less, from `first` on: the logits of each
 * are near, and those of a step behind them, which looks at their columns of the cache. */
static void compare_steps(pst_session *session, size_t first, float bound) {
    static const int32_t tokens[TEXT + 1] = {1, 262, 77, 5, 290, 31, 262, 262, 4, 100, 9, 8, 7};
    struct backend *backend = session->backend;
    size_t vocab = backend->vocab;
    float *alone = malloc((TEXT + 1) * vocab * sizeof *alone);
    assert_non_null(alone);
    for (size_t i = 0; i <= TEXT; i++) {
        must(backend->calls->step(backend, &tokens[i], 1, first + i, &err));
        memcpy(alone + i * vocab, backend->calls->logits(backend, 1), vocab * sizeof *alone);
    }
    for (size_t run = backend->ahead; run >= 1; run = run > 1 ? run - 1 : 0) {
        if (run > TEXT) run = TEXT;
        for (size_t at = 0, count; at < TEXT; at += count) {
            count = TEXT - at < run ? TEXT - at : run;
            must(backend->calls->step_ahead(backend, tokens + at, count, first + at, &err));
            float apart =
                distance(alone + at * vocab, backend->calls->logits(backend, count), count * vocab);
            if (!(apart <= bound))
                fail_msg("%zu tokens at %zu are %g off", count, first + at, (double)apart);
        }
        must(backend->calls->step(backend, &tokens[TEXT], 1, first + TEXT, &err));
        float apart = distance(alone + TEXT * vocab, backend->calls->logits(backend, 1), vocab);
        if (!(apart <= bound)) fail_msg("a step behind runs of %zu is %g off", run, (double)apart);
    }
    free(alone);
}

/* --------------------------------------------------------------------------------------- texts */

static void compare_texts(pst_session *session) {
    static const size_t counts[] = {30000, 15999, 20000, 895};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        pst_transcript *plain = transcribe(session, counts[i], TEXT, NULL);
        const pst_sequence_bias drafts[] = {
            {plain->tokens, plain->token_count, 0},
            {(const int32_t[]){1, 5, 5, 5, 262}, 5, 0},
        };
        for (size_t j = 0; j < 2; j++) {
            pst_transcript *drafted = transcribe(session, counts[i], TEXT, &drafts[j]);
            assert_int_equal(drafted->token_count, plain->token_count);
            assert_memory_equal(drafted->tokens, plain->tokens,
                                plain->token_count * sizeof *plain->tokens);
            assert_int_equal(drafted->truncated, plain->truncated);
            pst_transcript_free(drafted);
        }
        pst_transcript_free(plain);
    }
}

static void check(const char *dir, pst_convert_options options, float bound) {
    pst_model *model;
    pst_session *session;
    convert(target, dir, options);
    must(pst_model_open(target, NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    assert_int_equal(session->backend->ahead, options.ahead);
    compare_texts(session);
    pst_transcript_free(
        transcribe(session, 20000, TEXT, &(pst_sequence_bias){(int32_t[]){1}, 1, 0}));
    compare_steps(session, 0, bound);
    /* The last run has no room for all that the verifier would write. */
    size_t slots = ((const struct package_model *)model->device)->index.slots;
    compare_steps(session, slots - TEXT - 1, bound);
    pst_session_free(session);
    pst_model_free(model);
}

/* float32: another order of sums. float16: a few last bits of them. */
static const float F32_ERROR = 1e-4f, F16_ERROR = 0.05f;

static void every_form(void **nothing) {
    (void)nothing;
    static const uint32_t lengths[] = {1, 2};
    static const uint32_t tokens[] = {8, 2, 32, 5};
    static const pst_convert_target targets[] = {PST_CONVERT_IOS15, PST_CONVERT_IOS16,
                                                 PST_CONVERT_IOS18, PST_CONVERT_IOS18};
    for (int i = 0; i < 4; i++)
        for (int streaming = 0; streaming < 3; streaming++) {
            pst_convert_options options;
            pst_convert_options_init(&options);
            int wide = (i + streaming) % 2;
            options.precision = wide ? PST_CONVERT_FLOAT32 : PST_CONVERT_FLOAT16;
            options.target = targets[i];
            options.ahead = tokens[i];
            options.layout = streaming == 2 ? PST_CONVERT_STREAM : PST_CONVERT_SPLIT;
            options.seconds = i == 3 || streaming == 2 ? lengths + 1 : lengths;
            options.seconds_count = i == 3 || streaming == 2 ? 1 : 2;
            check(streaming ? STREAMING : MICRO, options, wide ? F32_ERROR : F16_ERROR);
        }
}

/* ------------------------------------------------------------------------------------- refusals */

static void refuse(pst_convert_options options, pst_status status, const char *part) {
    assert_int_equal(pst_convert(MICRO, NULL, 0, target, &options, &err), status);
    if (!strstr(err.message, part)) fail_msg("\"%s\" lacks \"%s\"", err.message, part);
}

static void what_cannot_be_is_refused(void **nothing) {
    (void)nothing;
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.ahead = 1;
    refuse(options, PST_ERR_ARGUMENT, "a function for 1 tokens of a text, expected 2 to 32");
    options.ahead = 33;
    refuse(options, PST_ERR_ARGUMENT, "a function for 33 tokens");
    options.ahead = 8;
    options.target = PST_CONVERT_IOS18;
    options.state = 1;
    refuse(options, PST_ERR_UNSUPPORTED, "do not share a state");
    options.state = 0;
    options.layout = PST_CONVERT_SINGLE;
    refuse(options, PST_ERR_UNSUPPORTED, "are for the layouts split and stream");
}

static void expect_index(const char *from, const char *to, pst_status status, const char *part) {
    index_case(scratch_folder("package_ahead"), target, from, to, status, part);
}

static void odd_indices_are_refused(void **nothing) {
    (void)nothing;
    static const uint32_t lengths[] = {1, 2};
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.ahead = 4;
    options.seconds = lengths;
    options.seconds_count = 2;
    convert(target, MICRO, options);
    expect_index("\"tokens\": 4", "\"tokens\": 4", PST_OK, "");
    expect_index("\"tokens\": 4", "\"tokens\": 1", PST_ERR_MODEL, "tokens");
    expect_index("\"tokens\": 4", "\"tokens\": 5", PST_ERR_MODEL,
                 "the verifiers of lengths differ");
    expect_index("\"tokens\": 4", "\"count\": 4", PST_ERR_MODEL, "tokens is missing");
    expect_index("\"verifier\"", "\"other\"", PST_ERR_MODEL, "the verifiers of lengths differ");
    expect_index("\"verify-4-1s.mlpackage\"", "\"../x\"", PST_ERR_MODEL, "is not a name");
    expect_index("\"state\": false", "\"state\": true", PST_ERR_MODEL,
                 "a verifier has no use for a state");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(odd_indices_are_refused),
    };
    return cmocka_run_group_tests_name("package ahead", tests, start, NULL);
}
