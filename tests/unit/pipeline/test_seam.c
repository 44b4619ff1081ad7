/* test_seam.c - two texts that overlap: no word is lost, doubled or changed where they meet. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "pipeline/speech/seam.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"

static pst_error err;
static pst_model *model;

static int start(void **state) {
    (void)state;
    return pst_model_open(GOLDEN "micro", NULL, &model, &err);
}

static int finish(void **state) {
    (void)state;
    pst_model_free(model);
    return 0;
}

/* A transcript whose words take `step` seconds each from `at` on; "-" is a pause. */
static pst_transcript *say(const char *words, double at, double step) {
    pst_transcript *made = calloc(1, sizeof *made);
    char *list = strdup(words), *rest = list, *word;
    made->words = calloc(64, sizeof *made->words);
    made->text = calloc(1, strlen(words) + 1);
    for (; (word = strtok_r(rest, " ", &rest)); at += step) {
        if (strcmp(word, "-") == 0) continue;
        if (*made->text) strcat(made->text, " ");
        size_t offset = strlen(made->text);
        strcat(made->text, word);
        made->words[made->word_count++] =
            (pst_word){.offset = offset, .start = at, .end = at + step, .confidence = 1};
    }
    free(list);
    /* Texts live behind the words, as those of the pipeline do. */
    size_t bytes = strlen(made->text) + 1 + made->word_count;
    made->words = realloc(made->words, 64 * sizeof *made->words + 2 * bytes);
    char *texts = (char *)(made->words + 64);
    for (size_t i = 0; i < made->word_count; i++) {
        size_t length = strcspn(made->text + made->words[i].offset, " ");
        memcpy(texts, made->text + made->words[i].offset, length);
        texts[length] = '\0';
        made->words[i].text = texts;
        texts += length + 1;
    }
    assert_int_equal(tokenizer_encode(model->tokenizer, made->text, strlen(made->text), 1,
                                      &made->tokens, &made->token_count, &err),
                     PST_OK);
    made->tokens = realloc(made->tokens, (made->token_count + 1) * sizeof *made->tokens);
    made->tokens[made->token_count++] = 2; /* the end */
    return made;
}

static void check_tokens(const pst_transcript *part) {
    char *text = NULL;
    assert_int_equal(part->tokens[0], 1);
    assert_int_equal(part->tokens[part->token_count - 1], 2);
    assert_int_equal(pst_model_decode(model, part->tokens, part->token_count, 1, &text, &err),
                     PST_OK);
    assert_string_equal(text, part->text);
    free(text);
}

static void check_part(const pst_transcript *part, double from, double to) {
    double last = from;
    check_tokens(part);
    for (size_t i = 0; i < part->word_count; i++) {
        const pst_word *word = &part->words[i];
        assert_true(last <= word->start && word->start <= word->end && word->end <= to);
        assert_int_equal(strncmp(part->text + word->offset, word->text, strlen(word->text)), 0);
        last = word->end;
    }
}

/* Both have heard 10 to 13 s. */
static double sew(pst_transcript *before, pst_transcript *after, const char *expected) {
    struct seam seam = {.from = 10, .to = 13, .at = 11.5};
    char text[512];
    assert_int_equal(seam_sew(model->tokenizer, before, after, &seam, &err), PST_OK);
    snprintf(text, sizeof text, "%s | %s", before->text, after->text);
    assert_string_equal(text, expected);
    check_part(before, -1000, seam.at);
    check_part(after, seam.at, 1000);
    pst_transcript_free(before);
    pst_transcript_free(after);
    return seam.at;
}

static void the_same_words_are_there_once(void **state) {
    (void)state;
    sew(say("we had nothing before us, we were all going direct", 8, 0.5),
        say("Before us we were all going direct to heaven, we", 10, 0.5),
        "we had nothing before us, we | were all going direct to heaven, we");
    /* Cut in the middle of a word, both have a word at their edge that nobody said. */
    sew(say("the quick brown fox jumps over the lazy done", 9, 0.5),
        say("Socks jumps over the lazy dog and runs", 10.6, 0.5),
        "the quick brown fox jumps | over the lazy dog and runs");
}

/* Times are off by half a word; of repeated words those that are said together are one. */
static void repeated_words_are_counted(void **state) {
    (void)state;
    sew(say("no no no no no no no no", 9, 0.5), say("no no no no no no no", 10.1, 0.5),
        "no no no no no | no no no no");
    sew(say("it was the best of times it was the worst", 8.5, 0.4),
        say("times it was the worst of times it was the age", 10.4, 0.4),
        "it was the best of times it was | the worst of times it was the age");
}

static void words_that_differ_are_there_once(void **state) {
    (void)state;
    sew(say("one two three four five six", 10, 0.5),
        say("won too tree for fife sicks seven", 10, 0.5), "one two three | for fife sicks seven");
    /* One word of the one is two of the other. */
    sew(say("we eat icecream", 10.1, 0.8), say("ice cream today", 11.6, 0.5),
        "we eat | ice cream today");
    sew(say("ice cream today", 10.1, 0.4), say("icecream two dear", 10.2, 0.8),
        "ice cream today | dear");
    sew(say("icecream is", 10.1, 0.8), say("ice cream his", 10, 0.5), "icecream is | ");
}

