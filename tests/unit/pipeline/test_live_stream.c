/* test_live_stream.c - streams: what comes out depends on the sound and not on its pieces, final
 * texts are those of the line's samples, committed text stands, and nothing grows. On a micro model
 * of each family, whose texts mean nothing. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/resample.h"
#include "potstill.h"

enum { RATE = PST_SAMPLE_RATE_HZ, SAMPLES = 12 * RATE, LINES_MAX = 32 };

static const char *const MODELS[] = {TEST_SOURCE_DIR "/tests/golden/micro_streaming",
                                     TEST_SOURCE_DIR "/tests/golden/micro"};

static pst_error err;
static float sound[SAMPLES];

/* A voice says something four times: harmonics of a gliding tone in syllables, over a hiss. */
static void make_sound(void) {
    static const double SAID[][2] = {{1.0, 2.4}, {3.6, 4.4}, {5.6, 8.3}, {9.5, 10.6}};
    uint32_t seed = 5;
    double phase = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        double t = (double)i / RATE, level = 0, voice = 0;
        for (size_t s = 0; s < 4; s++)
            if (t >= SAID[s][0] && t < SAID[s][1]) level = 0.6 + 0.4 * sin(t * 25);
        phase += 6.283185307 * (140 + 30 * sin(t * 3)) / RATE;
        for (int h = 1; h < 20; h++) voice += sin(h * phase) / h;
        seed = seed * 1664525u + 1013904223u;
        sound[i] = (float)(0.15 * level * voice + 1e-3 * ((double)(seed >> 8) / 8388608.0 - 1));
    }
}

/* ------------------------------------------------------------------------------ what comes out */

struct heard_line {
    uint64_t first, samples;
    char text[512];
    int32_t tokens[256];
    size_t token_count, texts;
};

struct heard {
    struct heard_line lines[LINES_MAX];
    size_t count;
    char committed[512]; /* of the line at hand */
    int in_line;
};

static void hear(struct heard *heard, pst_stream *stream) {
    const pst_stream_event *event;
    while ((event = pst_stream_next_event(stream))) {
        assert_int_equal(event->line, heard->count);
        assert_int_equal(heard->in_line, event->kind != PST_LINE_STARTED);
        assert_in_range(heard->count, 0, LINES_MAX - 1);
        struct heard_line *line = &heard->lines[heard->count];
        if (event->kind == PST_LINE_STARTED) {
            heard->in_line = 1;
            heard->committed[0] = 0;
            *line = (struct heard_line){.first = event->first};
        } else if (event->kind == PST_LINE_TEXT) {
            size_t stands = strlen(heard->committed);
            assert_true(event->committed >= stands && event->committed <= strlen(event->text));
            assert_memory_equal(event->text, heard->committed, stands);
            assert_true(event->committed < sizeof heard->committed);
            memcpy(heard->committed, event->text, event->committed);
            heard->committed[event->committed] = 0;
            line->texts++;
        } else {
            assert_int_equal(event->first, line->first);
            assert_int_equal(event->committed, strlen(event->text));
            line->samples = event->samples;
            assert_true(strlen(event->text) < sizeof line->text);
            strcpy(line->text, event->text);
            assert_in_range(event->token_count, 1, 256);
            memcpy(line->tokens, event->tokens, event->token_count * sizeof *event->tokens);
            line->token_count = event->token_count;
            heard->in_line = 0;
            heard->count++;
        }
    }
}

static pst_stream *new_stream(const pst_model *model, double line_max_s) {
    pst_stream_options options;
    pst_stream *stream;
    pst_stream_options_init(&options);
    options.line_max_s = line_max_s;
    if (pst_stream_new(model, &options, &stream, &err)) fail_msg("%s", err.message);
    return stream;
}

/* The sound from sample `start` on in pieces of `piece` samples; 0: of varied length. */
static void feed_from(pst_stream *stream, size_t start, size_t piece, struct heard *heard) {
    uint32_t seed = 3;
    *heard = (struct heard){0};
    for (size_t at = start; at < SAMPLES;) {
        seed = seed * 1664525u + 1013904223u;
        size_t count = piece ? piece : (seed >> 16) % 9000;
        if (count > SAMPLES - at) count = SAMPLES - at;
        if (pst_stream_feed(stream, sound + at, count, &err)) fail_msg("%s", err.message);
        hear(heard, stream);
        at += count;
    }
    if (pst_stream_finish(stream, &err)) fail_msg("%s", err.message);
    hear(heard, stream);
    assert_false(heard->in_line);
}

