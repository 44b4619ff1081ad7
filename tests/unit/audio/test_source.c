/* test_source.c - live sound: bytes in pieces of any size give the samples of the file, streams
 * that stall, are cut or lie are handled, and what is no sound is refused by name. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/source/pcm_format.h"
#include "potstill.h"
#include "support/scratch.h"

static pst_error err;

/* --------------------------------------------------------------------------------- what is sent */

struct sent {
    int fd;
    const unsigned char *bytes;
    size_t count, piece;
};

static void *send(void *argument) {
    const struct sent *sent = argument;
    for (size_t at = 0; at < sent->count;) {
        size_t part = sent->count - at < sent->piece ? sent->count - at : sent->piece;
        ssize_t done = write(sent->fd, sent->bytes + at, part);
        if (done < 0) break;
        at += (size_t)done;
    }
    close(sent->fd);
    return NULL;
}

/* Reads all that a source gives of `bytes`; the result is the status of the last call. */
static pst_status receive(const unsigned char *bytes, size_t count, size_t piece,
                          const pst_source_options *options, float *samples, size_t *got) {
    int ends[2];
    pthread_t thread;
    pst_source *source = NULL;
    *got = 0;
    assert_int_equal(pipe(ends), 0);
    struct sent sent = {ends[1], bytes, count, piece};
    assert_int_equal(pthread_create(&thread, NULL, send, &sent), 0);
    pst_status status = pst_source_open_fd(ends[0], "the pipe", options, &source, &err);
    for (size_t part = 1; !status && part; *got += part)
        status = pst_source_read(source, samples + *got, 500, &part, &err);
    pst_source_free(source);
    close(ends[0]);
    pthread_join(thread, NULL);
    return status;
}

static void put(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* A header with a chunk before the sound; returns its length. */
static size_t make_header(unsigned char *at, uint32_t tag, uint32_t bits, uint32_t channels,
                          uint32_t rate, uint32_t data) {
    memcpy(at, "RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0", 32);
    put(at + 32, tag, 2);
    put(at + 34, channels, 2);
    put(at + 36, rate, 4);
    put(at + 40, rate * channels * bits / 8, 4);
    put(at + 44, channels * bits / 8, 2);
    put(at + 46, bits, 2);
    memcpy(at + 48, "data", 4);
    put(at + 52, data, 4);
    return 56;
}

/* ------------------------------------------------------------------------------------ the tests */

enum { FRAMES = 3000 };
static float samples[3 * FRAMES];
static unsigned char bytes[64 + 8 * FRAMES];

static void raw_samples_come_as_they_are(void **state) {
    (void)state;
    static const size_t PIECES[] = {1, 3, 100, 65536};
    pst_source_options options;
    pst_source_options_init(&options);
    for (int real = 0; real < 2; real++)
        for (size_t i = 0; i < 4; i++) {
            size_t got, size = real ? 4 : 2;
            options.format = real ? PST_SOUND_F32LE : PST_SOUND_S16LE;
            for (int32_t t = 0; t < FRAMES; t++) {
                float value = (float)(t - 1500) / 4096;
                uint32_t bits;
                memcpy(&bits, &value, 4);
                put(bytes + size * (size_t)t, real ? bits : (uint32_t)(8 * (t - 1500)), (int)size);
            }
            assert_int_equal(receive(bytes, size * FRAMES, PIECES[i], &options, samples, &got),
                             PST_OK);
            assert_int_equal(got, FRAMES);
            for (int32_t t = 0; t < FRAMES; t++)
                assert_true(samples[t] == (float)(t - 1500) / 4096);
        }
}

static void wav_streams_say_what_follows(void **state) {
    (void)state;
    static const struct {
        uint32_t tag, bits, channels;
        unsigned char frame[8];
        float value;
    } CASES[] = {
        {1, 8, 1, {0xC0}, 0.5f},
        {1, 16, 2, {0x00, 0x40, 0x00, 0xC0}, 0},
        {1, 16, 2, {0x00, 0x40, 0x00, 0x00}, 0.25f},
        {1, 24, 1, {0x00, 0x00, 0xC0}, -0.5f},
        {1, 32, 1, {0, 0, 0, 0x20}, 0.25f},
        {3, 32, 2, {0, 0, 0x80, 0x3f, 0, 0, 0, 0}, 0.5f},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (size_t piece = 1; piece < 100; piece += 13) {
            size_t got, frame = CASES[i].channels * CASES[i].bits / 8;
            size_t at =
                make_header(bytes, CASES[i].tag, CASES[i].bits, CASES[i].channels, 16000, 0);
            for (size_t t = 0; t < 50; t++) memcpy(bytes + at + t * frame, CASES[i].frame, frame);
            if (receive(bytes, at + 50 * frame, piece, NULL, samples, &got))
                fail_msg("%s", err.message);
            assert_int_equal(got, 50);
            for (size_t t = 0; t < 50; t++) assert_true(samples[t] == CASES[i].value);
        }
}

static void other_rates_are_resampled(void **state) {
    (void)state;
    pst_source_options options;
    pst_source_options_init(&options);
    options.format = PST_SOUND_S16LE;
    options.rate_hz = 8000;
    for (size_t t = 0; t < FRAMES; t++)
        put(bytes + 2 * t, (uint32_t)(int32_t)(8000 * sin((double)t * 0.2)), 2);
    size_t got;
    assert_int_equal(receive(bytes, (size_t)2 * FRAMES, 700, &options, samples, &got), PST_OK);
    assert_int_equal(got, 2 * FRAMES);
    for (size_t t = 200; t + 200 < got; t++)
        assert_true(fabs(samples[t] - 8000 * sin((double)t * 0.1) / 32768) < 1e-3);
}

/* The end cuts a sample in two. */
static void half_a_sample_is_dropped(void **state) {
    (void)state;
    pst_source_options options;
    pst_source_options_init(&options);
    options.format = PST_SOUND_F32LE;
    memset(bytes, 0, 4 * 100);
    size_t got;
    assert_int_equal(receive(bytes, 4 * 100 - 1, 9, &options, samples, &got), PST_OK);
    assert_int_equal(got, 99);
    assert_int_equal(receive(bytes, 0, 9, &options, samples, &got), PST_OK);
    assert_int_equal(got, 0);
}

static void what_is_no_sound_is_refused(void **state) {
    (void)state;
    size_t got, at = make_header(bytes, 1, 16, 1, 16000, 0);
    static const struct {
        size_t place;
        const char *bytes;
        size_t count;
        const char *message;
    } DAMAGES[] = {
        {0, "OggS", 4, "is not a WAV stream"},
        {8, "AVI ", 4, "is not a WAV stream"},
        {16, "\xff\xff\xff\x7f", 4, "no sound behind it"},
        {32, "\x02", 1, "of a kind"},
        {46, "\x0c", 1, "of a kind"},
        {34, "\0\0", 2, "has 0 channels"},
        {36, "\x10\0\0\0", 4, "sample rate is 16 Hz"},
        {24, "xmt ", 4, "does not tell its format"},
        {28, "\x08\0\0\0", 4, "damaged"},
    };
    for (size_t i = 0; i < sizeof DAMAGES / sizeof DAMAGES[0]; i++) {
        unsigned char damaged[64 + 100] = {0};
        memcpy(damaged, bytes, at);
        memcpy(damaged + DAMAGES[i].place, DAMAGES[i].bytes, DAMAGES[i].count);
        assert_int_equal(receive(damaged, sizeof damaged, 10, NULL, samples, &got), PST_ERR_INPUT);
        if (!strstr(err.message, DAMAGES[i].message) || !strstr(err.message, "the pipe: "))
            fail_msg("damage %zu: %s", i, err.message);
    }
    assert_int_equal(receive(bytes, 30, 10, NULL, samples, &got), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "ends within"));
    pst_source_options options;
    pst_source_options_init(&options);
    options.format = PST_SOUND_F32LE;
    memset(bytes, 0, 400);
    memcpy(bytes + 200, "\0\0\xc0\x7f", 4); /* NaN */
    assert_int_equal(receive(bytes, 400, 10, &options, samples, &got), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "not a finite number"));
}

