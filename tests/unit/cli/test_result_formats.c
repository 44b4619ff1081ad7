/* test_result_formats.c - a known result in every format, against tests/golden/formats/.
 *
 * README.md there says which files openai-whisper's own writers have made. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/result_formats.h"

static int32_t FIRST[] = {1, 100, 101, 102, 2}, SECOND[] = {1, 103}, THIRD[] = {1, 104, 105, 2};

static pst_transcript transcripts[] = {
    {.text = "Caf\xc3\xa9 \"Nord\", he said -->\there.",
     .tokens = FIRST,
     .token_count = 5,
     .avg_logprob = -0.1234567},
    {.text = "", .tokens = SECOND, .token_count = 2, .avg_logprob = -1.5, .truncated = 1},
    {.text = "Rock & roll, 5 < 6.", .tokens = THIRD, .token_count = 4, .avg_logprob = -0.25},
};
static const pst_segment segments[] = {
    {0, 2.0005, &transcripts[0]},
    {2.0005, 7.25, &transcripts[1]},
    {7.25, 3661.0625, &transcripts[2]},
};
static int32_t ALL[] = {1, 100, 101, 102, 2, 1, 103, 1, 104, 105, 2};
static pst_transcript joined = {.text =
                                    "Caf\xc3\xa9 \"Nord\", he said -->\there. Rock & roll, 5 < 6.",
                                .tokens = ALL,
                                .token_count = 11,
                                .avg_logprob = -0.3,
                                .truncated = 1};
static const pst_clip_result clip = {
    .duration = 3661.0625, .transcript = &joined, .segments = segments, .segment_count = 3};

static char *read_golden(const char *name) {
    char path[512], *text = calloc(1, 65536);
    snprintf(path, sizeof path, "%s/tests/golden/formats/%s", TEST_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(text);
    if (!file) fail_msg("%s is not there", path);
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

static void compare(enum result_format format, size_t width, const char *name) {
    const struct result result = {.path = "caf\xc3\xa9.wav", .clip = &clip};
    const struct result_style style = {.subtitles = {.width = width, .lines = 2, .speed = 20},
                                       .language = "en"};
    char *text = NULL, *golden = read_golden(name);
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    result_formats[format].print(stream, &result, &style);
    fclose(stream);
    assert_string_equal(text, golden);
    free(text);
    free(golden);
}

static void as_openai_whisper(void **state) {
    (void)state;
    compare(RESULT_TEXT, 42, "whisper.txt");
    compare(RESULT_SRT, 0, "whisper.srt");
    compare(RESULT_TSV, 42, "whisper.tsv");
    compare(RESULT_WHISPER_JSON, 42, "whisper.json");
}

static void as_this_program(void **state) {
    (void)state;
    compare(RESULT_JSON, 42, "own.json");
    compare(RESULT_JSONL, 42, "own.json");
    compare(RESULT_CSV, 42, "own.csv");
    compare(RESULT_SRT, 42, "own.srt");
    compare(RESULT_VTT, 42, "own.vtt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_openai_whisper),
        cmocka_unit_test(as_this_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