static void feed(pst_stream *stream, size_t piece, struct heard *heard) {
    feed_from(stream, 0, piece, heard);
}

static void compare(const struct heard *a, const struct heard *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct heard_line *x = &a->lines[i], *y = &b->lines[i];
        assert_int_equal(x->first, y->first);
        assert_int_equal(x->samples, y->samples);
        assert_int_equal(x->token_count, y->token_count);
        assert_memory_equal(x->tokens, y->tokens, x->token_count * sizeof *x->tokens);
        assert_string_equal(x->text, y->text);
    }
}

/* ---------------------------------------------------------------------------------- the tests */

static pst_model *open_model(const char *dir, pst_precision precision) {
    pst_model *model;
    pst_model_options options;
    pst_model_options_init(&options);
    options.precision = precision;
    if (pst_model_open(dir, &options, &model, &err)) fail_msg("%s", err.message);
    return model;
}

/* Each completed line against the same samples as a clip. */
static void compare_with_clips(const pst_model *model, const struct heard *heard) {
    pst_session *session;
    assert_int_equal(pst_session_new(model, NULL, &session, &err), PST_OK);
    for (size_t i = 0; i < heard->count; i++) {
        const struct heard_line *line = &heard->lines[i];
        pst_transcript *transcript;
        if (pst_transcribe(session, sound + line->first, (size_t)line->samples, NULL, &transcript,
                           &err))
            fail_msg("%s", err.message);
        assert_string_equal(transcript->text, line->text);
        assert_int_equal(transcript->token_count, line->token_count);
        assert_memory_equal(transcript->tokens, line->tokens,
                            line->token_count * sizeof *line->tokens);
        pst_transcript_free(transcript);
    }
    pst_session_free(session);
}

static void check_pieces(const char *dir, pst_precision precision, double line_max_s) {
    static const size_t PIECES[] = {320, 1600, 4321, SAMPLES, 0};
    pst_model *model = open_model(dir, precision);
    struct heard *first = calloc(1, sizeof *first), *other = calloc(1, sizeof *other);
    pst_stream *stream = new_stream(model, line_max_s);
    feed(stream, 512, first);
    assert_true(first->count >= 4);
    compare_with_clips(model, first);
    pst_stream_free(stream);
    for (size_t i = 0; i < sizeof PIECES / sizeof PIECES[0]; i++) {
        stream = new_stream(model, line_max_s);
        feed(stream, PIECES[i], other);
        compare(first, other);
        pst_stream_free(stream);
    }
    free(first);
    free(other);
    pst_model_free(model);
}

static void any_pieces_give_the_texts_of_the_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++)
            check_pieces(MODELS[i], (pst_precision)precision, 0);
}

/* The third line is longer than two seconds. */
static void long_lines_are_ended(void **state) {
    (void)state;
#if !defined(__SANITIZE_THREAD__) /* shares no more than the test above, and takes minutes there */
    for (size_t i = 0; i < 2; i++) check_pieces(MODELS[i], PST_PRECISION_F32, 2);
#endif
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    pst_stream *stream = new_stream(model, 2);
    struct heard *heard = calloc(1, sizeof *heard);
    feed(stream, 512, heard);
    assert_true(heard->count >= 5);
    uint64_t end = 0;
    for (size_t i = 0; i < heard->count; i++) {
        assert_true(heard->lines[i].samples <= 2 * RATE + 512);
        assert_true(heard->lines[i].first >= end); /* no sample is in two lines */
        end = heard->lines[i].first + heard->lines[i].samples;
    }
    free(heard);
    pst_stream_free(stream);
    pst_model_free(model);
}

