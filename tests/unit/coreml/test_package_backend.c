/* test_package_backend.c - converted models behind a session: the packages by the interpreter give
 * the tokens of the engine, greedily, with rules, with beams, and in each other's company. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "potstill_tools.h"
#include "support/scratch.h"

#define MICRO TEST_SOURCE_DIR "/tests/golden/micro"
#define STREAMING TEST_SOURCE_DIR "/tests/golden/micro_streaming"
enum { SAMPLES = 30000, KINDS = 4 };

static pst_error err;
static float samples[SAMPLES];
static char split[600], state[600], single[600], streaming[600], pieces[600];

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

/* ------------------------------------------------------------------------------------- packages */

static void convert(char *path, const char *name, const char *model, pst_convert_options options) {
    options.force = 1;
    snprintf(path, 600, "%s/%s", scratch_folder("package_backend"), name);
    must(pst_convert(model, NULL, 0, path, &options, &err));
}

static int start(void **nothing) {
    (void)nothing;
    static const uint32_t lengths[] = {1, 2};
    pst_convert_options options;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
    pst_convert_options_init(&options);
    options.precision = PST_CONVERT_FLOAT32;
    options.seconds = lengths;
    options.seconds_count = 2;
    convert(split, "split", MICRO, options);
    convert(streaming, "streaming", STREAMING, options);
    options.seconds_count = 1;
    options.layout = PST_CONVERT_SINGLE;
    convert(single, "single.mlpackage", MICRO, options);
    options.layout = PST_CONVERT_SPLIT;
    options.precision = PST_CONVERT_FLOAT16;
    options.target = PST_CONVERT_IOS18;
    options.state = 1;
    convert(state, "state", MICRO, options);
    pst_convert_options_init(&options);
    options.precision = PST_CONVERT_FLOAT32;
    options.layout = PST_CONVERT_STREAM;
    options.seconds = lengths + 1;
    options.seconds_count = 1;
    convert(pieces, "pieces", STREAMING, options);
    return 0;
}

static pst_model *open_model(const char *dir, const char *decoder_dir) {
    pst_model *model;
    pst_model_options options;
    pst_model_options_init(&options);
    options.decoder_dir = decoder_dir;
    if (dir == single) options.processor_dir = MICRO;
    must(pst_model_open(dir, &options, &model, &err));
    return model;
}

static pst_session *open_session(const pst_model *model) {
    pst_session *session;
    must(pst_session_new(model, NULL, &session, &err));
    return session;
}

/* --------------------------------------------------------------------------------- transcripts */

static pst_transcript *transcribe(pst_session *session, size_t count,
                                  const pst_decode_options *options) {
    pst_transcript *transcript;
    must(pst_transcribe(session, samples, count, options, &transcript, &err));
    return transcript;
}

static void expect_same(const pst_transcript *found, const pst_transcript *expected) {
    assert_true(expected->token_count > 2);
    assert_int_equal(found->token_count, expected->token_count);
    assert_memory_equal(found->tokens, expected->tokens,
                        expected->token_count * sizeof *expected->tokens);
    assert_string_equal(found->text, expected->text);
    assert_int_equal(found->truncated, expected->truncated);
    assert_true(fabs(found->avg_logprob - expected->avg_logprob) < 1e-3);
    assert_true(fabsf(found->score - expected->score) < 1e-3f);
}

static const pst_sequence_bias BIAS = {(const int32_t[]){300}, 1, 2};

/* Ways to decode. */
static pst_decode_options decode_options(const pst_model *model, int kind) {
    static const int32_t suppressed[] = {262, 5};
    pst_decode_options options;
    pst_model_decode_options(model, &options);
    options.max_new_tokens = 12;
    if (kind == 1) options.num_beams = 4;
    if (kind == 2) {
        options.suppress_tokens = suppressed;
        options.suppress_tokens_count = 2;
        options.no_repeat_ngram_size = 2;
        options.repetition_penalty = 1.3f;
        options.min_new_tokens = 6;
    }
    if (kind == 3) {
        options.num_beams = 3;
        options.sequence_bias = &BIAS;
        options.sequence_bias_count = 1;
        options.early_stopping = PST_STOP_FIRST;
    }
    return options;
}

