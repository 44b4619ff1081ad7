/* test_segment_log.c - segments as lines of a file and back with every bit; damage; other runs. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/transcribe/segment_log.h"
#include "support/scratch.h"

static char path[600], input_path[600];
static struct input input_list[1];
static struct inputs inputs = {.list = input_list, .count = 1};

static pst_word words[] = {{"two", 0, 1.1, 1.2, 1 / 3.0, 0.1}, {"words", 4, 1.25, 1.5, NAN, NAN}};
static int32_t tokens[] = {1, 70, 2};
static char text[] = "two words \"\\ \n \xc3\xa9";
static pst_transcript transcript = {.text = text,
                                    .tokens = tokens,
                                    .token_count = 3,
                                    .avg_logprob = -1 / 3.0,
                                    .score = 1 / 7.0f,
                                    .margin = INFINITY,
                                    .truncated = 1,
                                    .flags = 9,
                                    .no_speech_prob = NAN,
                                    .compression_ratio = 1 / 9.0,
                                    .words = words,
                                    .word_count = 2,
                                    .confidence = 0.1,
                                    .channel = 2};

static pst_segment segment_at(double start) {
    return (pst_segment){start, start + 1 / 3.0, &transcript};
}

static void open_log(struct segment_log *log, const char *setting, int resume) {
    json_t *settings = json_pack("{s:s}", "of", setting);
    segment_log_open(log, strdup(path), settings, &inputs, resume);
}

static const pst_transcript *find(const struct segment_log *log, double start, uint32_t channel) {
    const pst_segment_place place = {.channel = channel, .start = start, .end = start + 1 / 3.0};
    return segment_log_find(log, 0, &place);
}

/* A log of so many segments, left as by a kill. */
static void leave(size_t count) {
    struct segment_log log;
    unlink(path);
    open_log(&log, "this", 1);
    for (size_t i = 0; i < count; i++) {
        pst_segment segment = segment_at((double)i / 3);
        segment_log_add(&log, 0, &segment, 1);
    }
    segment_log_close(&log, 0);
}

static int same_bits(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void every_bit_comes_back(void **state) {
    (void)state;
    struct segment_log log;
    leave(30);
    open_log(&log, "this", 1);
    assert_int_equal(log.known_count, 30);
    assert_null(find(&log, 1 / 3.0, 1));
    assert_null(find(&log, 11, 2));
    const pst_transcript *known = find(&log, 29 / 3.0, 2);
    assert_non_null(known);
    assert_string_equal(known->text, text);
    assert_int_equal(known->token_count, 3);
    assert_memory_equal(known->tokens, tokens, sizeof tokens);
    assert_true(same_bits(known->avg_logprob, transcript.avg_logprob));
    assert_true(known->score == transcript.score && isinf(known->margin));
    assert_true(known->truncated == 1 && known->flags == 9 && isnan(known->no_speech_prob));
    assert_true(known->compression_ratio == transcript.compression_ratio);
    assert_true(known->confidence == 0.1 && known->channel == 2);
    assert_int_equal(known->word_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(known->words[i].text, words[i].text);
        assert_int_equal(known->words[i].offset, words[i].offset);
        assert_true(same_bits(known->words[i].start, words[i].start));
        assert_true(same_bits(known->words[i].end, words[i].end));
        assert_true(same_bits(known->words[i].probability, words[i].probability));
        assert_true(same_bits(known->words[i].confidence, words[i].confidence));
    }
    /* What is known is not written twice; what is new goes behind it. */
    pst_segment segments[2] = {segment_at(0), segment_at(20)};
    segment_log_add(&log, 0, segments, 2);
    segment_log_close(&log, 0);
    open_log(&log, "this", 1);
    assert_int_equal(log.known_count, 31);
    segment_log_close(&log, 1);
    assert_int_equal(access(path, F_OK), -1);
}

static void other_runs_are_not_gone_on_with(void **state) {
    (void)state;
    struct segment_log log;
    leave(3);
    open_log(&log, "that", 1);
    assert_int_equal(log.known_count, 0);
    segment_log_close(&log, 0);
    open_log(&log, "this", 0);
    assert_int_equal(log.known_count, 0);
    segment_log_close(&log, 0);
    /* Nothing new was done: it is there still. Another file of the input's name has other bytes. */
    open_log(&log, "this", 1);
    assert_non_null(find(&log, 0, 2));
    segment_log_close(&log, 0);
    scratch_text(scratch_folder("segment-log"), "input.wav", "longer than before");
    open_log(&log, "this", 1);
    assert_null(find(&log, 0, 2));
    segment_log_close(&log, 1);
    assert_int_equal(access(path, F_OK), -1);
}

/* Each byte cut off, and each changed: what is taken over is as it was. */
static void damage_costs_what_is_behind_it(void **state) {
    (void)state;
    char whole[4096], part[4096];
    leave(2);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(whole, 1, sizeof whole, file);
    fclose(file);
    assert_in_range(size, 100, sizeof whole - 1);
    for (size_t i = 0; i < 2 * size; i++) {
        struct segment_log log = {.settings = json_pack("{s:s}", "of", "this"), .fd = -1};
        size_t length = i < size ? i : size, at = i - size;
        memcpy(part, whole, size);
        if (i >= size) part[at] ^= 4;
        int kind = segment_log_read(&log, part, length);
        assert_true(kind == 1 || log.known_count == 0);
        assert_true(log.known_count < 2);
        for (size_t k = 0; k < log.known_count; k++)
            assert_string_equal(log.known[k].transcript.text, text);
        segment_log_close(&log, 0);
    }
}

static int set_up(void **state) {
    (void)state;
    const char *folder = scratch_folder("segment-log");
    snprintf(path, sizeof path, "%s/out.partial", folder);
    snprintf(input_path, sizeof input_path, "%s/input.wav", folder);
    scratch_text(folder, "input.wav", "sound");
    input_list[0].path = input_path;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_comes_back),
        cmocka_unit_test(other_runs_are_not_gone_on_with),
        cmocka_unit_test(damage_costs_what_is_behind_it),
    };
    return cmocka_run_group_tests_name("segment_log", tests, set_up, NULL);
}
