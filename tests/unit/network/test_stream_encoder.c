/* test_stream_encoder.c - a stream in pieces of any size against the whole clip, bit for bit: the
 * memory, and the keys and values that the decoder reads. On every kernel set and in every
 * precision. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network/cross_kv.h"
#include "network/encoder.h"
#include "network/stream_encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"

#define MODEL TEST_SOURCE_DIR "/tests/golden/micro_streaming"

enum { SAMPLES = 40037, FRAMES_MAX = 200 }; /* 2.5 s, and 37 samples of a frame that is not whole */

static pst_error err;
static float samples[SAMPLES];

/* A sound that no two frames have alike. */
static void make_samples(void) {
    uint32_t seed = 7;
    for (size_t i = 0; i < SAMPLES; i++) {
        seed = seed * 1664525u + 1013904223u;
        float noise = (float)(seed >> 8) / 8388608.0f - 1;
        samples[i] = 0.3f * sinf((float)i * (float)i * 1e-6f) + 0.1f * noise;
    }
}

struct fixture {
    pst_model *model;
    pst_session *session;
    struct workspace *ws;
    struct engine *engine;
    size_t frames, dim;
    float *whole;  /* [frames, dim]: the memory of the clip */
    float *pieces; /* [FRAMES_MAX, dim]: what the stream gave */
};

static pst_status open_session(struct fixture *fixture, pst_cpu cpu, pst_precision precision) {
    pst_model_options options;
    pst_model_options_init(&options);
    options.cpu = cpu;
    options.precision = precision;
    *fixture = (struct fixture){0};
    pst_status status = pst_model_open(MODEL, &options, &fixture->model, &err);
    if (!status) status = pst_session_new(fixture->model, NULL, &fixture->session, &err);
    if (status) {
        pst_model_free(fixture->model);
        return status;
    }
    fixture->engine = engine_of(fixture->session->backend);
    fixture->ws = &fixture->engine->workspace;
    fixture->dim = fixture->model->config.encoder_dim;
    return PST_OK;
}

static void close_session(struct fixture *fixture) {
    free(fixture->whole);
    free(fixture->pieces);
    pst_session_free(fixture->session);
    pst_model_free(fixture->model);
}

/* The first `count` samples at once. */
static void encode_whole(struct fixture *fixture, size_t count) {
    struct workspace *ws = fixture->ws;
    struct extent extent = {.beams = 1, .tokens = 8};
    extent_of_clip(&extent, &fixture->model->config, count);
    assert_int_equal(engine_fit(fixture->engine, &extent, &err), PST_OK);
    encoder_forward(ws, samples, count);
    fixture->frames = ws->extent.frames;
    assert_in_range(fixture->frames, 1, FRAMES_MAX);
    size_t bytes = fixture->frames * fixture->dim * sizeof(float);
    fixture->whole = realloc(fixture->whole, bytes);
    memcpy(fixture->whole, ws->memory, bytes);
}

struct stream {
    struct stream_encoder encoder;
    size_t frames;
};

static void add(struct fixture *fixture, struct stream *stream, size_t frames) {
    assert_true(frames <= stream_encoder_frames(&fixture->model->config));
    assert_true(stream->frames + frames <= FRAMES_MAX);
    memcpy(fixture->pieces + stream->frames * fixture->dim, fixture->ws->memory,
           frames * fixture->dim * sizeof(float));
    stream->frames += frames;
}

static void begin(struct fixture *fixture, struct stream *stream) {
    struct extent extent = {.beams = 1, .tokens = 8, .frames = FRAMES_MAX};
    extent.encoded = stream_encoder_frames(&fixture->model->config);
    assert_int_equal(engine_fit(fixture->engine, &extent, &err), PST_OK);
    fixture->pieces = realloc(fixture->pieces, FRAMES_MAX * fixture->dim * sizeof(float));
    stream->frames = 0;
}

/* Samples [from, to) in pieces of the lengths that `next` gives. */
static void push(struct fixture *fixture, struct stream *stream, size_t from, size_t to,
                 size_t (*next)(uint32_t *state), uint32_t state) {
    while (from < to) {
        size_t count = next(&state);
        if (count > to - from) count = to - from;
        add(fixture, stream, stream_encoder_push(&stream->encoder, samples + from, count));
        from += count;
    }
}

static void compare(const struct fixture *fixture, const struct stream *stream) {
    assert_int_equal(stream->frames, fixture->frames);
    for (size_t i = 0; i < fixture->frames; i++)
        if (memcmp(fixture->whole + i * fixture->dim, fixture->pieces + i * fixture->dim,
                   fixture->dim * sizeof(float)))
            fail_msg("frame %zu of %zu differs", i, fixture->frames);
}

static size_t always(uint32_t *state) {
    return *state;
}

static size_t varied(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % 2 ? (*state >> 20) % 400 : (*state >> 17) % STREAM_PIECE_SAMPLES;
}

