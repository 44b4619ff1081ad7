/* test_channels.c - a batch that hears each channel by itself gives what they give one at a time,
 * in the order of their times; and what is known of a segment is not transcribed again. */
#include "support/test.h"

#include <math.h>
#include <sndfile.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "potstill.h"
#include "support/scratch.h"

enum { RATE_HZ = 16000, FRAMES = 5 * RATE_HZ, CHANNELS = 3, KEPT_MAX = 40 };

static pst_error err;
static pst_model *model;
static char path[600], message[512];

/* What a run has given. */
struct kept {
    double start, end;
    uint32_t channel;
    char text[400];
    double avg_logprob;
};
static struct kept kept[KEPT_MAX];
static size_t kept_count, given;
static int pipe_fd = -1;
static char warnings[4][300];
static size_t warning_count;

static int next(void *user, pst_clip *clip) {
    (void)user;
    clip->path = path;
    clip->fd = pipe_fd;
    return given++ == 0;
}

static int deliver(void *user, const pst_clip_result *result) {
    (void)user;
    snprintf(message, sizeof message, "%s", result->error ? result->error->message : "");
    kept_count = 0;
    for (size_t i = 0; i < result->segment_count; i++) {
        const pst_segment *segment = &result->segments[i];
        assert_true(kept_count < KEPT_MAX);
        struct kept *one = &kept[kept_count++];
        *one = (struct kept){.start = segment->start,
                             .end = segment->end,
                             .channel = segment->transcript->channel,
                             .avg_logprob = segment->transcript->avg_logprob};
        snprintf(one->text, sizeof one->text, "%s", segment->transcript->text);
    }
    warning_count = result->warning_count;
    for (size_t i = 0; i < warning_count && i < 4; i++)
        snprintf(warnings[i], sizeof warnings[i], "%s", result->warnings[i]);
    return 0;
}

static const pst_transcript *(*recall)(void *user, const pst_segment_place *place);
static pst_vad *vad;

static void run(uint32_t channel, uint32_t threads) {
    pst_batch_options options;
    pst_audio_options audio;
    pst_audio_options_init(&audio);
    audio.channel = channel;
    pst_batch_options_init(&options);
    options.audio = &audio;
    options.threads = threads;
    options.window_seconds = 2;
    options.next = next;
    options.deliver = deliver;
    options.recall = recall;
    options.vad = vad;
    given = 0;
    assert_int_equal(pst_batch_run(model, &options, &err), PST_OK);
}

static void write_file(int channels) {
    snprintf(path, sizeof path, "%s/voices.wav", scratch_folder("channels"));
    SF_INFO info = {
        .samplerate = RATE_HZ, .channels = channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    for (int i = 0; i < FRAMES; i++) {
        float frame[CHANNELS];
        for (int c = 0; c < channels; c++)
            frame[c] = 0.3f * sinf((float)i * (0.03f + 0.02f * (float)c)) +
                       0.1f * sinf((float)i * (float)i * 1e-6f * (float)(c + 1));
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    sf_close(file);
}

/* The segments of each channel alone, by time. */
static size_t heard_alone(struct kept *all) {
    size_t count = 0;
    for (uint32_t c = 1; c <= CHANNELS; c++) {
        run(c, 2);
        assert_string_equal(message, "");
        assert_true(kept_count >= (vad ? 1 : 3));
        for (size_t i = 0; i < kept_count; i++) {
            assert_int_equal(kept[i].channel, 0);
            all[count] = kept[i];
            all[count++].channel = c;
        }
    }
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && all[k - 1].start > all[k].start; k--) {
            struct kept swapped = all[k];
            all[k] = all[k - 1];
            all[k - 1] = swapped;
        }
    return count;
}

static void assert_kept(const struct kept *expected, size_t count) {
    assert_string_equal(message, "");
    assert_int_equal(kept_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(kept[i].start == expected[i].start && kept[i].end == expected[i].end);
        assert_int_equal(kept[i].channel, expected[i].channel);
        assert_string_equal(kept[i].text, expected[i].text);
        assert_true(kept[i].avg_logprob == expected[i].avg_logprob);
    }
}

static void each_is_heard_by_itself(void **state) {
    (void)state;
    static struct kept alone[3 * KEPT_MAX];
    write_file(CHANNELS);
    size_t count = heard_alone(alone);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        run(PST_CHANNEL_EACH, threads);
        assert_kept(alone, count);
    }
    /* From a descriptor, and from a pipe, which cannot be read twice. */
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    pipe_fd = fileno(file);
    run(PST_CHANNEL_EACH, 2);
    fclose(file);
    assert_kept(alone, count);
    char command[700];
    snprintf(command, sizeof command, "cat '%s'", path);
    FILE *piped = popen(command, "r");
    assert_non_null(piped);
    pipe_fd = fileno(piped);
    run(PST_CHANNEL_EACH, 2);
    pipe_fd = -1;
    pclose(piped);
    assert_kept(alone, count);
}

/* Something like words for the detector without weights: a buzz with harmonics, in the first
 * channel so long that it is cut. */
