/* test_segment.c - where long clips are cut, and that the segments are the clip. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/quiet.h"
#include "network/workspace.h"
#include "pipeline/segment.h"
#include "support/scratch.h"

enum { RATE = PST_SAMPLE_RATE_HZ, SECONDS_MAX = 130, WINDOW = 30 * RATE };

static pst_error err;
static float samples[SECONDS_MAX * RATE];

/* Noise everywhere: nothing to cut at. */
static void fill_noise(void) {
    uint32_t random = 12345;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        random = random * 1664525 + 1013904223;
        samples[i] = (float)((double)random / 4294967296.0 - 0.5);
    }
}

static void hush(double start, double end, float level) {
    for (size_t i = (size_t)(start * RATE); i < (size_t)(end * RATE); i++) samples[i] *= level;
}

enum { SEGMENTS_MAX = 200 };
static size_t starts[SEGMENTS_MAX + 1]; /* of the segments; the end of the clip last */

static size_t read_segments(const pst_clip *clip, size_t window) {
    struct segment_reader reader;
    size_t count = 0;
    starts[0] = 0;
    assert_int_equal(segment_reader_open(&reader, clip, window, NULL, NULL, &err), PST_OK);
    do {
        struct segment segment;
        assert_true(count < SEGMENTS_MAX);
        assert_int_equal(segment_reader_next(&reader, &segment, &err), PST_OK);
        assert_int_equal(segment.start, starts[count]);
        assert_int_equal(segment.whole, count == 0 && reader.ended);
        assert_memory_equal(segment.samples.data, samples + segment.start,
                            segment.samples.count * sizeof(float));
        starts[count + 1] = starts[count] + segment.samples.count;
        count++;
        sample_list_free(&segment.samples);
    } while (!reader.ended);
    segment_reader_close(&reader);
    return count;
}

/* The segments of the first `length` samples; none lost, none twice, and lengths
 * within their bounds. */
static size_t cut(size_t length, size_t window) {
    pst_clip clip = {.fd = -1, .samples = samples, .sample_count = length};
    size_t count = read_segments(&clip, window);
    assert_int_equal(starts[count], length);
    for (size_t i = 0; i < count && count > 1; i++) {
        size_t size = starts[i + 1] - starts[i];
        assert_true(size <= window && size >= CLIP_SAMPLES_MIN);
        if (i + 1 < count) assert_true(size >= window * 4 / 5);
    }
    return count;
}

static void assert_within(size_t at, double start, double end) {
    double seconds = (double)at / RATE;
    if (seconds < start || seconds > end)
        fail_msg("cut at %.3f s, expected %.3f to %.3f", seconds, start, end);
}

static void short_clips_are_whole(void **state) {
    (void)state;
    fill_noise();
    assert_int_equal(cut(0, WINDOW), 1);
    assert_int_equal(cut(1, WINDOW), 1);
    assert_int_equal(cut(894, WINDOW), 1);
    assert_int_equal(cut(WINDOW - 1, WINDOW), 1);
    assert_int_equal(cut(WINDOW, WINDOW), 1);
    assert_int_equal(cut(WINDOW + 1, WINDOW), 2);
}

static void zero_is_no_window(void **state) {
    (void)state;
    assert_int_equal(cut(SECONDS_MAX * RATE, 0), 1);
    assert_int_equal(cut(0, 0), 1);
}

static void pauses_are_found(void **state) {
    (void)state;
    fill_noise();
    hush(10, 20, 0);          /* too early */
    hush(25.1, 25.7, 0.01f);  /* the pause */
    hush(28.00, 28.06, 0);    /* within a word */
    hush(52, 52.5, 0.02f);    /* the next, 26.6 s on */
    hush(54.05, 54.4, 0.01f); /* better, and the last */
    assert_int_equal(cut(70 * RATE, WINDOW), 3);
    assert_within(starts[1], 25.15, 25.65);
    assert_within(starts[2], 54.1, 54.35);
}