static void nothing_in_common(void **state) {
    (void)state;
    sew(say("one two", 10, 0.5), say("five six", 12, 0.5), "one two | five six");
    sew(say("one two", 10, 0.5), say("- - three four", 10, 0.5), "one two | three four");
    /* Times of the one are wrong: nothing said is dropped for it. */
    sew(say("one two - - - -", 12, 0.5), say("- five", 13, 0.5), "one two | five");
}

static void a_side_is_empty(void **state) {
    (void)state;
    double at = sew(say("", 0, 1), say("one two three", 10.2, 0.5), " | one two three");
    assert_true(at >= 10 && at <= 10.2);
    at = sew(say("one two three", 11.2, 0.5), say("", 0, 1), "one two three | ");
    assert_true(at >= 12.7 && at <= 13);
    assert_true(sew(say("", 0, 1), say("", 0, 1), " | ") == 11.5);
    /* The model has stopped early, or begun late. */
    sew(say("one two three", 2, 0.5), say("four five", 10.2, 0.5), "one two three | four five");
    sew(say("one two three", 11.2, 0.5), say("four five", 20, 0.5), "one two three | four five");
}

/* All that one says lies in the overlap, and the other has said it better. */
static void a_side_becomes_empty(void **state) {
    (void)state;
    sew(say("one two three four", 8, 0.5), say("four", 9.8, 0.5), "one two three four | ");
}

static void words_keep_to_their_segment(void **state) {
    (void)state;
    /* The last of the one ends after the first of the other has begun. */
    double at = sew(say("one two three", 10, 0.6), say("three four five", 11.15, 0.35),
                    "one two three | four five");
    assert_true(at > 11 && at < 12);
}

/* A transcript without times: its words are found. */
static pst_transcript *tell(const char *words) {
    pst_transcript *made = say(words, 0, 1);
    free(made->words);
    made->words = NULL;
    made->word_count = 0;
    return made;
}

/* Both have heard the 3 s up to the end of the one, at three words a second. */
static void sew_texts(const char *one, const char *other, const char *expected) {
    pst_transcript *before = tell(one), *after = tell(other);
    size_t words = strlen(one) > 0;
    for (const char *at = one; *at; at++) words += *at == ' ';
    struct seam seam = {10, 13, 11.5, 13 - (double)words / 3};
    char text[512];
    assert_int_equal(seam_sew(model->tokenizer, before, after, &seam, &err), PST_OK);
    snprintf(text, sizeof text, "%s | %s", before->text, after->text);
    assert_string_equal(text, expected);
    assert_true(seam.at == 11.5);
    check_tokens(before);
    check_tokens(after);
    pst_transcript_free(before);
    pst_transcript_free(after);
}

static void without_times_the_same_words_are_there_once(void **state) {
    (void)state;
    sew_texts("we had nothing before us, we were all going direct",
              "Before us we were all going direct to heaven, we",
              "we had nothing before us, we were | all going direct to heaven, we");
    /* Cut in the middle of a word, both have a word at their edge that nobody said. */
    sew_texts("the quick brown fox jumps over the lazy done",
              "Socks jumps over the lazy dog and runs",
              "the quick brown fox jumps over the | lazy dog and runs");
    /* Words that are said again further away are others. */
    sew_texts("it was the best of times it was the worst of times it was the age",
              "of times it was the age of wisdom it was the age of foolishness",
              "it was the best of times it was the worst of times it was | "
              "the age of wisdom it was the age of foolishness");
    sew_texts("one two three four five six seven", "for five sicks seven eight nine",
              "one two three four five | sicks seven eight nine");
    /* One word of the one is two of the other, or none. */
    sew_texts("today we eat icecream with red berries", "ice cream with some red berries now",
              "today we eat icecream with | some red berries now");
}

/* Speech that repeats itself fits in several ways: nine words fit into the overlap. */
static void without_times_repeated_words_are_counted(void **state) {
    (void)state;
    sew_texts("no no no no no no no no no no no no", "no no no no no no no no no no no yes",
              "no no no no no no no no | no no no no no no yes");
}

static void without_times_nothing_in_common_stays(void **state) {
    (void)state;
    sew_texts("one two three", "four five six", "one two three | four five six");
    sew_texts("the end of the day came", "when all was the same",
              "the end of the day came | "
              "when all was the same");
    sew_texts("", "one two three", " | one two three");
    sew_texts("one two three", "", "one two three | ");
    /* All that one says lies in the overlap. */
    sew_texts("one two three four", "four", "one two three four | ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_words_are_there_once),
        cmocka_unit_test(repeated_words_are_counted),
        cmocka_unit_test(words_that_differ_are_there_once),
        cmocka_unit_test(nothing_in_common),
        cmocka_unit_test(a_side_is_empty),
        cmocka_unit_test(a_side_becomes_empty),
        cmocka_unit_test(words_keep_to_their_segment),
        cmocka_unit_test(without_times_the_same_words_are_there_once),
        cmocka_unit_test(without_times_repeated_words_are_counted),
        cmocka_unit_test(without_times_nothing_in_common_stays),
    };
    return cmocka_run_group_tests_name("seam", tests, start, finish);
}
