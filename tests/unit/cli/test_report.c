/* test_report.c - the bytes of a report and its rate. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands/report.h"

static void add(struct report *report, const char *prediction, const char *reference,
                const char *error) {
    const struct report_sample sample = {
        .prediction = prediction, .reference = reference, .audio_path = "a.wav", .error = error};
    assert_int_equal(report_add(report, &sample, NULL), PST_OK);
}

/* The report's text; to be freed. */
static char *text_of(struct report *report) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    report_print(report, stream);
    fclose(stream);
    return text;
}

static void expect(struct report *report, const char *text) {
    char *printed = text_of(report);
    assert_string_equal(printed, text);
    free(printed);
}

static void expect_rate(struct report *report, const char *rate) {
    char line[64];
    char *printed = text_of(report);
    snprintf(line, sizeof line, "\n  \"wer\": %s,\n", rate);
    if (!strstr(printed, line)) fail_msg("expected %s in %s", rate, printed);
    free(printed);
}

#define HEAD                                                                                       \
    "{\n"                                                                                          \
    "  \"model_id\": \"UsefulSensors/moonshine-tiny\",\n"                                          \
    "  \"adapter_dir\": \"out/adapter\",\n"                                                        \
    "  \"processor_dir\": null,\n"                                                                 \
    "  \"device\": \"cpu\",\n"

static void is_laid_out_as_by_python(void **state) {
    (void)state;
    struct report report = {
        .model_id = "UsefulSensors/moonshine-tiny", .adapter_dir = "out/adapter", .device = "cpu"};
    const struct report_sample first = {.prediction = " A cat sat.", .reference = " A dog sat."};
    const struct report_sample second = {
        .reference = "gone", .audio_path = "b.wav", .error = "b.wav: no such file"};
    report_open(&report);
    expect(&report, HEAD "  \"wer\": null,\n"
                         "  \"samples\": []\n"
                         "}");
    assert_int_equal(report_add(&report, &first, NULL), PST_OK);
    assert_int_equal(report_add(&report, &second, NULL), PST_OK);
    expect(&report, HEAD "  \"wer\": 0.3333333333333333,\n"
                         "  \"samples\": [\n"
                         "    {\n"
                         "      \"index\": 0,\n"
                         "      \"prediction\": \" A cat sat.\",\n"
                         "      \"reference\": \" A dog sat.\",\n"
                         "      \"audio_path\": null\n"
                         "    },\n"
                         "    {\n"
                         "      \"index\": 1,\n"
                         "      \"prediction\": null,\n"
                         "      \"reference\": \"gone\",\n"
                         "      \"audio_path\": \"b.wav\",\n"
                         "      \"error\": \"b.wav: no such file\"\n"
                         "    }\n"
                         "  ]\n"
                         "}");
    report_close(&report);
}

static void rate_is_over_the_whole_corpus(void **state) {
    (void)state;
    struct report report = {0};
    report_open(&report);
    expect_rate(&report, "null");
    add(&report, "anything", NULL, NULL);          /* no reference */
    add(&report, "anything", "", NULL);            /* an empty one */
    add(&report, "anything at all", "...", NULL);  /* one without words: insertions do not count */
    add(&report, NULL, "not heard", "broken.wav"); /* a failed sample counts nothing */
    expect_rate(&report, "null");
    add(&report, "one two three four", "one two three four", NULL);
    expect_rate(&report, "0.0");
    add(&report, "a x", "a b c d", NULL); /* 1 substitution, 2 deletions */
    expect_rate(&report, "0.375");
    report_close(&report);
}

static void rates_are_written_as_by_python(void **state) {
    (void)state;
    static const struct {
        uint64_t wrong, words;
        const char *text;
    } cases[] = {
        {1, 1, "1.0"},
        {10, 1, "10.0"},
        {25, 2, "12.5"},
        {1000000, 1, "1000000.0"},
        {1, 3, "0.3333333333333333"},
        {2, 3, "0.6666666666666666"},
        {1, 10000, "0.0001"},
        {1, 100000, "1e-05"},
        {12345, 1000000000, "1.2345e-05"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report report = {.words = {.insertions = cases[i].wrong, .hits = cases[i].words}};
        report_open(&report);
        expect_rate(&report, cases[i].text);
        report_close(&report);
    }
}

static void escapes_to_ascii(void **state) {
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"plain ~", "\"plain ~\""},
        {"\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\x01\x1F\x7F", "\"\\u0001\\u001f\\u007f\""},
        {"h\xC3\xA9 \xE2\x96\x81", "\"h\\u00e9 \\u2581\""},
        {"\xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF", "\"\\ud83d\\ude00 \\udbff\\udfff\""},
        /* not UTF-8: a stray byte, overlong, a surrogate, past the end, cut short */
        {"caf\xE9", "\"caf\\udce9\""},
        {"\x80\xC0\x80", "\"\\udc80\\udcc0\\udc80\""},
        {"\xED\xA0\x80", "\"\\udced\\udca0\\udc80\""},
        {"\xF4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\""},
        {"\xE2\x96", "\"\\udce2\\udc96\""},
        {"\xFF\xFEz", "\"\\udcff\\udcfez\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report report = {.model_id = cases[i].text};
        report_open(&report);
        char *text = text_of(&report);
        const char *start = text + strlen("{\n  \"model_id\": ");
        assert_memory_equal(start, cases[i].json, strlen(cases[i].json));
        assert_memory_equal(start + strlen(cases[i].json), ",\n", 2);
        free(text);
        report_close(&report);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_laid_out_as_by_python),
        cmocka_unit_test(rate_is_over_the_whole_corpus),
        cmocka_unit_test(rates_are_written_as_by_python),
        cmocka_unit_test(escapes_to_ascii),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