/* An offset of the recorder is not loud; a hum that is soft is not silence. */
static void an_offset_is_no_sound(void **state) {
    (void)state;
    fill_noise();
    hush(0, 40, 0.1f);
    hush(26, 27, 0.001f);
    for (size_t i = 0; i < 40 * RATE; i++) samples[i] += i < 26 * RATE || i >= 27 * RATE ? 0 : 0.5f;
    assert_int_equal(cut(40 * RATE, WINDOW), 2);
    assert_within(starts[1], 26, 27);
}

static void without_a_pause_it_is_cut_all_the_same(void **state) {
    (void)state;
    fill_noise();
    assert_int_equal(cut(70 * RATE, WINDOW), 3);
    for (size_t i = 0; i < 70 * RATE; i++)
        samples[i] = 0; /* nothing but pause: as late as can be */
    assert_int_equal(cut(70 * RATE, WINDOW), 3);
    assert_within(starts[1], 29.8, 30);
    assert_within(starts[2], 59.6, 60);
}

/* A clip a little longer than a window: the rest must be long enough to be transcribed. */
static void no_end_is_lost(void **state) {
    (void)state;
    fill_noise();
    hush(29, 31, 0); /* the best cut, and the worst */
    for (size_t more = 1; more < 3 * RATE; more += more < 40 ? 1 : 997) {
        assert_int_equal(cut(WINDOW + more, WINDOW), 2);
        assert_true(WINDOW + more - starts[1] >= 3 * RATE);
    }
    fill_noise();
    for (size_t window = RATE; window <= 3 * RATE; window += 1111)
        for (size_t length = 1; length < 5 * RATE; length += 499) cut(length, window);
}

/* A file is cut as its samples are. */
static void a_file_is_cut_as_its_samples(void **state) {
    (void)state;
    enum { COUNT = 5 * RATE };
    static unsigned char bytes[44 + 2 * COUNT] = {
        'R', 'I', 'F', 'F', 0,  0, 0,   0,   'W', 'A',  'V',  'E', 'f', 'm', 't',
        ' ', 16,  0,   0,   0,  1, 0,   1,   0,   0x80, 0x3E, 0,   0,   0,   0x7D,
        0,   0,   2,   0,   16, 0, 'd', 'a', 't', 'a',  0,    0,   0,   0};
    fill_noise();
    hush(1.7, 1.9, 0);
    for (uint32_t i = 0; i < 4; i++) {
        bytes[4 + i] = (unsigned char)((36 + 2 * COUNT) >> 8 * i & 255);
        bytes[40 + i] = (unsigned char)(2 * COUNT >> 8 * i & 255);
    }
    for (int i = 0; i < COUNT; i++) {
        int value = (int)lrintf(samples[i] * 32768);
        bytes[44 + 2 * i] = (unsigned char)(value & 255);
        bytes[45 + 2 * i] = (unsigned char)(value >> 8 & 255);
        samples[i] = (float)value / 32768;
    }
    const char *folder = scratch_folder("segment");
    char path[600];
    scratch_write(folder, "noise.wav", bytes, sizeof bytes);
    snprintf(path, sizeof path, "%s/noise.wav", folder);
    size_t count = cut(COUNT, 2 * RATE), expected[SEGMENTS_MAX + 1];
    memcpy(expected, starts, sizeof starts);
    assert_within(expected[1], 1.7, 1.9);
    pst_clip clip = {.fd = -1, .path = path};
    assert_int_equal(read_segments(&clip, 2 * RATE), count);
    assert_memory_equal(starts, expected, (count + 1) * sizeof *starts);
    assert_int_equal(read_segments(&clip, 0), 1);
    assert_int_equal(starts[1], COUNT);
}