/* Kinds and lengths take turns, so that nothing of a clip before may be left over. */
static void compare(const char *engine_dir, const char *dir, const char *decoder_dir) {
    static const size_t counts[] = {30000, 16000, 15999, 20000, 895};
    pst_model *model = open_model(engine_dir, NULL), *packages = open_model(dir, decoder_dir);
    pst_session *by_engine = open_session(model), *by_packages = open_session(packages);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            pst_decode_options options = decode_options(model, kind);
            pst_transcript *expected = transcribe(by_engine, counts[i], &options);
            pst_transcript *found = transcribe(by_packages, counts[i], &options);
            expect_same(found, expected);
            pst_transcript_free(expected);
            pst_transcript_free(found);
        }
    pst_session_free(by_engine);
    pst_session_free(by_packages);
    pst_model_free(model);
    pst_model_free(packages);
}

static void packages_decode_as_the_engine(void **nothing) {
    (void)nothing;
    compare(MICRO, split, NULL);
    compare(STREAMING, streaming, NULL);
    compare(STREAMING, pieces, NULL);
}

static void packages_encode_for_the_engine(void **nothing) {
    (void)nothing;
    compare(MICRO, split, MICRO);
    compare(STREAMING, streaming, STREAMING);
    compare(STREAMING, pieces, STREAMING);
}

/* It ends where the first special token is: this model chooses some that are not the end token. */
static void a_single_package_gives_the_same_text(void **nothing) {
    (void)nothing;
    pst_model *model = open_model(MICRO, NULL), *package = open_model(single, NULL);
    pst_session *by_engine = open_session(model), *by_package = open_session(package);
    pst_decode_options options;
    pst_model_decode_options(package, &options);
    pst_transcript *expected = transcribe(by_engine, 16000, &options);
    pst_transcript *found = transcribe(by_package, 16000, NULL);
    assert_true(isnan(found->avg_logprob));
    assert_true(isinf(found->margin));
    assert_false(found->truncated);
    assert_true(found->token_count > 2 && found->token_count <= expected->token_count);
    assert_memory_equal(found->tokens, expected->tokens, found->token_count * sizeof(int32_t));
    options.max_new_tokens = 3; /* before it ends */
    pst_transcript_free(found);
    found = transcribe(by_package, 16000, &options);
    assert_int_equal(found->token_count, 4);
    assert_true(found->truncated);
    pst_transcript_free(expected);
    pst_transcript_free(found);
    pst_session_free(by_engine);
    pst_session_free(by_package);
    pst_model_free(model);
    pst_model_free(package);
}

/* ---------------------------------------------------------------------------------- end tokens */

static void put(const char *folder, const char *name, const char *text) {
    scratch_remove(folder, name);
    scratch_text(folder, name, text);
}

/* A copy of the model that also ends with the fifth token of the text above. */
static const char *model_with_two_ends(char path[600], int32_t *second) {
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json",
                                        "preprocessor_config.json"};
    char text[200];
    pst_model *model = open_model(MICRO, NULL);
    pst_session *session = open_session(model);
    pst_transcript *transcript = transcribe(session, 16000, NULL);
    assert_true(transcript->token_count > 5);
    *second = transcript->tokens[4];
    pst_transcript_free(transcript);
    pst_session_free(session);
    pst_model_free(model);
    snprintf(path, 600, "%s", scratch_folder("two_ends"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) scratch_copy(MICRO, path, files[i]);
    snprintf(text, sizeof text,
             "{\"decoder_start_token_id\": 1, \"eos_token_id\": [2, %d], \"max_length\": 194}",
             (int)*second);
    put(path, "generation_config.json", text);
    return path;
}

static void ends_as(const char *dir, const char *base, const char *decoder_dir,
                    const pst_transcript *expected) {
    pst_model *package;
    pst_model_options options;
    pst_model_options_init(&options);
    options.decoder_dir = decoder_dir;
    options.processor_dir = base;
    must(pst_model_open(dir, &options, &package, &err));
    pst_session *session = open_session(package);
    pst_transcript *found = transcribe(session, 16000, NULL);
    assert_int_equal(found->token_count, expected->token_count);
    assert_memory_equal(found->tokens, expected->tokens, found->token_count * sizeof(int32_t));
    assert_string_equal(found->text, expected->text);
    assert_false(found->truncated);
    pst_transcript_free(found);
    pst_session_free(session);
    pst_model_free(package);
}