static void a_source_that_stalls_can_be_stopped(void **state) {
    (void)state;
    int ends[2];
    size_t got;
    pst_source *source;
    pst_source_options options;
    pst_source_options_init(&options);
    options.format = PST_SOUND_S16LE;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pst_source_open_fd(ends[0], "it", &options, &source, &err), PST_OK);
    assert_int_equal(write(ends[1], bytes, 8), 8);
    assert_int_equal(pst_source_read(source, samples, 500, &got, &err), PST_OK);
    assert_int_equal(got, 4);
    pst_source_stop(source);
    assert_int_equal(pst_source_read(source, samples, 500, &got, &err), PST_OK);
    assert_int_equal(got, 0);
    pst_source_free(source);
    close(ends[0]);
    close(ends[1]);
}

static void files_are_read_like_clips(void **state) {
    (void)state;
    const char *path = TEST_SOURCE_DIR "/tests/cli/audio/chirp.wav";
    pst_audio audio;
    pst_source *source;
    if (pst_audio_read(path, &audio, &err)) fail_msg("%s", err.message);
    assert_int_equal(pst_source_open_file(path, &source, &err), PST_OK);
    size_t at = 0, part;
    do {
        float some[777];
        assert_int_equal(pst_source_read(source, some, 777, &part, &err), PST_OK);
        assert_true(at + part <= audio.count);
        assert_memory_equal(some, audio.samples + at, part * sizeof *some);
        at += part;
    } while (part);
    assert_int_equal(at, audio.count);
    pst_source_free(source);
    pst_audio_free(&audio);
    assert_int_equal(pst_source_open_file("/no/such/file", &source, &err), PST_ERR_INPUT);
}

/* Nine channels: their sum depends on its order. */
static void a_wav_stream_is_heard_as_the_file(void **state) {
    (void)state;
    enum { CHANNELS = 9 };
    size_t got, at = make_header(bytes, 1, 16, CHANNELS, 16000, 2 * CHANNELS * 500);
    size_t size = at + (size_t)2 * CHANNELS * 500;
    uint32_t seed = 1;
    for (size_t i = at; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(seed >> 24);
    }
    put(bytes + 4, (uint32_t)size - 8, 4);
    char path[600];
    snprintf(path, sizeof path, "%s/nine.wav", scratch_folder("source"));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    pst_audio audio;
    if (pst_audio_read(path, &audio, &err)) fail_msg("%s", err.message);
    if (receive(bytes, size, 333, NULL, samples, &got)) fail_msg("%s", err.message);
    assert_int_equal(got, audio.count);
    assert_memory_equal(samples, audio.samples, got * sizeof *samples);
    pst_audio_free(&audio);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* a source that refuses reads no further */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_samples_come_as_they_are),
        cmocka_unit_test(wav_streams_say_what_follows),
        cmocka_unit_test(a_wav_stream_is_heard_as_the_file),
        cmocka_unit_test(other_rates_are_resampled),
        cmocka_unit_test(half_a_sample_is_dropped),
        cmocka_unit_test(what_is_no_sound_is_refused),
        cmocka_unit_test(a_source_that_stalls_can_be_stopped),
        cmocka_unit_test(files_are_read_like_clips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
