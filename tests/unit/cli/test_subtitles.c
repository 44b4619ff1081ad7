/* test_subtitles.c - what a broadcaster asks of subtitles, checked on the files written for a
 * hundred made-up recordings, and the cues of a few known ones. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caption_file.h"
#include "cli/subtitle_breaks.h"
#include "cli/subtitle_words.h"

static const struct subtitle_style BROADCAST = {.width = 42, .lines = 2, .speed = 20};

/* A clip with one segment for each text; `seconds` each, `gap` between them. */
struct made {
    pst_transcript transcripts[16];
    pst_segment segments[16];
    pst_clip_result clip;
};

static void make_clip(struct made *made, char *const *texts, const double *seconds, size_t count,
                      double gap) {
    double at = 0;
    *made = (struct made){0};
    for (size_t i = 0; i < count; i++) {
        made->transcripts[i].text = texts[i];
        made->segments[i] = (pst_segment){at, at + seconds[i], &made->transcripts[i]};
        at += seconds[i] + gap;
    }
    made->clip.segments = made->segments;
    made->clip.segment_count = count;
    made->clip.duration = at;
}

static char *print(const struct made *made, const struct subtitle_style *style, int vtt) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    const struct result result = {.path = "a.wav", .clip = &made->clip};
    const struct result_style all = {.subtitles = *style, .language = "en"};
    assert_non_null(stream);
    (vtt ? caption_print_vtt : caption_print_srt)(stream, &result, &all);
    fclose(stream);
    return text;
}

/* ----------------------------------------------------------------------------------- a checker */

struct seen {
    long start, end; /* milliseconds */
    size_t characters;
};

