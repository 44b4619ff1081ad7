/* test_vad_find.c - the public detector: speech of samples and files, and clips without any. */
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "potstill.h"

enum { RATE = PST_SAMPLE_RATE_HZ };
static float samples[10 * RATE];
static pst_error err;

/* A buzz with harmonics from 2 to 4 s and from 8 to 9.5 s. */
static void fill(void) {
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        double t = (double)i / RATE, sum = 0;
        int on = (t >= 2 && t < 4) || (t >= 8 && t < 9.5);
        for (int k = 1; on && k < 12; k++) sum += sin(2 * 3.14159265 * 120 * k * t) / k;
        samples[i] = (float)(0.1 * sum);
    }
}

static void finds_speech(void **state) {
    (void)state;
    pst_vad *vad = NULL;
    pst_speech *speech = NULL;
    size_t count = 0;
    double duration = 0;
    pst_clip clip = {
        .fd = -1, .samples = samples, .sample_count = sizeof samples / sizeof *samples};
    fill();
    assert_int_equal(pst_vad_open(NULL, &vad, &err), PST_OK);
    assert_string_equal(pst_vad_name(vad), "energy");
    assert_int_equal(pst_vad_find(vad, &clip, &speech, &count, &duration, &err), PST_OK);
    assert_int_equal(count, 2);
    assert_true(fabs(speech[0].start - 2) < 0.1 && fabs(speech[0].end - 4) < 0.2);
    assert_true(fabs(speech[1].start - 8) < 0.1 && fabs(speech[1].end - 9.5) < 0.2);
    assert_true(speech[0].probability > 0.5 && speech[0].probability <= 1);
    assert_true(duration == 10);
    pst_free(speech);
    clip.sample_count = RATE; /* nothing but silence */
    assert_int_equal(pst_vad_find(vad, &clip, &speech, &count, NULL, &err), PST_OK);
    assert_int_equal(count, 0);
    pst_free(speech);
    pst_vad_free(vad);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    pst_vad *vad = NULL;
    pst_speech *speech = NULL;
    size_t count = 0;
    pst_vad_options options;
    pst_clip clip = {.fd = -1, .samples = samples};
    pst_vad_options_init(&options);
    options.threshold = 1.5;
    assert_int_equal(pst_vad_open(&options, &vad, &err), PST_ERR_ARGUMENT);
    assert_string_equal(err.message, "threshold is 1.5, expected a number between 0 and 1");
    pst_vad_options_init(&options);
    options.min_speech_duration_ms = NAN;
    assert_int_equal(pst_vad_open(&options, &vad, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_vad_open(NULL, NULL, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_vad_open(NULL, &vad, &err), PST_OK);
    assert_int_equal(pst_vad_find(vad, &clip, &speech, &count, NULL, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "the clip holds no samples");
    clip.sample_count = 1000;
    samples[500] = NAN;
    assert_int_equal(pst_vad_find(vad, &clip, &speech, &count, NULL, &err), PST_ERR_INPUT);
    assert_string_equal(err.message, "audio sample 500 is not a finite number");
    clip = (pst_clip){.fd = -1, .path = "no/such.wav"};
    assert_int_equal(pst_vad_find(vad, &clip, &speech, &count, NULL, &err), PST_ERR_INPUT);
    assert_int_equal(pst_vad_find(NULL, &clip, &speech, &count, NULL, &err), PST_ERR_ARGUMENT);
    assert_null(speech);
    pst_vad_free(vad);
}

/* The batch over the micro model: a clip without speech has an empty text, and says why; with
 * speech the segments are those of the speech. */
struct seen {
    const pst_clip *clips;
    size_t count, taken, delivered;
};

static int next(void *user, pst_clip *clip) {
    struct seen *seen = user;
    if (seen->taken == seen->count) return 0;
    *clip = seen->clips[seen->taken++];
    return 1;
}

static int deliver(void *user, const pst_clip_result *result) {
    struct seen *seen = user;
    assert_null(result->error);
    const pst_transcript *transcript = result->transcript;
    if (seen->delivered++ == 0) {
        assert_string_equal(transcript->text, "");
        assert_int_equal(transcript->flags, PST_FLAG_NO_SPEECH);
        assert_true(transcript->no_speech_prob == 1 && result->duration == 1);
    } else {
        assert_int_equal(result->segment_count, 2); /* 4 s between them */
        assert_true(result->segments[0].start > 1.5 && result->segments[1].start > 7.5);
        assert_true(transcript->no_speech_prob < 0.5 && result->duration == 10);
    }
    return 0;
}

static void batches_take_speech(void **state) {
    (void)state;
    pst_model *model = NULL;
    pst_vad *vad = NULL;
    pst_batch_options options;
    pst_clip clips[2] = {{.fd = -1, .samples = samples, .sample_count = RATE},
                         {.fd = -1, .samples = samples, .sample_count = 10 * RATE}};
    struct seen seen = {.clips = clips, .count = 2};
    fill();
    assert_int_equal(pst_model_open(TEST_SOURCE_DIR "/tests/golden/micro", NULL, &model, &err),
                     PST_OK);
    assert_int_equal(pst_vad_open(NULL, &vad, &err), PST_OK);
    for (int guard = 0; guard < 2; guard++) {
        seen.taken = seen.delivered = 0;
        pst_batch_options_init(&options);
        options.next = next;
        options.deliver = deliver;
        options.user = &seen;
        options.vad = vad;
        options.guard = guard;
        assert_int_equal(pst_batch_run(model, &options, &err), PST_OK);
        assert_int_equal(seen.delivered, 2);
    }
    pst_vad_free(vad);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_speech),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(batches_take_speech),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
