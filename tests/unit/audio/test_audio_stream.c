/* test_audio_stream.c - however a file is taken from its stream, the samples are those of
 * pst_audio_read(), and what is wrong with it is found. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/audio_stream.h"
#include "support/scratch.h"

/* See test_audio.c. */
PST_API const char *__lsan_default_suppressions(void);
PST_API const char *__lsan_default_suppressions(void) {
    return "leak:vorbis_info_init";
}

static char path[600];

/* A sweep, another one in each channel; `path` names it. */
static void write_sweep(const char *name, int format, int rate_hz, int channels, size_t frames) {
    snprintf(path, sizeof path, "%s/%s", scratch_folder("audio-stream"), name);
    SF_INFO info = {.samplerate = rate_hz, .channels = channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    float *values = malloc(frames * (size_t)channels * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < frames; i++)
        for (int c = 0; c < channels; c++) {
            double t = (double)i / rate_hz;
            values[i * (size_t)channels + (size_t)c] = (float)(0.7 * sin((900 + 300 * c) * t * t));
        }
    assert_int_equal(sf_writef_float(file, values, (sf_count_t)frames), (sf_count_t)frames);
    free(values);
    sf_close(file);
}

/* Cuts the file to a part of its size. */
static void cut_file(double part) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    assert_int_equal(truncate(path, (off_t)((double)size * part)), 0);
}

static void append(struct sample_list *all, const float *samples, size_t count) {
    assert_true(sample_list_reserve(all, count));
    if (count) memcpy(all->data + all->count, samples, count * sizeof *samples);
    all->count += count;
}

/* All of the stream, `chunk` samples at a time, each list given away before the next is read. */
static pst_status take_all(struct audio_stream *stream, size_t chunk, struct sample_list *all,
                           pst_error *err) {
    pst_status status = PST_OK;
    while (!status && !stream->ended) {
        struct sample_list some = {0};
        status = audio_stream_read(stream, chunk, &some, err);
        if (!status && !stream->ended) assert_true(some.count >= chunk);
        append(all, some.data, some.count);
        sample_list_free(&some);
    }
    return status;
}

static void assert_whole(const struct sample_list *samples, const pst_audio *audio) {
    assert_int_equal(samples->count, audio->count);
    assert_memory_equal(samples->data, audio->samples, audio->count * sizeof(float));
}

static void chunks_do_not_matter(void **state) {
    (void)state;
    static const int rates[] = {1000, 8000, 16000, 22050, 44100, 48000, 96000};
    static const size_t chunks[] = {1, 160, 4999, 30000, 1000000};
    pst_error err;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        for (int channels = 1; channels <= 3; channels++) {
            pst_audio audio;
            write_sweep("a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, rates[r], channels,
                        (size_t)rates[r] * 2 + 77);
            assert_int_equal(pst_audio_read(path, &audio, &err), PST_OK);
            assert_int_equal(audio.count, ((uint64_t)rates[r] * 2 + 77) * 16000 / rates[r] +
                                              (77 * 16000 % rates[r] != 0));
            for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
                struct audio_stream stream;
                struct sample_list all = {0};
                assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
                assert_int_equal(take_all(&stream, chunks[c], &all, &err), PST_OK);
                assert_whole(&all, &audio);
                assert_int_equal(audio_stream_read(&stream, SIZE_MAX, &all, &err), PST_OK);
                assert_int_equal(all.count, audio.count); /* the end stays the end */
                audio_stream_close(&stream);
                sample_list_free(&all);
            }
            pst_audio_free(&audio);
        }
    }
}

static void compressed_files_too(void **state) {
    (void)state;
    static const int formats[] = {SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                                  SF_FORMAT_OGG | SF_FORMAT_VORBIS};
    pst_error err;
    for (int i = 0; i < 2; i++) {
        pst_audio audio;
        struct audio_stream stream;
        struct sample_list all = {0};
        write_sweep("b", formats[i], 44100, 2, 100000);
        assert_int_equal(pst_audio_read(path, &audio, &err), PST_OK);
        assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
        assert_int_equal(take_all(&stream, 1234, &all, &err), PST_OK);
        assert_whole(&all, &audio);
        audio_stream_close(&stream);
        sample_list_free(&all);
        pst_audio_free(&audio);
    }
}