static void check_cuttings(struct fixture *fixture, size_t count) {
    static const uint32_t LENGTHS[] = {37, 79, 80, 81, 320, 333, 1600, STREAM_PIECE_SAMPLES};
    struct stream stream;
    encode_whole(fixture, count);
    assert_int_equal(stream_encoder_init(&stream.encoder, fixture->ws, &err), PST_OK);
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0] + 2; i++) {
        int fixed = i < sizeof LENGTHS / sizeof LENGTHS[0];
        begin(fixture, &stream);
        stream_encoder_begin(&stream.encoder);
        push(fixture, &stream, 0, count, fixed ? always : varied, fixed ? LENGTHS[i] : (uint32_t)i);
        add(fixture, &stream, stream_encoder_end(&stream.encoder));
        compare(fixture, &stream);
    }
    stream_encoder_free(&stream.encoder);
}

/* Each setting that this CPU has. */
static void for_each_setting(void (*check)(struct fixture *fixture)) {
    size_t run = 0;
    for (int cpu = PST_CPU_AUTO; cpu <= PST_CPU_NEON_I8MM; cpu++)
        for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++) {
            struct fixture fixture;
            pst_status status = open_session(&fixture, (pst_cpu)cpu, (pst_precision)precision);
            if (status == PST_ERR_DEVICE) continue;
            if (status) fail_msg("%s", err.message);
            check(&fixture);
            close_session(&fixture);
            run++;
        }
    assert_true(run >= 3);
}

static void check_lengths(struct fixture *fixture) {
    static const size_t COUNTS[] = {80, 81, 320, 961, 3200, 16001, SAMPLES};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++)
        check_cuttings(fixture, COUNTS[i]);
}

static void any_cutting_gives_the_memory_of_the_whole_clip(void **state) {
    (void)state;
    for_each_setting(check_lengths);
}

static void check_going_on(struct fixture *fixture) {
    struct stream stream;
    encode_whole(fixture, SAMPLES);
    begin(fixture, &stream);
    assert_int_equal(stream_encoder_init(&stream.encoder, fixture->ws, &err), PST_OK);
    for (size_t from = 0, to; from < SAMPLES; from = to) {
        to = from + 7001 < SAMPLES ? from + 7001 : SAMPLES;
        push(fixture, &stream, from, to, always, 500);
        stream_encoder_save(&stream.encoder);
        stream_encoder_end(&stream.encoder);
        stream_encoder_restore(&stream.encoder);
    }
    add(fixture, &stream, stream_encoder_end(&stream.encoder));
    compare(fixture, &stream);
    stream_encoder_free(&stream.encoder);
}

static void an_ended_clip_can_go_on(void **state) {
    (void)state;
    for_each_setting(check_going_on);
}

/* Keys and values of the clip, and of the same frames appended a few at a time. */
static void check_keys(struct fixture *fixture) {
    struct workspace *ws = fixture->ws;
    const struct config *config = &fixture->model->config;
    struct stream stream;
    encode_whole(fixture, SAMPLES);
    cross_kv_compute(ws);
    float *context = malloc(2 * config->width * sizeof *context), *q = calloc(1, 1 << 16);
    for (size_t i = 0; i < config->head_dim; i++) q[i] = (float)i - 3;
    for (int streamed = 0; streamed < 2; streamed++) {
        if (streamed) {
            begin(fixture, &stream);
            cache_at_hand(ws)->frames = 0;
            assert_int_equal(stream_encoder_init(&stream.encoder, ws, &err), PST_OK);
            for (size_t from = 0; from < SAMPLES; from += 777) {
                size_t count = SAMPLES - from < 777 ? SAMPLES - from : 777;
                size_t frames = stream_encoder_push(&stream.encoder, samples + from, count);
                add(fixture, &stream, frames);
                cross_kv_append(ws, frames);
            }
            size_t frames = stream_encoder_end(&stream.encoder);
            add(fixture, &stream, frames);
            cross_kv_append(ws, frames);
            assert_int_equal(cache_at_hand(ws)->frames, fixture->frames);
            stream_encoder_free(&stream.encoder);
        }
        for (size_t head = 0; head < config->heads; head++)
            cross_kv_attend(ws, cache_at_hand(ws), config->decoder_layers - 1, head, q, 1, 0,
                            &ws->scratch[0]);
        memcpy(context + streamed * config->width, ws->step.context,
               config->width * sizeof *context);
    }
    assert_memory_equal(context, context + config->width, config->width * sizeof *context);
    free(context);
    free(q);
}

static void appended_keys_are_those_of_the_clip(void **state) {
    (void)state;
    for_each_setting(check_keys);
}

int main(void) {
    make_samples();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cutting_gives_the_memory_of_the_whole_clip),
        cmocka_unit_test(an_ended_clip_can_go_on),
        cmocka_unit_test(appended_keys_are_those_of_the_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