/* The index with `from` in it replaced is refused. */
static void expect_index(const char *dir, const char *from, const char *to, const char *message) {
    char path[700], text[1 << 14], changed[1 << 14];
    snprintf(path, sizeof path, "%s/potstill.json", dir);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    assert_true(size > 0);
    fclose(file);
    text[size] = '\0';
    char *at = strstr(text, from);
    if (!at) fail_msg("no %s in %s", from, text);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put(dir, "potstill.json", changed);
    pst_model *model = NULL;
    assert_int_not_equal(pst_model_open(dir, NULL, &model, &err), PST_OK);
    if (!strstr(err.message, message)) fail_msg("\"%s\" has no \"%s\"", err.message, message);
}

/* Packages and the loop inside a single one stop at whichever end token comes, as the engine. */
static void any_end_token_ends(void **nothing) {
    (void)nothing;
    char base[600], packages[600], whole[600];
    int32_t second;
    model_with_two_ends(base, &second);
    pst_model *model = open_model(base, NULL);
    pst_session *session = open_session(model);
    pst_transcript *expected = transcribe(session, 16000, NULL);
    assert_true(expected->token_count <= 5);
    assert_int_equal(expected->tokens[expected->token_count - 1], second);
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.precision = PST_CONVERT_FLOAT32;
    options.seconds = (const uint32_t[]){1};
    options.seconds_count = 1;
    options.force = 1;
    snprintf(packages, sizeof packages, "%s/split_ends", scratch_folder("package_backend"));
    must(pst_convert(base, NULL, 0, packages, &options, &err));
    options.layout = PST_CONVERT_SINGLE;
    snprintf(whole, sizeof whole, "%s/single_ends.mlpackage", scratch_folder("package_backend"));
    must(pst_convert(base, NULL, 0, whole, &options, &err));
    ends_as(packages, base, NULL, expected);
    ends_as(packages, base, base, expected);
    ends_as(whole, base, NULL, expected);
    pst_model_options other;
    pst_model_options_init(&other);
    other.decoder_dir = MICRO; /* knows one end token */
    pst_model *none = NULL;
    assert_int_equal(pst_model_open(packages, &other, &none, &err), PST_ERR_MODEL);
    pst_transcript_free(expected);
    pst_session_free(session);
    pst_model_free(model);
    expect_index(packages, "\"ends\": [\n      2,", "\"ends\": [-2,",
                 "ends[0] is not a token below 328");
    expect_index(packages, "\"ends\": [-2,", "\"ends\": [], \"x\": [2,",
                 "a list of 1 to 15 tokens");
    expect_index(packages, "\"format\": 2", "\"format\": 4", "format 4 is of a newer version");
    /* A package needs one. */
    put(base, "generation_config.json", "{\"decoder_start_token_id\": 1}");
    assert_int_equal(pst_convert(base, NULL, 0, whole, &options, &err), PST_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has no end token"));
}

/* -------------------------------------------------------------------------------------- limits */

static void refuse(const char *dir, size_t count, const pst_decode_options *options,
                   pst_status status, const char *part) {
    pst_model *model = open_model(dir, NULL);
    pst_session *session = open_session(model);
    pst_transcript *transcript = NULL;
    assert_int_equal(pst_transcribe(session, samples, count, options, &transcript, &err), status);
    assert_null(transcript);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    pst_session_free(session);
    pst_model_free(model);
}

static void what_packages_cannot_do_is_refused(void **nothing) {
    (void)nothing;
    pst_decode_options options;
    pst_decode_options_init(&options);
    refuse(single, 16001, NULL, PST_ERR_INPUT,
           "the clip has 1.00 s, the package was made for 1.00");
    options.max_new_tokens = 60000;
    refuse(split, 16000, &options, PST_ERR_ARGUMENT, "the limit of 60001 tokens is more than");
    refuse(single, 16000, &options, PST_ERR_ARGUMENT, "the limit of 60001 tokens is more than");
    options.max_new_tokens = 5;
    options.num_beams = 2;
    refuse(state, 16000, &options, PST_ERR_ARGUMENT,
           "this converted model decodes greedily, with one");
    refuse(single, 16000, &options, PST_ERR_ARGUMENT, "decodes greedily, with one");
    options.num_beams = 1;
    options.no_repeat_ngram_size = 2;
    refuse(single, 16000, &options, PST_ERR_ARGUMENT, "decodes by itself and knows no rules");
}

static void expect_open(const char *dir, const pst_model_options *options, pst_status status,
                        const char *part) {
    pst_model *model = NULL;
    assert_int_equal(pst_model_open(dir, options, &model, &err), status);
    assert_null(model);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void devices_are_checked(void **nothing) {
    (void)nothing;
    pst_model_options options;
    pst_model_options_init(&options);
    expect_open(single, &options, PST_ERR_MODEL, "processor_dir");
    options.device = PST_DEVICE_MIL;
    expect_open(MICRO, &options, PST_ERR_MODEL, "not a converted model");
    options.units = PST_UNITS_ANE;
    expect_open(split, &options, PST_ERR_ARGUMENT, "for the device coreml");
    options.device = PST_DEVICE_CPU;
    expect_open(MICRO, &options, PST_ERR_ARGUMENT, "compute units are for a converted model");
    options.units = PST_UNITS_ALL;
    expect_open(split, &options, PST_ERR_MODEL, "the device cpu needs the model it was made from");
    options.decoder_dir = MICRO;
    expect_open(MICRO, &options, PST_ERR_ARGUMENT, "a decoder is for a converted model");
    options.device = (pst_device)9;
    expect_open(MICRO, &options, PST_ERR_ARGUMENT, "unknown device 9");
    options.device = PST_DEVICE_MIL;
    options.decoder_dir = TEST_SOURCE_DIR "/tests/golden/micro_untied";
    expect_open(split, &options, PST_ERR_MODEL, "the decoder is of another model");
    options.decoder_dir = STREAMING;
    expect_open(split, &options, PST_ERR_MODEL, "the decoder is of another model");
    options.decoder_dir = MICRO;
    options.processor_dir = MICRO;
    expect_open(single, &options, PST_ERR_ARGUMENT, "decodes by itself");
    options.decoder_dir = NULL;
    options.units = (pst_compute_units)7;
    expect_open(split, &options, PST_ERR_ARGUMENT, "unknown compute units 7");
#ifndef __APPLE__
    options.device = PST_DEVICE_COREML;
    options.units = PST_UNITS_ANE;
    expect_open(split, &options, PST_ERR_DEVICE, "Core ML needs macOS");
#endif
}

static void models_say_what_they_are(void **nothing) {
    (void)nothing;
    pst_model *model = open_model(split, NULL);
    pst_model_info info;
    pst_adapter *adapter = NULL;
    pst_model_describe(model, &info);
    assert_string_equal(info.device, "mil");
    assert_string_equal(info.layout, "split");
    assert_string_equal(info.precision, "float32");
    assert_int_equal(info.samples_max, 32000);
    assert_int_equal(info.num_beams_max, 0);
    assert_int_equal(
        pst_adapter_open(model, TEST_SOURCE_DIR "/tests/golden/adapter", NULL, &adapter, &err),
        PST_ERR_ARGUMENT);
    assert_null(adapter);
    pst_model_free(model);
    model = open_model(pieces, NULL);
    pst_model_describe(model, &info);
    assert_string_equal(info.layout, "stream");
    assert_int_equal(info.samples_max, 32000);
    pst_model_free(model);
    model = open_model(state, NULL);
    pst_model_describe(model, &info);
    assert_int_equal(info.num_beams_max, 1);
    pst_model_free(model);
    model = open_model(MICRO, NULL);
    pst_model_describe(model, &info);
    assert_string_equal(info.device, "cpu");
    assert_null(info.layout);
    pst_model_free(model);
}

/* -------------------------------------------------------------------------------------- batches */

struct job {
    size_t taken, segments;
    pst_model *model;
};

static int next(void *user, pst_clip *clip) {
    struct job *job = user;
    clip->samples = samples;
    clip->sample_count = SAMPLES;
    return job->taken++ < 3;
}

static int deliver(void *user, const pst_clip_result *result) {
    struct job *job = user;
    if (result->error) fail_msg("%s", result->error->message);
    job->segments += result->segment_count;
    return 0;
}

/* The window is as long as the packages hear, and each session has its own functions. */
static void a_batch_cuts_clips_to_length(void **nothing) {
    (void)nothing;
    struct job job = {0};
    pst_batch_options options;
    pst_model *model = open_model(state, NULL);
    pst_batch_options_init(&options);
    options.next = next;
    options.deliver = deliver;
    options.user = &job;
    must(pst_batch_run(model, &options, &err));
    assert_int_equal(job.segments, 6);
    pst_model_free(model);
}

enum { LONG = 10 * PST_SAMPLE_RATE_HZ };

/* Once: syllables of a buzz, without a pause. */
static int next_long(void *user, pst_clip *clip) {
    static float sound[LONG];
    struct job *job = user;
    for (int i = 0; i < LONG; i++) {
        double seconds = (double)i / PST_SAMPLE_RATE_HZ, sum = 0;
        for (int k = 1; k < 12; k++) sum += sin(2 * 3.14159265 * 120 * k * seconds) / k;
        sound[i] = (float)(fmod(seconds, 0.31) < 0.25 ? 0.1 * sum : 0);
    }
    clip->samples = sound;
    clip->sample_count = LONG;
    return job->taken++ < 1;
}

/* Segments that overlapped while they were heard do not as results; nobody has asked for words. */
static int deliver_sewn(void *user, const pst_clip_result *result) {
    struct job *job = user;
    double at = 0;
    if (result->error) fail_msg("%s", result->error->message);
    job->segments = result->segment_count;
    for (size_t i = 0; i < result->segment_count; i++) {
        const pst_segment *segment = &result->segments[i];
        char *text = NULL;
        assert_true(i == 0 ? segment->start < 0.1 : segment->start == at);
        at = segment->end;
        assert_null(segment->transcript->words);
        if (!segment->transcript->token_count) continue;
        must(pst_model_decode(job->model, segment->transcript->tokens,
                              segment->transcript->token_count, 1, &text, &err));
        assert_string_equal(text, segment->transcript->text);
        free(text);
    }
    assert_true(at > 9.5);
    return 0;
}

/* Packages that decode tell no times: the texts of an overlap are sewn by their words. */
static void speech_without_a_pause_is_sewn(void **nothing) {
    (void)nothing;
    struct job job = {.model = open_model(split, NULL)};
    pst_batch_options options;
    pst_vad *vad = NULL;
    must(pst_vad_open(NULL, &vad, &err));
    pst_batch_options_init(&options);
    options.next = next_long;
    options.deliver = deliver_sewn;
    options.user = &job;
    options.vad = vad;
    must(pst_batch_run(job.model, &options, &err));
    assert_true(job.segments >= 5);
    pst_vad_free(vad);
    pst_model_free(job.model);
}

static void sessions_watch_packages_too(void **nothing) {
    (void)nothing;
    pst_model *model = open_model(split, NULL);
    pst_session *session = open_session(model);
    double ms[PST_STAGE_COUNT];
    size_t count;
    must(pst_session_record(session, 1, &err));
    pst_transcript_free(transcribe(session, 16000, NULL));
    const pst_span *spans = pst_session_spans(session, &count, NULL);
    must(pst_spans_by_stage(spans, count, ms, &err));
    assert_true(ms[PST_STAGE_ENCODER] > 0);
    assert_true(ms[PST_STAGE_DECODER] > 0);
    pst_session_free(session);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_decode_as_the_engine),
        cmocka_unit_test(packages_encode_for_the_engine),
        cmocka_unit_test(a_single_package_gives_the_same_text),
        cmocka_unit_test(any_end_token_ends),
        cmocka_unit_test(what_packages_cannot_do_is_refused),
        cmocka_unit_test(devices_are_checked),
        cmocka_unit_test(models_say_what_they_are),
        cmocka_unit_test(a_batch_cuts_clips_to_length),
        cmocka_unit_test(speech_without_a_pause_is_sewn),
        cmocka_unit_test(sessions_watch_packages_too),
    };
    return cmocka_run_group_tests_name("package backend", tests, start, NULL);
}
