/* test_package_stream.c - an encoder that hears a clip piece by piece gives the memory that the
 * engine computes of the whole: for pieces of any length, clips of any end, and one clip after
 * another. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/run/package_stream.h"
#include "model/model.h"
#include "network/encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "potstill_tools.h"
#include "support/index_case.h"
#include "support/scratch.h"

#define STREAMING TEST_SOURCE_DIR "/tests/golden/micro_streaming"
enum { SAMPLES = 32000, FRAMES = 100, DIM = 40 };

/* Of the largest value: float32 in another order, and float16. */
static const float F32_ERROR = 1e-4f, F16_ERROR = 0.02f;
/* The least; within a frame of 5 ms; the end within the look-ahead of a piece; all there is. */
static const size_t COUNTS[] = {30000, 80, 1681, 5120, 5121, 9999, SAMPLES};
enum { COUNT = sizeof COUNTS / sizeof *COUNTS };

static pst_error err;
static float samples[SAMPLES], whole[COUNT][FRAMES * DIM];

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

/* What the engine computes of each clip. */
static int start(void **nothing) {
    (void)nothing;
    pst_model *model;
    pst_session *session;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) * sinf((float)i * 2e-4f) +
                     0.1f * sinf((float)i * (float)i * 1e-5f);
    must(pst_model_open(STREAMING, NULL, &model, &err));
    must(pst_session_new(model, NULL, &session, &err));
    for (int i = 0; i < COUNT; i++) {
        struct extent extent = {.beams = 1, .tokens = 2};
        extent_of_clip(&extent, &model->config, COUNTS[i]);
        struct engine *engine = engine_of(session->backend);
        must(engine_fit(engine, &extent, &err));
        encoder_forward(&engine->workspace, samples, COUNTS[i]);
        memcpy(whole[i], engine->workspace.memory, extent.frames * DIM * sizeof **whole);
    }
    pst_session_free(session);
    pst_model_free(model);
    return 0;
}

/* The memory of a clip by pieces; every frame has to come once, in order. */
static void hear(struct package_session *session, size_t count, float *memory) {
    const struct package_piece *piece = &session->package->index.piece;
    struct package_stream stream;
    struct package_rows rows;
    float *out = calloc(piece->frames, DIM * sizeof *out);
    assert_non_null(out);
    size_t frames = 0;
    must(package_stream_begin(&stream, session, session->package->index.lengths, samples, count,
                              &err));
    while (package_stream_goes_on(&stream)) {
        must(package_stream_next(&stream, &rows, &err));
        if (!rows.count) continue;
        assert_int_equal(rows.first, frames);
        must(session->runner->read(stream.encoder, "encoder_hidden_states", out,
                                   piece->frames * (size_t)DIM, &err));
        memcpy(memory + frames * DIM, out + rows.row * DIM, rows.count * DIM * sizeof *out);
        frames += rows.count;
    }
    assert_int_equal(frames, (count + 1279) / 320 - 3);
    free(out);
}

static void compare(pst_convert_options options, uint32_t piece_ms, float bound) {
    static float memory[FRAMES * DIM];
    static const uint32_t seconds = 2;
    const char *path = scratch_folder("package_stream");
    pst_model *model;
    struct package_session session;
    struct thread_pool *pool;
    options.layout = PST_CONVERT_STREAM;
    options.piece_ms = piece_ms;
    options.seconds = &seconds;
    options.seconds_count = 1;
    options.force = 1;
    char target[600];
    snprintf(target, sizeof target, "%s/pieces", path);
    must(pst_convert(STREAMING, NULL, 0, target, &options, &err));
    must(pst_model_open(target, NULL, &model, &err));
    must(thread_pool_new(&pool, 1, &err));
    must(package_session_open(&session, (const struct package_model *)model->device, pool, &err));
    for (int i = 0; i < COUNT; i++) {
        size_t count = (COUNTS[i] + 1279) / 320 * DIM - 3 * DIM;
        float apart = 0, size = 0;
        hear(&session, COUNTS[i], memory);
        for (size_t j = 0; j < count; j++) {
            float off = fabsf(memory[j] - whole[i][j]);
            if (!(off <= apart)) apart = off;
            size = fmaxf(size, fabsf(whole[i][j]));
        }
        if (!(apart <= bound * size))
            fail_msg("%zu samples in pieces of %u ms are %g off, of %g", COUNTS[i], piece_ms,
                     (double)apart, (double)size);
    }
    package_session_close(&session);
    thread_pool_free(pool);
    pst_model_free(model);
}

static void pieces_of_any_length_give_the_whole(void **nothing) {
    (void)nothing;
    static const uint32_t lengths[] = {320, 20, 60, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        pst_convert_options options;
        pst_convert_options_init(&options);
        options.precision = PST_CONVERT_FLOAT32;
        options.target = i % 2 ? PST_CONVERT_IOS18 : PST_CONVERT_IOS15;
        compare(options, lengths[i], F32_ERROR);
    }
}

static void float16_and_states_are_near(void **nothing) {
    (void)nothing;
    pst_convert_options options;
    pst_convert_options_init(&options);
    compare(options, 0, F16_ERROR);
    options.target = PST_CONVERT_IOS18;
    options.state = 1;
    compare(options, 0, F16_ERROR);
}

/* -------------------------------------------------------------------------------------- indices */

/* Of the conversion that compare() has made. */
static void expect_index(const char *from, const char *to, pst_status status, const char *part) {
    char target[600];
    const char *folder = scratch_folder("package_stream");
    snprintf(target, sizeof target, "%s/pieces", folder);
    index_case(folder, target, from, to, status, part);
}

static void odd_indices_are_refused(void **nothing) {
    (void)nothing;
    pst_convert_options options;
    pst_convert_options_init(&options);
    compare(options, 0, F16_ERROR);
    expect_index("\"stream\"", "\"stream\"", PST_OK, "");
    expect_index("\"moonshine_streaming\"", "\"other\"", PST_ERR_UNSUPPORTED,
                 "model_type \"other\"");
    expect_index("\"piece\"", "\"pieces\"", PST_ERR_MODEL, "frames is missing");
    expect_index("\"delay\": 5", "\"delay\": -1", PST_ERR_MODEL, "delay");
    expect_index("\"input\": \"kept_k\"", "\"input\": \"kept_x\"", PST_ERR_MODEL,
                 "no input kept_x that could be carried");
    expect_index("\"output\": \"new_k\"", "\"out\": \"new_k\"", PST_ERR_MODEL, "output is missing");
    expect_index("\"model_type\": \"moonshine_streaming\"", "\"model_type\": \"moonshine\"",
                 PST_ERR_MODEL, "the shapes of length 0 do not fit");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_length_give_the_whole),
        cmocka_unit_test(float16_and_states_are_near),
        cmocka_unit_test(odd_indices_are_refused),
    };
    return cmocka_run_group_tests_name("package stream", tests, start, NULL);
}
