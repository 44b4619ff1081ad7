/* test_endpoint.c - where lines begin and end, for probabilities written as letters: s speech,
 * . silence, m between the two thresholds. A frame is 512 samples. */
#include "support/test.h"

#include <math.h>

#include "pipeline/stream/endpoint.h"

/* Pauses of 4 frames, margins of 1, lines of at most 12. */
static const struct endpoint_options OPTIONS = {0.5,       0.35,           4 * VAD_FRAME,
                                                VAD_FRAME, 12 * VAD_FRAME, 0};

struct expected {
    uint64_t start, end; /* frames */
};

static void check(const char *frames, const struct expected *lines, size_t count) {
    struct endpoint endpoint;
    size_t found = 0;
    uint64_t horizon = 0;
    endpoint_init(&endpoint, &OPTIONS);
    for (const char *at = frames; *at; at++) {
        double probability = *at == 's' ? 0.9 : *at == 'm' ? 0.4 : 0.1;
        enum endpoint_event event = endpoint_add(&endpoint, probability);
        if (event == ENDPOINT_STARTED) {
            assert_true(found < count);
            assert_true(endpoint.start >= horizon);
            assert_int_equal(endpoint.start, lines[found].start * VAD_FRAME);
        }
        if (event == ENDPOINT_ENDED) {
            assert_int_equal(endpoint_reach(&endpoint), lines[found].end * VAD_FRAME);
            found++;
        }
        if (!endpoint.in_line) horizon = endpoint_horizon(&endpoint);
    }
    assert_int_equal(found, count);
}

static void a_line_is_what_is_said_and_a_margin(void **state) {
    (void)state;
    check("....ssss....", &(struct expected){3, 9}, 1);
    check("ss....", &(struct expected){0, 3}, 1);
    check("...s....s....", NULL, 0);                  /* one frame is a click */
    check("...mm...", NULL, 0);                       /* that does not begin a line .. */
    check("..ssmm....", &(struct expected){1, 7}, 1); /* .. but goes on with one */
    check("..ss..ss....", &(struct expected){1, 9}, 1);
    check("..ss....ss....", (struct expected[]){{1, 5}, {7, 11}}, 2);
}

/* With 3 frames to settle. */
static void the_first_line_has_all_from_the_start(void **state) {
    (void)state;
    static const struct {
        const char *frames;
        uint64_t start;
    } cases[] = {{"ss", 0}, {"..ss", 0}, {"....ss", 0}, {".....ss", 4}, {"s...ss", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct endpoint_options options = OPTIONS;
        struct endpoint endpoint;
        options.settling = 3 * VAD_FRAME;
        endpoint_init(&endpoint, &options);
        for (const char *at = cases[i].frames; *at; at++) {
            assert_true(endpoint_horizon(&endpoint) <= cases[i].start * VAD_FRAME);
            endpoint_add(&endpoint, *at == 's' ? 0.9 : 0.1);
        }
        assert_true(endpoint.in_line);
        assert_int_equal(endpoint.start, cases[i].start * VAD_FRAME);
    }
}

/* From the second third on pauses get shorter, and the longest line ends in the middle of speech;
 * what follows belongs to the next. */
static void long_lines_end_at_shorter_pauses(void **state) {
    (void)state;
    check("ssssssssss..ss....", (struct expected[]){{0, 11}, {11, 15}}, 2);
    check("ssssssssssssssssss....", (struct expected[]){{0, 12}, {12, 19}}, 2);
}

/* From the first frame with speech to the last: the silence between them counts, that after them
 * does not, nor does the click before. */
static void speech_is_believed_by_its_mean(void **state) {
    (void)state;
    struct endpoint endpoint;
    double seconds;
    endpoint_init(&endpoint, &OPTIONS);
    assert_true(endpoint_belief(&endpoint, &seconds) == 0 && seconds == 0);
    for (const char *at = "s..ss.m...."; *at; at++)
        endpoint_add(&endpoint, *at == 's' ? 0.9 : *at == 'm' ? 0.4 : 0.1);
    double mean = endpoint_belief(&endpoint, &seconds);
    assert_false(endpoint.in_line);
    assert_true(fabs(mean - (0.9 + 0.9 + 0.1 + 0.4) / 4) < 1e-12);
    assert_true(fabs(seconds - 4 * VAD_FRAME / 16000.0) < 1e-12);
    for (const char *at = "ss"; *at; at++) endpoint_add(&endpoint, 0.8);
    assert_true(fabs(endpoint_belief(&endpoint, &seconds) - 0.8) < 1e-12);
}

static void quiet_lines_are_known_before_they_end(void **state) {
    (void)state;
    struct endpoint endpoint;
    endpoint_init(&endpoint, &OPTIONS);
    assert_false(endpoint_is_quiet(&endpoint));
    for (int i = 0; i < 3; i++) endpoint_add(&endpoint, 1);
    assert_false(endpoint_is_quiet(&endpoint));
    endpoint_add(&endpoint, 0);
    assert_true(endpoint_is_quiet(&endpoint));
    assert_int_equal(endpoint_reach(&endpoint), 4 * VAD_FRAME);
    endpoint_add(&endpoint, 0);
    assert_int_equal(endpoint_reach(&endpoint), 4 * VAD_FRAME);
    endpoint_add(&endpoint, 1);
    assert_false(endpoint_is_quiet(&endpoint));
    assert_int_equal(endpoint_reach(&endpoint), 6 * VAD_FRAME);
}

static void the_end_of_the_sound_ends_a_line(void **state) {
    (void)state;
    struct endpoint endpoint;
    endpoint_init(&endpoint, &OPTIONS);
    for (int i = 0; i < 3; i++) endpoint_add(&endpoint, 1);
    endpoint_finish(&endpoint, 1, 100);
    assert_int_equal(endpoint_reach(&endpoint), 3 * VAD_FRAME + 100);
    assert_false(endpoint.in_line);
    for (int i = 0; i < 2; i++) endpoint_add(&endpoint, 1);
    assert_int_equal(endpoint.start, 3 * VAD_FRAME + 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_what_is_said_and_a_margin),
        cmocka_unit_test(the_first_line_has_all_from_the_start),
        cmocka_unit_test(long_lines_end_at_shorter_pauses),
        cmocka_unit_test(speech_is_believed_by_its_mean),
        cmocka_unit_test(quiet_lines_are_known_before_they_end),
        cmocka_unit_test(the_end_of_the_sound_ends_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
