/* test_golden.c - micro models of the true architecture against traces of the reference stack.
 *
 * tests/golden/<model>/trace.safetensors holds the output of every stage in float64 (rounded to
 * float32), decoding.json the tokens generate() gives. Each is run on every kernel set this CPU has
 * and on one and three threads. The first stage that differs is named. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "network/cross_kv.h"
#include "network/decoder.h"
#include "network/encoder.h"
#include "network/logits.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "support/decode_case.h"

/* Largest difference from the float64 trace, relative to the largest value of the stage: reached is
 * 5e-6 over all models, stages and kernel sets. */
static const float STAGE_BOUND = 1e-5f;
/* Sums of up to 40 float32 log-probabilities. */
static const float SCORE_BOUND = 2e-4f;

static const struct {
    const char *name, *model, *adapter;
} GOLDENS[] = {
    {"micro", "micro", NULL},
    {"micro_untied", "micro_untied", NULL},
    {"micro_bf16", "micro_bf16", NULL},
    {"micro_f16", "micro_f16", NULL},
    {"micro_sharded", "micro_sharded", NULL},
    {"micro_v4", "micro_v4", NULL},
    {"micro_v5", "micro_v5", NULL},
    {"micro_streaming", "micro_streaming", NULL},
    {"adapter", "micro", "adapter"},
};

struct setting {
    pst_cpu cpu;
    unsigned threads;
};

struct fixture {
    pst_model *model;
    pst_adapter *adapter;
    pst_session *session;
    struct safetensors trace;
};

static pst_error err;
static float worst;

static const char *golden_path(const char *folder, const char *file, char path[512]) {
    snprintf(path, 512, "%s/golden/%s%s%s", TEST_SOURCE_DIR "/tests", folder, file ? "/" : "",
             file ? file : "");
    return path;
}

/* Returns 0 when this CPU lacks the kernel set. */
static int set_up(struct fixture *fixture, size_t golden, struct setting setting) {
    char path[512];
    pst_model_options model_options;
    pst_session_options session_options;
    pst_model_options_init(&model_options);
    pst_session_options_init(&session_options);
    model_options.cpu = setting.cpu;
    session_options.threads = setting.threads;
    *fixture = (struct fixture){0};
    pst_status status = pst_model_open(golden_path(GOLDENS[golden].model, NULL, path),
                                       &model_options, &fixture->model, &err);
    if (status == PST_ERR_DEVICE) return 0;
    if (status) fail_msg("%s", err.message);
    if (GOLDENS[golden].adapter &&
        pst_adapter_open(fixture->model, golden_path(GOLDENS[golden].adapter, NULL, path), NULL,
                         &fixture->adapter, &err))
        fail_msg("%s", err.message);
    assert_int_equal(pst_session_new(fixture->model, &session_options, &fixture->session, &err), 0);
    assert_int_equal(pst_session_use_adapter(fixture->session, fixture->adapter, &err), 0);
    if (safetensors_open(&fixture->trace,
                         golden_path(GOLDENS[golden].name, "trace.safetensors", path), &err))
        fail_msg("%s", err.message);
    return 1;
}

static void tear_down(struct fixture *fixture) {
    pst_session_free(fixture->session);
    pst_adapter_free(fixture->adapter);
    pst_model_free(fixture->model);
    safetensors_close(&fixture->trace);
}

static const float *audio_of(const struct fixture *fixture, const char *name, size_t *count) {
    const struct tensor *tensor = safetensors_find(&fixture->trace, name);
    if (!tensor) {
        /* An adapter's trace uses the sounds of its model. */
        fail_msg("no %s in %s", name, fixture->trace.path);
    }
    *count = tensor->count;
    return tensor_floats_in_place(tensor);
}

/* Where the tracer stands: decoder stages come once a step. */
struct comparison {
    const struct fixture *fixture;
    const char *golden;
    size_t step;
};

static void compare(void *user, const char *stage, const float *data, size_t rows, size_t cols) {
    struct comparison *comparison = user;
    const struct tensor *tensor = safetensors_find(&comparison->fixture->trace, stage);
    if (!tensor) fail_msg("%s: the trace has no %s", comparison->golden, stage);
    const float *expected = tensor_floats_in_place(tensor);
    int stepwise = strncmp(stage, "decoder.", 8) == 0 || strcmp(stage, "logits") == 0;
    assert_int_equal(tensor->shape[1], cols);
    if (!stepwise) assert_int_equal(tensor->shape[0], rows);
    if (stepwise) expected += comparison->step * cols;
    float scale = 0, difference = 0;
    for (size_t i = 0; i < tensor->count; i++)
        scale = fmaxf(scale, fabsf(tensor_floats_in_place(tensor)[i]));
    for (size_t i = 0; i < rows * cols; i++) {
        if (isnan(data[i])) fail_msg("%s: %s: value %zu is NaN", comparison->golden, stage, i);
        difference = fmaxf(difference, fabsf(data[i] - expected[i]));
    }
    worst = fmaxf(worst, difference / scale);
    if (!(difference <= STAGE_BOUND * scale))
        fail_msg("%s: stage %s differs by %g, values up to %g", comparison->golden, stage,
                 (double)difference, (double)scale);
}