static void nothing_grows(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pst_model *model = open_model(MODELS[i], PST_PRECISION_F32);
        pst_stream *stream = new_stream(model, 0);
        struct heard *heard = calloc(1, sizeof *heard);
        feed(stream, 1600, heard);
        size_t lines = heard->count, memory = pst_stream_memory(stream);
        for (int again = 0; again < 4; again++) {
            for (size_t at = 0; at + 1600 <= SAMPLES; at += 1600)
                assert_int_equal(pst_stream_feed(stream, sound + at, 1600, &err), PST_OK);
            size_t completed = 0;
            for (const pst_stream_event *event; (event = pst_stream_next_event(stream));)
                completed += event->kind == PST_LINE_COMPLETED;
            assert_true(completed + 1 >= lines);
            assert_int_equal(pst_stream_memory(stream), memory);
        }
        free(heard);
        pst_stream_free(stream);
        pst_model_free(model);
    }
}

/* The sound as if it was of another rate: lines are those of the stream at 16 kHz that gets what
 * the resampler makes of all of it. */
static void another_rate_is_resampled(void **state) {
    (void)state;
    enum { OTHER_RATE = 24000 };
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    struct heard *expected = calloc(1, sizeof *expected), *heard = calloc(1, sizeof *heard);
    struct resampler resampler;
    struct sample_list whole = {0};
    pst_stream_options options;
    pst_stream *stream = new_stream(model, 0);
    assert_int_equal(resampler_open(&resampler, OTHER_RATE, &err), PST_OK);
    assert_int_equal(resampler_push(&resampler, sound, SAMPLES, &whole, &err), PST_OK);
    assert_int_equal(resampler_finish(&resampler, &whole, &err), PST_OK);
    assert_int_equal(pst_stream_feed(stream, whole.data, whole.count, &err), PST_OK);
    assert_int_equal(pst_stream_finish(stream, &err), PST_OK);
    hear(expected, stream);
    pst_stream_free(stream);
    pst_stream_options_init(&options);
    options.rate_hz = OTHER_RATE;
    assert_int_equal(pst_stream_new(model, &options, &stream, &err), PST_OK);
    feed(stream, 777, heard);
    compare(expected, heard);
    /* It goes on after its end, and hears the same. */
    assert_int_equal(pst_stream_feed(stream, sound, SAMPLES, &err), PST_OK);
    assert_int_equal(pst_stream_finish(stream, &err), PST_OK);
    size_t completed = 0;
    for (const pst_stream_event *event; (event = pst_stream_next_event(stream));)
        completed += event->kind == PST_LINE_COMPLETED;
    assert_int_equal(completed, expected->count);
    pst_stream_free(stream);
    options.rate_hz = 10;
    assert_int_equal(pst_stream_new(model, &options, &stream, &err), PST_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "rate_hz"));
    resampler_close(&resampler);
    sample_list_free(&whole);
    free(expected);
    free(heard);
    pst_model_free(model);
}

