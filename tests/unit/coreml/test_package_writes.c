/* test_package_writes.c - what the host writes for a token: the new column of the cache, the token
 * and its position. All else stays bound from the clip's beginning, however long the length is. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coreml/run/package_model.h"
#include "model/model.h"
#include "potstill_tools.h"
#include "support/scratch.h"

#define MICRO TEST_SOURCE_DIR "/tests/golden/micro"
enum { SAMPLES = 16000, FEW = 3, MANY = 13 };

/* Of moonshine-tiny, 6 layers of 288; and what a step of it may write. */
enum { TINY_CACHE_DIM = 1728, STEP_BYTES_MAX = 16 << 10 };

static pst_error err;
static float samples[SAMPLES];

static void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

/* ------------------------------------------------------------------- a runner that keeps count */

static size_t written, fed, runs; /* bytes; calls */

static pst_status write_counted(struct function *function, const char *input, struct places places,
                                const float *data, pst_error *error) {
    written += places.count * sizeof *data;
    return runner_mil.write(function, input, places, data, error);
}

static pst_status feed_counted(struct function *function, const char *input, struct function *from,
                               pst_error *error) {
    fed++;
    return runner_mil.feed(function, input, from, error);
}

static pst_status run_counted(struct function *function, pst_error *error) {
    runs++;
    return runner_mil.run(function, error);
}

struct writes {
    size_t bytes, feeds, runs;
};

static struct writes transcribe(pst_session *session, const pst_model *model, uint32_t tokens) {
    pst_decode_options options;
    pst_transcript *transcript;
    pst_model_decode_options(model, &options);
    options.max_new_tokens = tokens;
    written = fed = runs = 0;
    must(pst_transcribe(session, samples, SAMPLES, &options, &transcript, &err));
    assert_int_equal(transcript->token_count, tokens + 1);
    pst_transcript_free(transcript);
    return (struct writes){written, fed, runs};
}

/* Bytes of one step, of packages for clips of `seconds`; sets their cache_dim. */
static size_t step_bytes(uint32_t seconds, int state, size_t *cache_dim) {
    char path[600];
    pst_model *model;
    pst_session *session;
    pst_convert_options options;
    pst_convert_options_init(&options);
    options.seconds = &seconds;
    options.seconds_count = 1;
    options.force = 1;
    if (state) options.target = PST_CONVERT_IOS18;
    options.state = state;
    snprintf(path, sizeof path, "%s/model", scratch_folder("package_writes"));
    must(pst_convert(MICRO, NULL, 0, path, &options, &err));
    must(pst_model_open(path, NULL, &model, &err));
    struct package_model *package = (struct package_model *)model->device;
    struct runner counted = runner_mil;
    counted.write = write_counted;
    counted.feed = feed_counted;
    counted.run = run_counted;
    package->runner = &counted;
    must(pst_session_new(model, NULL, &session, &err));
    struct writes few = transcribe(session, model, FEW), many = transcribe(session, model, MANY);
    assert_int_equal(many.runs - few.runs, MANY - FEW);
    assert_int_equal(few.feeds, 2); /* keys and values of the clip, once */
    assert_int_equal(many.feeds, 2);
    *cache_dim = package->index.cache_dim;
    pst_session_free(session);
    package->runner = &runner_mil;
    pst_model_free(model);
    return (many.bytes - few.bytes) / (MANY - FEW);
}

static void a_step_writes_its_column_and_no_more(void **state) {
    (void)state;
    size_t dim;
    const size_t token = 2 * sizeof(float); /* and its position */
    for (uint32_t seconds = 1; seconds <= 10; seconds += 9) {
        size_t bytes = step_bytes(seconds, 0, &dim);
        assert_int_equal(bytes, 2 * dim * sizeof(float) + token);
        assert_true(bytes / dim * TINY_CACHE_DIM + token < STEP_BYTES_MAX);
    }
    assert_int_equal(step_bytes(10, 1, &dim), token); /* the decoder keeps its cache itself */
}

int main(void) {
    for (int i = 0; i < SAMPLES; i++) samples[i] = 0.2f * sinf((float)i * 0.05f);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_writes_its_column_and_no_more)};
    return cmocka_run_group_tests_name("package writes", tests, NULL, NULL);
}