static void a_file_that_is_not_there(void **state) {
    (void)state;
    struct segment_reader reader;
    pst_clip clip = {.fd = -1, .path = "nowhere.wav"};
    assert_int_equal(segment_reader_open(&reader, &clip, WINDOW, NULL, NULL, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "nowhere.wav: no such file");
    segment_reader_close(&reader);
}

static void quiet_in_little_room(void **state) {
    (void)state;
    fill_noise(); /* of mean square 1/12 */
    assert_true(quiet_background(samples, 319) == 0);
    assert_true(fabs(quiet_background(samples, 20 * RATE) - 1.0 / 12) < 0.01);
    hush(2, 3, 0); /* a gate has closed */
    assert_true(fabs(quiet_background(samples, 4 * RATE) - 1.0 / 12) < 0.01);
    hush(0, 4, 0);
    assert_true(quiet_background(samples, 4 * RATE) == 0);
    fill_noise();
    hush(1, 1.5, 0.1f); /* an eighth of 4 s */
    assert_true(quiet_background(samples, 4 * RATE) < 0.001);
    fill_noise();
    assert_int_equal(quiet_find(samples, 500, 500), 500);
    assert_int_equal(quiet_find(samples, 500, 819), 819);
    assert_int_equal(quiet_find(samples, 500, 820), 660);
    for (size_t length = 0; length < 10000; length += 37) {
        size_t at = quiet_find(samples, 1000, 1000 + length);
        assert_true(at >= 1000 && at <= 1000 + length);
    }
}

/* Something like words for the detector without weights: a buzz with harmonics. */
static void speak(double start, double end) {
    for (size_t i = (size_t)(start * RATE); i < (size_t)(end * RATE); i++) {
        double sum = 0;
        for (int k = 1; k < 12; k++) sum += sin(2 * 3.14159265 * 120 * k * (double)i / RATE) / k;
        samples[i] = (float)(0.1 * sum);
    }
}

/* Reads the segments of speech in `seconds` of samples; all are parts of the clip, whose lengths
 * are in `starts`. */
static size_t read_speech_with(double seconds, int overlaps, struct segment *found) {
    pst_vad *vad = NULL;
    pst_clip clip = {.fd = -1, .samples = samples, .sample_count = (size_t)(seconds * RATE)};
    struct segment_reader reader;
    size_t count = 0;
    assert_int_equal(pst_vad_open(NULL, &vad, &err), PST_OK);
    assert_int_equal(segment_reader_open(&reader, &clip, WINDOW, vad, NULL, &err), PST_OK);
    reader.overlaps = overlaps;
    while (!reader.ended) {
        struct segment *segment = &found[count++];
        assert_int_equal(segment_reader_next(&reader, segment, &err), PST_OK);
        assert_memory_equal(segment->samples.data, samples + segment->start,
                            segment->samples.count * sizeof(float));
        starts[count - 1] = segment->samples.count;
        sample_list_free(&segment->samples);
    }
    assert_int_equal(reader.listener.heard, clip.sample_count);
    segment_reader_close(&reader);
    pst_vad_free(vad);
    return count;
}

static size_t read_speech(double seconds, struct segment *found) {
    return read_speech_with(seconds, 0, found);
}

static void only_speech_is_taken(void **state) {
    (void)state;
    struct segment found[16];
    memset(samples, 0, sizeof samples);
    assert_int_equal(read_speech(100, found), 1); /* nobody speaks */
    assert_true(found[0].silent && found[0].no_speech_prob == 1);
    speak(40, 43);
    speak(43.5, 45);
    speak(60, 62);
    assert_int_equal(read_speech(100, found), 2);
    assert_within(found[0].start, 39.8, 40);
    assert_within(found[1].start, 59.8, 60);
    assert_true(found[0].speech_seconds > 4 && found[0].speech_seconds < 5.5);
    assert_false(found[0].silent || found[0].whole || found[1].whole);
}

/* A clip that is full of speech is given as it is; with long silence it is not. */
static void short_speech_is_whole(void **state) {
    (void)state;
    struct segment found[16];
    memset(samples, 0, sizeof samples);
    speak(1, 6);
    speak(7.5, 9);
    assert_int_equal(read_speech(10, found), 1);
    assert_true(found[0].whole && found[0].start == 0);
    assert_int_equal(read_speech(25, found), 1);
    assert_false(found[0].whole);
}

static void speech_without_end_is_cut(void **state) {
    (void)state;
    struct segment found[16];
    memset(samples, 0, sizeof samples);
    for (double t = 0.5; t < 95; t += 0.31) speak(t, t + 0.25); /* syllables, but no pause */
    size_t count = read_speech(96, found);
    assert_true(count >= 4 && count <= 5);
    for (size_t i = 1; i < count; i++) /* nothing is lost or twice */
        assert_int_equal(found[i].start, found[i - 1].start + starts[i - 1]);
}

/* Steady noise under speech and pauses is no reason to cut; a noise in the pauses alone is. */
static void only_noises_of_pauses_cut(void **state) {
    (void)state;
    struct segment found[16];
    for (int kind = 0; kind < 2; kind++) {
        fill_noise();
        for (size_t i = 0; i < 20 * RATE; i++) {
            double t = (double)i / RATE;
            int pause = (t > 4.6 && t < 5.4) || (t > 9.6 && t < 10.4) || (t > 14.6 && t < 15.4);
            samples[i] *= kind == 0 ? 0.075F : pause ? 0.2F : 0.0003F;
        }
        for (double t = 0.5; t < 19; t += 0.5) {
            if ((t > 3.6 && t < 6) || (t > 8.6 && t < 11) || (t > 13.6 && t < 16)) continue;
            for (size_t i = (size_t)(t * RATE); i < (size_t)((t + 0.42) * RATE); i++)
                for (int k = 1; k < 12; k++)
                    samples[i] +=
                        (float)(0.1 * sin(2 * 3.14159265 * 120 * k * (double)i / RATE) / k);
        }
        size_t count = read_speech(20, found);
        if (kind == 0) assert_true(count == 1 && found[0].whole);
        if (kind == 1) assert_int_equal(count, 4);
    }
}

/* What the model hears of both sides of a cut is no part of the segment, and fits the window. */
static void cuts_overlap(void **state) {
    (void)state;
    struct segment plain[16], found[16];
    memset(samples, 0, sizeof samples);
    for (double t = 0.5; t < 95; t += 0.31) speak(t, t + 0.25);
    size_t count = read_speech(118, plain);
    speak(105, 107);
    assert_int_equal(read_speech_with(118, 1, found), count + 1);
    assert_true(found[0].before == 0 && found[count].before == 0 && found[count].after == 0);
    assert_int_equal(found[count - 1].after, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(found[i].start + found[i].before, plain[i].start);
        assert_true(starts[i] <= WINDOW);
        assert_true(found[i].speech_seconds <= (double)starts[i] / RATE);
        if (i == 0) continue;
        assert_within(found[i].before, 1, 2);
        assert_int_equal(found[i].before, found[i - 1].after);
        assert_int_equal(found[i].start + found[i].before,
                         found[i - 1].start + starts[i - 1] - found[i - 1].after);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_clips_are_whole),
        cmocka_unit_test(zero_is_no_window),
        cmocka_unit_test(pauses_are_found),
        cmocka_unit_test(an_offset_is_no_sound),
        cmocka_unit_test(without_a_pause_it_is_cut_all_the_same),
        cmocka_unit_test(no_end_is_lost),
        cmocka_unit_test(a_file_is_cut_as_its_samples),
        cmocka_unit_test(a_file_that_is_not_there),
        cmocka_unit_test(quiet_in_little_room),
        cmocka_unit_test(only_speech_is_taken),
        cmocka_unit_test(short_speech_is_whole),
        cmocka_unit_test(speech_without_end_is_cut),
        cmocka_unit_test(only_noises_of_pauses_cut),
        cmocka_unit_test(cuts_overlap),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