static void silence_gives_nothing(void **state) {
    (void)state;
    static const float silence[RATE];
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    pst_stream *stream = new_stream(model, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(pst_stream_feed(stream, silence, RATE, &err), PST_OK);
    assert_int_equal(pst_stream_feed(stream, NULL, 0, &err), PST_OK);
    assert_int_equal(pst_stream_finish(stream, &err), PST_OK);
    assert_int_equal(pst_stream_finish(stream, &err), PST_OK);
    assert_null(pst_stream_next_event(stream));
    pst_stream_free(stream);
    pst_model_free(model);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    pst_stream_options options;
    pst_stream *stream;
    static const struct {
        size_t field;
        double value;
        const char *name;
    } WRONG[] = {
        {offsetof(pst_stream_options, pause_s), 0.01, "pause_s"},
        {offsetof(pst_stream_options, pause_s), NAN, "pause_s"},
        {offsetof(pst_stream_options, pad_s), -1, "pad_s"},
        {offsetof(pst_stream_options, line_max_s), 1e9, "line_max_s"},
        {offsetof(pst_stream_options, update_s), -0.1, "update_s"},
        {offsetof(pst_stream_options, threshold), 1, "threshold"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        pst_stream_options_init(&options);
        memcpy((char *)&options + WRONG[i].field, &WRONG[i].value, sizeof(double));
        assert_int_equal(pst_stream_new(model, &options, &stream, &err), PST_ERR_ARGUMENT);
        assert_non_null(strstr(err.message, WRONG[i].name));
    }
    assert_int_equal(pst_stream_new(NULL, NULL, &stream, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_stream_new(model, NULL, &stream, &err), PST_OK);
    const float odd[3] = {0, INFINITY, 0};
    assert_int_equal(pst_stream_feed(stream, odd, 3, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "sample 1"));
    struct heard *heard = calloc(1, sizeof *heard);
    feed(stream, 512, heard); /* and it goes on */
    assert_true(heard->count >= 4);
    free(heard);
    pst_stream_free(stream);
    pst_model_free(model);
}

/* -------------------------------------------------------------------------- several at a time */

struct speaker {
    const pst_model *model;
    size_t start; /* of what this one says: no two say the same */
    struct heard heard;
};

static void *speak(void *argument) {
    struct speaker *speaker = argument;
    pst_stream *stream = new_stream(speaker->model, 0);
    feed_from(stream, speaker->start, 1600, &speaker->heard);
    pst_stream_free(stream);
    return NULL;
}

/* Sixteen at once give what each gives alone. */
static void streams_share_a_model(void **state) {
    (void)state;
    enum { STREAMS = 16, STEP = SAMPLES / 2 / STREAMS };
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    struct speaker *speakers = calloc(STREAMS, sizeof *speakers), *alone = calloc(1, sizeof *alone);
    pthread_t threads[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        speakers[i].model = model;
        speakers[i].start = i * STEP;
        assert_int_equal(pthread_create(&threads[i], NULL, speak, &speakers[i]), 0);
    }
    for (size_t i = 0; i < STREAMS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < STREAMS; i++) {
        *alone = (struct speaker){.model = model, .start = speakers[i].start};
        speak(alone);
        assert_true(alone->heard.count >= 2);
        compare(&alone->heard, &speakers[i].heard);
    }
    free(alone);
    free(speakers);
    pst_model_free(model);
}

/* ------------------------------------------------------------------------------------ an hour */

/* The compiler's tools take memory of their own, and ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MINUTES = 5, TELLS_MEMORY = 0 };
#else
enum { MINUTES = 60, TELLS_MEMORY = 1 };
#endif

/* Bytes of this process in memory; 0: the system does not tell. */
static size_t resident(void) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* `minutes` of sound: in each, some of the voice, else the silence between. */
static size_t talk(pst_stream *stream, int minutes) {
    static const float silence[RATE];
    size_t lines = 0;
    for (int minute = 0; minute < minutes; minute++) {
        for (int second = 0; second < 60; second++) {
            const float *samples = second < 6 ? sound + second * RATE : silence;
            if (pst_stream_feed(stream, samples, RATE, &err)) fail_msg("%s", err.message);
            for (const pst_stream_event *event; (event = pst_stream_next_event(stream));)
                lines += event->kind == PST_LINE_COMPLETED;
        }
    }
    return lines;
}

/* A megabyte is less than half a minute of samples. */
static void an_hour_takes_no_more_than_a_minute(void **state) {
    (void)state;
    pst_model *model = open_model(MODELS[0], PST_PRECISION_F32);
    pst_stream *stream = new_stream(model, 0);
    size_t lines = talk(stream, 1), held = pst_stream_memory(stream), before = resident();
    assert_true(lines >= 2);
    assert_true(talk(stream, MINUTES - 1) >= (MINUTES - 1) * lines - 1);
    assert_int_equal(pst_stream_memory(stream), held);
    size_t after = resident();
    if (TELLS_MEMORY && before && after > before + (1 << 20))
        fail_msg("%zu bytes after a minute, %zu after an hour", before, after);
    pst_stream_free(stream);
    pst_model_free(model);
}

int main(void) {
    make_sound();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pieces_give_the_texts_of_the_lines),
        cmocka_unit_test(long_lines_are_ended),
        cmocka_unit_test(nothing_grows),
        cmocka_unit_test(another_rate_is_resampled),
        cmocka_unit_test(silence_gives_nothing),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(streams_share_a_model),
        cmocka_unit_test(an_hour_takes_no_more_than_a_minute),
    };
    cmocka_set_test_filter(getenv("POTSTILL_TESTS")); /* a pattern: fewer of them */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