static size_t characters_of(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Reads a cue of an .srt file at `*at` and adds its words to `said`; 0: there is none. */
static int read_cue(const char **at, size_t number, const struct subtitle_style *style,
                    struct seen *seen, char *said) {
    long n, t[8];
    int used = 0;
    if (!**at) return 0;
    assert_int_equal(sscanf(*at, "%ld\n%ld:%ld:%ld,%ld --> %ld:%ld:%ld,%ld\n%n", &n, &t[0], &t[1],
                            &t[2], &t[3], &t[4], &t[5], &t[6], &t[7], &used),
                     9);
    assert_int_equal(n, number);
    seen->start = ((t[0] * 60 + t[1]) * 60 + t[2]) * 1000 + t[3];
    seen->end = ((t[4] * 60 + t[5]) * 60 + t[6]) * 1000 + t[7];
    seen->characters = 0;
    size_t lines = 0;
    for (*at += used; **at != '\n'; lines++) {
        size_t length = strcspn(*at, "\n"), width = characters_of(*at, length);
        assert_in_range(width, 1, style->width);
        assert_true((*at)[0] != ' ' && (*at)[length - 1] != ' ');
        seen->characters += width + (lines > 0);
        strncat(said, *at, length);
        strcat(said, " ");
        *at += length + 1;
    }
    assert_in_range(lines, 1, style->lines);
    ++*at;
    return 1;
}

/* Cues do not overlap; one that is too short for its text has no pause left beside it. */
static void check_times(const struct seen *cues, size_t count, const struct subtitle_style *style,
                        double duration) {
    for (size_t i = 0; i < count; i++) {
        long before = i ? cues[i - 1].end : 0;
        long behind = i + 1 < count ? cues[i + 1].start : lrint(duration * 1000);
        long shown = cues[i].end - cues[i].start;
        double wanted = fmax(800, 1000 * (double)cues[i].characters / style->speed);
        assert_true(cues[i].start >= before && cues[i].end <= behind && shown >= 0);
        if ((double)shown < wanted - 1 && (cues[i].start > before + 1 || cues[i].end < behind - 1))
            fail_msg("cue %zu of %zu is shown %ld ms, %.0f wanted, with a pause beside it", i + 1,
                     count, shown, wanted);
    }
}

/* All faults of an .srt file with all of the words `text`. Returns the number of cues. */
static size_t check(const char *file, const char *text, const struct subtitle_style *style,
                    double duration) {
    static struct seen cues[4096];
    char *said = calloc(1, 2 * strlen(text) + 2);
    size_t count = 0;
    assert_non_null(said);
    while (read_cue(&file, count + 1, style, &cues[count], said)) count++;
    said[strlen(said) - (count > 0)] = '\0';
    assert_string_equal(said, text);
    check_times(cues, count, style, duration);
    free(said);
    return count;
}

/* --------------------------------------------------------------------------------------- tests */

static unsigned chance(unsigned *state, unsigned below) {
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes */
    return (*state >> 8) % below;
}

/* Words of 1 to 12 letters, some with accents, in sentences and clauses. */
static void make_text(char *text, unsigned *state) {
    static const char *const ends[] = {"", "", "", "", "", ",", ",", ".", "?", "\xe2\x80\xa6"};
    size_t words = chance(state, 120);
    *text = '\0';
    for (size_t i = 0; i < words; i++) {
        size_t letters = 1 + chance(state, 12);
        if (i) strcat(text, " ");
        for (size_t k = 0; k < letters; k++) strcat(text, chance(state, 15) ? "e" : "\xc3\xa9");
        strcat(text, ends[chance(state, 10)]);
    }
}

static void a_hundred_recordings(void **state) {
    (void)state;
    static char texts[8][8192], all[8 * 8192];
    unsigned seed = 1;
    for (int run = 0; run < 100; run++) {
        char *pointers[8];
        double seconds[8];
        size_t count = 1 + chance(&seed, 8);
        struct subtitle_style style = BROADCAST;
        if (run % 3 == 1) style = (struct subtitle_style){.width = 32, .lines = 1, .speed = 15};
        if (run % 3 == 2) style = (struct subtitle_style){.width = 20, .lines = 4, .speed = 25};
        *all = '\0';
        for (size_t i = 0; i < count; i++) {
            make_text(texts[i], &seed);
            pointers[i] = texts[i];
            /* From far too fast to slow. */
            seconds[i] = (double)strlen(texts[i]) / (5 + chance(&seed, 30)) + 0.01;
            if (*all && *texts[i]) strcat(all, " ");
            strcat(all, texts[i]);
        }
        struct made made;
        make_clip(&made, pointers, seconds, count, chance(&seed, 4) * 0.7);
        char *file = print(&made, &style, 0);
        check(file, all, &style, made.clip.duration);
        free(file);
    }
}

static void expect(char *text, double seconds, const struct subtitle_style *style,
                   const char *file) {
    struct made made;
    make_clip(&made, &text, &seconds, 1, 0);
    char *printed = print(&made, style, 0);
    assert_string_equal(printed, file);
    free(printed);
}

static void cues_end_with_sentences(void **state) {
    (void)state;
    expect("We had everything before us. We had nothing before us. It was late.", 6.7, &BROADCAST,
           "1\n00:00:00,000 --> 00:00:02,857\nWe had everything before us.\n\n"
           "2\n00:00:02,857 --> 00:00:05,419\nWe had nothing before us.\n\n"
           "3\n00:00:05,419 --> 00:00:06,700\nIt was late.\n\n");
}

static void lines_end_with_phrases(void **state) {
    (void)state;
    expect("The man who had come to the door of the old house was gone.", 4, &BROADCAST,
           "1\n00:00:00,000 --> 00:00:04,000\n"
           "The man who had come to the door\nof the old house was gone.\n\n");
}

static void words_wider_than_a_line_are_cut(void **state) {
    (void)state;
    const struct subtitle_style narrow = {.width = 4, .lines = 2, .speed = 20};
    expect("ab\xc3\xa9"
           "defghij",
           1.0, &narrow,
           "1\n00:00:00,000 --> 00:00:00,800\nab\xc3\xa9"
           "d\nefgh\n\n"
           "2\n00:00:00,800 --> 00:00:01,000\nij\n\n");
}

static void without_a_width_a_segment_is_a_cue(void **state) {
    (void)state;
    const struct subtitle_style whole = {.width = 0, .lines = 2, .speed = 20};
    char *texts[] = {"One and two.", "", "Three --> four & <five>."};
    const double seconds[] = {1.0005, 2, 3700};
    struct made made;
    make_clip(&made, texts, seconds, 3, 0);
    char *printed = print(&made, &whole, 0);
    assert_string_equal(printed, "1\n00:00:00,000 --> 00:00:01,000\nOne and two.\n\n"
                                 "2\n00:00:03,000 --> 01:01:43,000\nThree -> four & <five>.\n\n");
    free(printed);
    printed = print(&made, &whole, 1);
    assert_string_equal(printed, "WEBVTT\n\n00:00.000 --> 00:01.000\nOne and two.\n\n"
                                 "00:03.000 --> 01:01:43.000\nThree -> four &amp; &lt;five>.\n\n");
    free(printed);
}

static void words_are_highlighted_in_turn(void **state) {
    (void)state;
    const struct subtitle_style style = {.width = 42, .lines = 2, .speed = 5, .highlight = 1};
    char *texts[] = {"One, two.", ""};
    const double seconds[] = {1, 1};
    struct made made;
    make_clip(&made, texts, seconds, 2, 0);
    char *printed = print(&made, &style, 1);
    assert_string_equal(printed, "WEBVTT\n\n00:00.000 --> 00:00.500\n<u>One,</u> two.\n\n"
                                 "00:00.500 --> 00:01.000\nOne, <u>two.</u>\n\n"
                                 "00:01.000 --> 00:01.800\nOne, two.\n\n");
    free(printed);
}

static void no_text_is_no_cue(void **state) {
    (void)state;
    expect("", 5, &BROADCAST, "");
    expect(" \n ", 5, &BROADCAST, "");
}

static struct subtitle_word word(const char *text, double start, double end) {
    return (struct subtitle_word){.text = text, .length = strlen(text), .start = start, .end = end};
}

static void breaks_have_an_order(void **state) {
    (void)state;
    struct subtitle_word end = word("over.", 0, 1), clause = word("over,", 0, 1);
    struct subtitle_word plain = word("over", 0, 1), leader = word("the", 0, 1);
    struct subtitle_word quoted = word("over.\xe2\x80\x9d", 0, 1), title = word("Mr.", 0, 1);
    struct subtitle_word next = word("house", 1, 2), opener = word("because", 1, 2);
    struct subtitle_word later = word("house", 1.6, 2);
    assert_true(break_cost(&end, &next) < break_cost(&clause, &next));
    assert_true(break_cost(&clause, &next) < break_cost(&plain, &opener));
    assert_true(break_cost(&plain, &opener) < break_cost(&plain, &next));
    assert_true(break_cost(&plain, &next) < break_cost(&leader, &next));
    assert_true(break_cost(&plain, &later) < break_cost(&plain, &next));
    assert_true(ends_sentence(&quoted) && !ends_sentence(&title));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_recordings),
        cmocka_unit_test(cues_end_with_sentences),
        cmocka_unit_test(lines_end_with_phrases),
        cmocka_unit_test(words_wider_than_a_line_are_cut),
        cmocka_unit_test(without_a_width_a_segment_is_a_cue),
        cmocka_unit_test(words_are_highlighted_in_turn),
        cmocka_unit_test(no_text_is_no_cue),
        cmocka_unit_test(breaks_have_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