static void write_speech(void) {
    static const double said[CHANNELS][2][2] = {
        {{0.5, 4.8}}, {{0.6, 1.4}, {3.0, 4.0}}, {{1.0, 2.2}, {3.5, 4.2}}};
    snprintf(path, sizeof path, "%s/speech.wav", scratch_folder("channels"));
    SF_INFO info = {
        .samplerate = RATE_HZ, .channels = CHANNELS, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    for (int i = 0; i < FRAMES; i++) {
        float frame[CHANNELS] = {0};
        for (int c = 0; c < CHANNELS; c++)
            for (int s = 0; s < 2; s++)
                for (int k = 1; k < 12 && i >= said[c][s][0] * RATE_HZ; k++)
                    if (i < said[c][s][1] * RATE_HZ)
                        frame[c] += 0.1f * sinf(6.2831853f * 120 * (float)(k * i) / RATE_HZ) / k;
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    sf_close(file);
}

/* Nothing of the channel before is left when the next one begins. */
static void speech_of_each_is_found_by_itself(void **state) {
    (void)state;
    static struct kept alone[3 * KEPT_MAX];
    write_speech();
    assert_int_equal(pst_vad_open(NULL, &vad, &err), PST_OK);
    size_t count = heard_alone(alone);
    run(PST_CHANNEL_EACH, 2);
    assert_kept(alone, count);
    pst_vad_free(vad);
    vad = NULL;
}

static void a_channel_that_is_not_there(void **state) {
    (void)state;
    char expected[700];
    write_file(2);
    run(3, 2);
    snprintf(expected, sizeof expected, "%s: has 2 channels, and channel 3 was asked for", path);
    assert_string_equal(message, expected);
    write_file(1);
    run(2, 2);
    snprintf(expected, sizeof expected, "%s: has 1 channel, and channel 2 was asked for", path);
    assert_string_equal(message, expected);
    run(1, 2);
    assert_string_equal(message, "");
    run(PST_CHANNEL_EACH, 2);
    assert_string_equal(message, "");
    assert_int_equal(kept[0].channel, 1);
    pst_audio audio;
    pst_audio_options options;
    pst_audio_options_init(&options);
    options.channel = PST_CHANNEL_EACH;
    assert_int_equal(pst_audio_read_with(path, &options, &audio, &err), PST_ERR_ARGUMENT);
}

static atomic_int asked;

/* The second segment of channel 2 is known. */
static const pst_transcript *know_one(void *user, const pst_segment_place *place) {
    static char text[] = "known of old";
    static int32_t tokens[] = {1, 5, 2};
    static pst_word words[] = {{.text = "known", .start = 3, .end = 3.5}};
    static const pst_transcript known = {.text = text,
                                         .tokens = tokens,
                                         .token_count = 3,
                                         .avg_logprob = -0.1234567890123456,
                                         .words = words,
                                         .word_count = 1};
    (void)user;
    atomic_fetch_add(&asked, 1);
    assert_true(place->end > place->start);
    return place->channel == 2 && place->start > 0 && place->start < 2 ? &known : NULL;
}

static void what_is_known_is_taken(void **state) {
    (void)state;
    static struct kept before[KEPT_MAX];
    write_file(CHANNELS);
    run(PST_CHANNEL_EACH, 2);
    memcpy(before, kept, sizeof before);
    size_t count = kept_count, changed = 0;
    recall = know_one;
    run(PST_CHANNEL_EACH, 2);
    recall = NULL;
    assert_int_equal(kept_count, count);
    assert_int_equal(atomic_load(&asked), (int)count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(kept[i].channel, before[i].channel);
        if (strcmp(kept[i].text, "known of old") == 0) {
            changed++;
            assert_true(kept[i].avg_logprob == -0.1234567890123456);
            assert_int_equal(kept[i].channel, 2);
        } else {
            assert_string_equal(kept[i].text, before[i].text);
        }
    }
    assert_int_equal(changed, 1);
}

static void its_sound_is_judged(void **state) {
    (void)state;
    write_file(2);
    run(0, 2);
    assert_int_equal(warning_count, 0);
    SF_INFO info = {
        .samplerate = RATE_HZ, .channels = 2, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    for (int i = 0; i < FRAMES; i++) {
        const float frame[2] = {0, fminf(0.999f, fmaxf(-1, 1.5f * sinf((float)i * 0.05f)))};
        assert_int_equal(sf_writef_float(file, frame, 1), 1);
    }
    sf_close(file);
    run(0, 2);
    assert_int_equal(warning_count, 2);
    assert_non_null(strstr(warnings[0], "channel 1 of 2 is silent"));
    assert_non_null(strstr(warnings[1], "the sound is clipped"));
}

static int start(void **state) {
    (void)state;
    return pst_model_open(TEST_SOURCE_DIR "/tests/golden/micro", NULL, &model, &err);
}

static int finish(void **state) {
    (void)state;
    pst_model_free(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_heard_by_itself),
        cmocka_unit_test(speech_of_each_is_found_by_itself),
        cmocka_unit_test(a_channel_that_is_not_there),
        cmocka_unit_test(what_is_known_is_taken),
        cmocka_unit_test(its_sound_is_judged),
    };
    return cmocka_run_group_tests_name("channels", tests, start, finish);
}
