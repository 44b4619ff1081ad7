/* test_speech.c - stretches of speech by hand; Silero's own function is in the oracle tests. */
#include "support/test.h"

#include <math.h>

#include "vad/speech.h"

struct found {
    struct speech list[16];
    size_t count;
    size_t after[16]; /* frames that were known when it came out */
};

/* One character a frame: '#' speech, '.' silence, '-' between the thresholds. */
static struct found find(const struct speech_options *options, const char *frames,
                         uint64_t samples) {
    struct speech_finder finder;
    struct found found = {0};
    speech_begin(&finder, options);
    for (size_t i = 0; frames[i]; i++) {
        double probability = frames[i] == '#' ? 0.9 : frames[i] == '-' ? 0.4 : 0.1;
        uint64_t horizon = speech_horizon(&finder);
        if (speech_add(&finder, probability, &found.list[found.count])) {
            assert_true(found.list[found.count].start >= horizon);
            found.after[found.count++] = i + 1;
        }
    }
    while (speech_end(&finder, samples, &found.list[found.count])) found.count++;
    return found;
}

static void expect(const struct found *found, size_t index, uint64_t start, uint64_t end) {
    assert_true(index < found->count);
    assert_int_equal(found->list[index].start, start);
    assert_int_equal(found->list[index].end, end);
}

static void finds_words(void **state) {
    (void)state;
    struct speech_options options = SPEECH_OPTIONS_SILERO;
    struct found found = find(&options, "..##########.....########.....", 30 * 512 - 100);
    assert_int_equal(found.count, 2);
    expect(&found, 0, 2 * 512 - 480, 12 * 512 + 480);
    expect(&found, 1, 17 * 512 - 480, 25 * 512 + 480);
    assert_int_equal(found.after[0], 17); /* when its end could move no more */
    /* Doubtful frames neither begin speech nor end it, and a short word is none. */
    found = find(&options, "..---####----####--......##.....", 32 * 512);
    assert_int_equal(found.count, 1);
    expect(&found, 0, 5 * 512 - 480, 19 * 512 + 480);
    found = find(&options, "", 0);
    assert_int_equal(found.count, 0);
}

/* Padding never goes past the ends, and two that are near share the pause. */
static void pads(void **state) {
    (void)state;
    struct speech_options options = SPEECH_OPTIONS_SILERO;
    options.speech_pad_ms = 100;
    struct found found = find(&options, "##########.....########", 23 * 512 - 7);
    assert_int_equal(found.count, 2);
    expect(&found, 0, 0, 10 * 512 + 5 * 256);
    expect(&found, 1, 15 * 512 - 5 * 256, 23 * 512 - 7);
}

/* A long one ends at its longest pause, else where it is too long. */
static void splits(void **state) {
    (void)state;
    struct speech_options options = {0.5, -1, 0, 10000, 1, 0}; /* 1 s: 31 frames with the margin */
    struct found found = find(&options, "########.....##########....##############", 41 * 512);
    assert_int_equal(found.count, 2);
    expect(&found, 0, 0, 8 * 512);
    expect(&found, 1, 13 * 512, 41 * 512);
    found = find(&options, "########################################", 40 * 512);
    assert_int_equal(found.count, 2);
    expect(&found, 0, 0, 31 * 512);
    expect(&found, 1, 32 * 512, 40 * 512);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_words),
        cmocka_unit_test(pads),
        cmocka_unit_test(splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