static void compare_stages(struct fixture *fixture, const char *golden) {
    struct comparison comparison = {fixture, golden, 0};
    size_t count;
    const float *samples = audio_of(fixture, "audio0", &count);
    const struct tensor *tokens = safetensors_find(&fixture->trace, "decoder_tokens");
    struct extent extent = {.beams = 1, .tokens = tokens->count};
    extent_of_clip(&extent, &fixture->session->model->config, count);
    struct engine *engine = engine_of(fixture->session->backend);
    assert_int_equal(engine_fit(engine, &extent, &err), 0);
    struct workspace *ws = &engine->workspace;
    ws->trace = compare;
    ws->trace_user = &comparison;
    encoder_forward(ws, samples, count);
    cross_kv_compute(ws);
    for (; comparison.step < tokens->count; comparison.step++) {
        int32_t token;
        memcpy(&token, tokens->data + 4 * comparison.step, sizeof token);
        decoder_step(ws, &token, 1, comparison.step);
        logits_compute(ws, 1);
    }
    ws->trace = NULL;
}

static void compare_case(struct fixture *fixture, const char *golden, size_t index,
                         const json_t *item) {
    size_t count;
    const float *samples =
        audio_of(fixture, json_string_value(json_object_get(item, "audio")), &count);
    struct decode_case decode;
    decode_case_read(&decode, fixture->model, json_object_get(item, "options"));
    pst_transcript *transcript;
    if (pst_transcribe(fixture->session, samples, count, &decode.options, &transcript, &err))
        fail_msg("%s case %zu: %s", golden, index, err.message);
    const json_t *tokens = json_object_get(item, "tokens");
    size_t common = 0;
    while (common < transcript->token_count && common < json_array_size(tokens) &&
           transcript->tokens[common] == json_integer_value(json_array_get(tokens, common)))
        common++;
    if (common < transcript->token_count || common < json_array_size(tokens))
        fail_msg("%s case %zu: tokens differ at %zu of %zu (closest call %g)", golden, index,
                 common, json_array_size(tokens), (double)transcript->margin);
    assert_string_equal(transcript->text, json_string_value(json_object_get(item, "text")));
    double score = json_number_value(json_object_get(item, "score"));
    if (decode.options.num_beams > 1 && isfinite(score) &&
        fabs(score - (double)transcript->score) > SCORE_BOUND * fmax(1, fabs(score)))
        fail_msg("%s case %zu: score is %g, expected %g", golden, index, (double)transcript->score,
                 score);
    pst_transcript_free(transcript);
    decode_case_free(&decode);
}

static void compare_decoding(struct fixture *fixture, const char *golden) {
    char path[512];
    json_error_t error;
    json_t *cases = json_load_file(golden_path(golden, "decoding.json", path), 0, &error), *item;
    size_t index;
    assert_non_null(cases);
    assert_true(json_array_size(cases) > 0);
    json_array_foreach(cases, index, item) compare_case(fixture, golden, index, item);
    json_decref(cases);
}

static void check(struct setting setting) {
    for (size_t i = 0; i < sizeof GOLDENS / sizeof GOLDENS[0]; i++) {
        struct fixture fixture;
        if (!set_up(&fixture, i, setting)) {
            print_message("skipped: this CPU lacks the kernel set\n");
            skip();
        }
        compare_stages(&fixture, GOLDENS[i].name);
        compare_decoding(&fixture, GOLDENS[i].name);
        tear_down(&fixture);
    }
    print_message("largest relative difference %.2g\n", (double)worst);
}

static void reference_kernels(void **state) {
    (void)state;
    check((struct setting){PST_CPU_REFERENCE, 1});
}

static void avx2_kernels(void **state) {
    (void)state;
    check((struct setting){PST_CPU_AVX2, 1});
}

static void avx512_kernels(void **state) {
    (void)state;
    check((struct setting){PST_CPU_AVX512, 1});
}

static void neon_kernels(void **state) {
    (void)state;
    check((struct setting){PST_CPU_NEON, 1});
}

static void three_threads(void **state) {
    (void)state;
    check((struct setting){PST_CPU_AUTO, 3});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_kernels), cmocka_unit_test(avx2_kernels),
        cmocka_unit_test(avx512_kernels),    cmocka_unit_test(neon_kernels),
        cmocka_unit_test(three_threads),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