/* A list that is kept grows to what is asked for, and by little more. */
static void reads_no_further_than_asked(void **state) {
    (void)state;
    pst_error err;
    struct audio_stream stream;
    struct sample_list list = {0};
    write_sweep("c.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 1, 480000);
    assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
    for (size_t count = 0; count <= 100000; count += 10000) {
        assert_int_equal(audio_stream_read(&stream, count, &list, &err), PST_OK);
        assert_true(list.count >= count && list.count <= count + 8192);
        assert_false(stream.ended);
    }
    audio_stream_close(&stream);
    audio_stream_close(&stream); /* no harm */
    sample_list_free(&list);
}

static void a_descriptor_stays_the_callers(void **state) {
    (void)state;
    pst_error err;
    struct audio_stream stream;
    struct sample_list list = {0};
    write_sweep("d.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, 20000);
    int fd = open(path, O_RDONLY);
    assert_int_equal(audio_stream_open_fd(&stream, fd, "that", NULL, &err), PST_OK);
    assert_int_equal(audio_stream_read(&stream, 1, &list, &err), PST_OK);
    audio_stream_close(&stream);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    write_sweep("cut.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 20000);
    assert_int_equal(truncate(path, 30), 0); /* in the middle of its header */
    fd = open(path, O_RDONLY);
    assert_int_equal(audio_stream_open_fd(&stream, fd, "that", NULL, &err), PST_ERR_INPUT);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    sample_list_free(&list);
    assert_int_equal(audio_stream_open_fd(&stream, fd, "that", NULL, &err), PST_ERR_IO);
    assert_memory_equal(err.message, "that: ", 6);
    audio_stream_close(&stream);
}

/* The beginning of a damaged file is good sound; the end says that it is not all. */
static void damage_is_found_where_it_is(void **state) {
    (void)state;
    pst_error err;
    struct audio_stream stream;
    struct sample_list list = {0};
    write_sweep("e.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, 160000);
    cut_file(0.6);
    assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
    assert_int_equal(audio_stream_read(&stream, 30000, &list, &err), PST_OK);
    assert_int_equal(take_all(&stream, 1000, &list, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "e.flac: audio is damaged"));
    audio_stream_close(&stream);
    sample_list_free(&list);
}

/* What is no number is named by its place in the file, not in the chunk. */
static void places_are_counted_from_the_start(void **state) {
    (void)state;
    pst_error err;
    struct audio_stream stream;
    struct sample_list list = {0};
    write_sweep("f.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1, 64000);
    float bad = NAN;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -4 * 16000, SEEK_END), 0);
    assert_int_equal(fwrite(&bad, 4, 1, file), 1);
    fclose(file);
    assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
    assert_int_equal(audio_stream_read(&stream, 16000, &list, &err), PST_OK);
    assert_int_equal(take_all(&stream, 100, &list, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "sample at 3.0000 s is not a finite number"));
    audio_stream_close(&stream);
    sample_list_free(&list);
}

static void bad_files_leave_nothing_open(void **state) {
    (void)state;
    int seen = 0;
    DIR *dir = opendir(TEST_SOURCE_DIR "/tests/bad/audio");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        pst_error err = {0};
        struct audio_stream stream;
        struct sample_list list = {0};
        snprintf(path, sizeof path, "%s/tests/bad/audio/%s", TEST_SOURCE_DIR, entry->d_name);
        pst_status status = audio_stream_open(&stream, path, NULL, &err);
        if (!status) status = take_all(&stream, 500, &list, &err);
        assert_int_equal(status, PST_ERR_INPUT);
        assert_memory_equal(err.message, path, strlen(path));
        audio_stream_close(&stream);
        sample_list_free(&list);
        seen++;
    }
    closedir(dir);
    assert_true(seen >= 6);
}

/* A recording of so many hours, 8 bits at 1 kHz: all zeros, which take no room on the disk. */
static void write_hours(const char *name, unsigned hours) {
    uint32_t bytes = hours * 3600u * 1000u, rate_hz = 1000, values[] = {16, 0x00010001};
    unsigned char head[44] = "RIFF....WAVEfmt ";
    snprintf(path, sizeof path, "%s/%s", scratch_folder("audio-stream"), name);
    uint32_t all = bytes + 36;
    memcpy(head + 4, &all, 4); /* the machine is little-endian, as WAV is */
    memcpy(head + 16, values, 8);
    memcpy(head + 24, &rate_hz, 4);
    memcpy(head + 28, &rate_hz, 4);
    memcpy(head + 32, "\1\0\10\0data", 8);
    memcpy(head + 40, &bytes, 4);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(path, (off_t)bytes + 44), 0);
}

/* What its head says is too long is refused before it is read. */
static void hours_are_counted_first(void **state) {
    (void)state;
    static const struct {
        unsigned hours;
        int whole;
        const char *message; /* NULL: it is read */
    } cases[] = {
        {5, 0, NULL},
        {7, 1, "is longer than 6 hours, the most that is read in one piece (cut into windows"},
        {7, 0, NULL},
        {1001, 0, "is longer than 1000 hours, the most that is read of one recording"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct audio_stream stream;
        struct sample_list samples = {0};
        pst_error err;
        write_hours("hours.wav", cases[i].hours);
        assert_int_equal(audio_stream_open(&stream, path, NULL, &err), PST_OK);
        size_t count = cases[i].whole ? SIZE_MAX : 16000;
        pst_status status = audio_stream_read(&stream, count, &samples, &err);
        assert_int_equal(status, cases[i].message ? PST_ERR_INPUT : PST_OK);
        if (cases[i].message && !strstr(err.message, cases[i].message)) fail_msg("%s", err.message);
        if (cases[i].message) assert_int_equal(stream.frames_read, 0);
        audio_stream_close(&stream);
        sample_list_free(&samples);
        unlink(path);
    }
}

/* The caller's own limit, by the head or, where that does not say, by what is decoded. */
static void seconds_are_limited(void **state) {
    (void)state;
    pst_error err;
    struct audio_stream stream;
    struct sample_list samples = {0};
    pst_audio_options options;
    pst_audio_options_init(&options);
    options.seconds_max = 3600;
    write_hours("limit.wav", 1);
    assert_int_equal(audio_stream_open(&stream, path, &options, &err), PST_OK);
    assert_int_equal(audio_stream_read(&stream, 16000, &samples, &err), PST_OK);
    audio_stream_close(&stream);
    for (int told = 0; told < 2; told++) {
        options.seconds_max = 3599.5;
        samples.count = 0;
        assert_int_equal(audio_stream_open(&stream, path, &options, &err), PST_OK);
        if (!told) stream.info.frames = 0;
        assert_int_equal(audio_stream_read(&stream, SIZE_MAX, &samples, &err), PST_ERR_INPUT);
        assert_non_null(strstr(err.message, "is longer than 3599.5 seconds"));
        assert_true(told ? stream.frames_read == 0 : stream.frames_read > 3590 * 1000);
        audio_stream_close(&stream);
    }
    sample_list_free(&samples);
    unlink(path);
    pst_audio_options own;
    options.seconds_max = -1;
    assert_int_equal(audio_options_copy(&own, &options, 0, &err), PST_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(compressed_files_too),
        cmocka_unit_test(reads_no_further_than_asked),
        cmocka_unit_test(a_descriptor_stays_the_callers),
        cmocka_unit_test(damage_is_found_where_it_is),
        cmocka_unit_test(places_are_counted_from_the_start),
        cmocka_unit_test(bad_files_leave_nothing_open),
        cmocka_unit_test(hours_are_counted_first),
        cmocka_unit_test(seconds_are_limited),
    };
    return cmocka_run_group_tests_name("audio_stream", tests, NULL, NULL);
}
