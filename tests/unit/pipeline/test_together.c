/* test_together.c - clips that are decoded together have what each has alone, to the bit, whatever
 * stands beside them and however it ends. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/together.h"
#include "potstill.h"
#include "support/same_transcript.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { SAMPLES = 40000, SHORTEST = 2000 };

static pst_error err;
static float samples[SAMPLES];

static int start(void **state) {
    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
    return 0;
}

/* What is transcribed with what. */
struct room {
    pst_model *model;
    pst_session *session, *alone;
    pst_adapter *adapter; /* NULL: none */
};

static void open_room(struct room *room, const char *dir, const char *adapter_dir,
                      pst_precision precision, uint32_t threads) {
    pst_model_options options;
    pst_session_options session_options;
    *room = (struct room){0};
    pst_model_options_init(&options);
    options.precision = precision;
    assert_int_equal(pst_model_open(dir, &options, &room->model, &err), PST_OK);
    pst_session_options_init(&session_options);
    session_options.threads = threads;
    assert_int_equal(pst_session_new(room->model, &session_options, &room->session, &err), PST_OK);
    assert_int_equal(pst_session_new(room->model, NULL, &room->alone, &err), PST_OK);
    if (!adapter_dir) return;
    assert_int_equal(pst_adapter_open(room->model, adapter_dir, NULL, &room->adapter, &err), 0);
    assert_int_equal(pst_session_use_adapter(room->session, room->adapter, &err), PST_OK);
    assert_int_equal(pst_session_use_adapter(room->alone, room->adapter, &err), PST_OK);
}

static void close_room(struct room *room) {
    pst_session_free(room->session);
    pst_session_free(room->alone);
    pst_adapter_free(room->adapter);
    pst_model_free(room->model);
}

/* Different lengths and limits, the longest not the first. */
static size_t length_of(size_t i) {
    return SHORTEST + i * 7919 % (SAMPLES - SHORTEST);
}

static void check(struct room *room, pst_decode_options *options, size_t count) {
    struct utterance utterances[TEXTS_MAX + 2];
    for (size_t i = 0; i < count; i++)
        utterances[i] =
            (struct utterance){.samples = samples, .count = length_of(i), .options = &options[i]};
    transcribe_together(room->session, utterances, count);
    for (size_t i = 0; i < count; i++) {
        pst_transcript *right = NULL;
        pst_error why = {0};
        pst_status status =
            pst_transcribe(room->alone, samples, length_of(i), &options[i], &right, &why);
        assert_int_equal(utterances[i].error.code, status);
        assert_string_equal(utterances[i].error.message, why.message);
        if (status) continue;
        assert_same(right, utterances[i].transcript);
        assert_int_equal(right->steps, utterances[i].transcript->steps);
        pst_transcript_free(right);
        pst_transcript_free(utterances[i].transcript);
    }
}

/* A room of clips with options of many kinds; `words`: some with times. */
static void check_kinds(struct room *room, int words) {
    static const int32_t suppressed[] = {7};
    pst_decode_options options[TEXTS_MAX + 2];
    for (size_t i = 0; i < TEXTS_MAX + 2; i++) {
        pst_model_decode_options(room->model, &options[i]);
        options[i].max_new_tokens = (uint32_t)(3 + i * 5 % 26);
        options[i].skip_logprob = i % 3 == 1;
        options[i].word_timestamps = words && i % 2;
        options[i].stop_loops = i % 4 == 3;
        if (i == 2) options[i].repetition_penalty = 1.7f;
        if (i == 5) options[i].begin_suppress_tokens = suppressed;
        if (i == 5) options[i].begin_suppress_tokens_count = 1;
    }
    for (size_t count = 0; count <= TEXTS_MAX; count++) check(room, options, count);
    check(room, options, TEXTS_MAX + 2); /* more than fit are done alone */
    options[3].num_beams = 3;            /* so is what follows on what cannot be shared */
    check(room, options, TEXTS_MAX);
    options[1].max_new_tokens = 0;
    options[1].repetition_penalty = -1; /* and a wrong one leaves the others alone */
    check(room, options, 3);
}

static void check_model(const char *dir, const char *adapter_dir, int words) {
    for (int precision = PST_PRECISION_F32; precision <= PST_PRECISION_INT8; precision++)
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            struct room room;
            open_room(&room, dir, adapter_dir, (pst_precision)precision, threads);
            check_kinds(&room, words);
            close_room(&room);
        }
}

static void each_has_what_it_has_alone(void **state) {
    (void)state;
    check_model(GOLDEN "micro", NULL, 0);
    check_model(GOLDEN "micro_streaming", NULL, 0);
}

static void and_its_times(void **state) {
    (void)state;
    check_model(GOLDEN "micro", NULL, 1);
}

static void and_its_adapter(void **state) {
    (void)state;
    check_model(GOLDEN "micro", GOLDEN "adapter", 0);
}

static int stop_at_third(void *user) {
    return ++*(int *)user == 3;
}

/* Too short, not finite, cancelled: an error of its own. */
static void what_fails_leaves_the_others(void **state) {
    (void)state;
    struct room room;
    static float broken[SHORTEST];
    int asked = 0;
    open_room(&room, GOLDEN "micro", NULL, PST_PRECISION_F32, 1);
    pst_decode_options options[5];
    struct utterance utterances[5];
    for (size_t i = 0; i < 5; i++) {
        pst_model_decode_options(room.model, &options[i]);
        options[i].max_new_tokens = 12;
        utterances[i] = (struct utterance){
            .samples = samples, .count = length_of(i + 1), .options = &options[i]};
    }
    broken[700] = NAN;
    utterances[0].count = 10;
    utterances[2] = (struct utterance){.samples = broken, .count = SHORTEST, .options = options};
    options[3].cancelled = stop_at_third;
    options[3].cancelled_user = &asked;
    transcribe_together(room.session, utterances, 5);
    assert_int_equal(utterances[0].error.code, PST_ERR_INPUT);
    assert_int_equal(utterances[2].error.code, PST_ERR_INPUT);
    assert_int_equal(utterances[3].error.code, PST_ERR_CANCELLED);
    assert_int_equal(asked, 3);
    for (size_t i = 1; i < 5; i += 3) {
        pst_transcript *right;
        assert_int_equal(
            pst_transcribe(room.alone, samples, utterances[i].count, &options[i], &right, &err),
            PST_OK);
        assert_same(right, utterances[i].transcript);
        pst_transcript_free(right);
        pst_transcript_free(utterances[i].transcript);
    }
    close_room(&room);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_what_it_has_alone),
        cmocka_unit_test(and_its_times),
        cmocka_unit_test(and_its_adapter),
        cmocka_unit_test(what_fails_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
