/* test_report.c - the report's bytes, its rate, and Python's digits. The scorer is judged by its
 * own tests: a plain one stands in for it here, which counts words in pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/python_repr.h"

/* Splits at single spaces and compares word by word, which for the texts below is the true
 * alignment. "..." normalises to nothing, "fail" fails. */
__attribute__((weak)) pst_status pst_score_words(const char *reference, const char *hypothesis,
                                                 int normalize, pst_word_counts *counts,
                                                 pst_error *err) {
    assert_int_equal(normalize, 1);
    if (!strcmp(hypothesis, "fail")) return error_set(err, PST_ERR_MEMORY, "as asked");
    const char *r = strcmp(reference, "...") ? reference : "", *h = hypothesis;
    while (*r || *h) {
        size_t r_length = strcspn(r, " "), h_length = strcspn(h, " ");
        if (!*h)
            counts->deletions++;
        else if (!*r)
            counts->insertions++;
        else if (r_length == h_length && !memcmp(r, h, r_length))
            counts->hits++;
        else
            counts->substitutions++;
        r += r_length + (r[r_length] == ' ');
        h += h_length + (h[h_length] == ' ');
    }
    return PST_OK;
}

__attribute__((weak)) double pst_word_error_rate(const pst_word_counts *counts) {
    double errors = (double)(counts->substitutions + counts->deletions + counts->insertions);
    return errors / (double)(counts->substitutions + counts->deletions + counts->hits);
}

static pst_report *new_report(void) {
    pst_report *report = NULL;
    assert_int_equal(pst_report_new("m", NULL, NULL, "cpu", &report, NULL), PST_OK);
    return report;
}

static void add(pst_report *report, const char *prediction, const char *reference,
                const char *error) {
    pst_report_sample sample = {
        .prediction = prediction, .reference = reference, .audio_path = "a.wav", .error = error};
    assert_int_equal(pst_report_add(report, &sample, NULL), PST_OK);
}

static void writes(const pst_report *report, const char *expected) {
    char *json = NULL;
    assert_int_equal(pst_report_json(report, &json, NULL), PST_OK);
    assert_string_equal(json, expected);
    free(json);
}

static void is_laid_out_as_by_python(void **state) {
    (void)state;
    pst_report *report = NULL;
    assert_int_equal(
        pst_report_new("UsefulSensors/moonshine-tiny", "out/adapter", NULL, "cpu", &report, NULL),
        PST_OK);
    writes(report, "{\n"
                   "  \"model_id\": \"UsefulSensors/moonshine-tiny\",\n"
                   "  \"adapter_dir\": \"out/adapter\",\n"
                   "  \"processor_dir\": null,\n"
                   "  \"device\": \"cpu\",\n"
                   "  \"wer\": null,\n"
                   "  \"samples\": []\n"
                   "}");
    pst_report_sample first = {.prediction = " A cat sat.", .reference = " A dog sat."};
    pst_report_sample second = {
        .reference = "gone", .audio_path = "b.wav", .error = "b.wav: no such file"};
    assert_int_equal(pst_report_add(report, &first, NULL), PST_OK);
    assert_int_equal(pst_report_add(report, &second, NULL), PST_OK);
    char *json = NULL;
    assert_int_equal(pst_report_json(report, &json, NULL), PST_OK);
    const char *samples = strstr(json, "  \"samples\"");
    assert_non_null(samples);
    assert_string_equal(samples, "  \"samples\": [\n"
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
    free(json);
    pst_report_free(report);
    pst_report_free(NULL);
}

static void rate_is_over_the_whole_corpus(void **state) {
    (void)state;
    pst_report *report = new_report();
    double wer = -1;
    int defined = -1;
    pst_report_wer(report, &wer, &defined);
    assert_int_equal(defined, 0);
    add(report, "anything", NULL, NULL);          /* no reference */
    add(report, "anything", "", NULL);            /* an empty one */
    add(report, "anything at all", "...", NULL);  /* one without words: insertions do not count */
    add(report, NULL, "not heard", "broken.wav"); /* a failed sample counts nothing */
    pst_report_wer(report, &wer, &defined);
    assert_int_equal(defined, 0);
    add(report, "one two three four", "one two three four", NULL);
    add(report, "a x", "a b c d", NULL); /* 1 substitution, 2 deletions */
    pst_report_wer(report, &wer, &defined);
    assert_int_equal(defined, 1);
    assert_true(wer == 3.0 / 8.0);
    char *json = NULL;
    assert_int_equal(pst_report_json(report, &json, NULL), PST_OK);
    assert_non_null(strstr(json, "\n  \"wer\": 0.375,\n"));
    free(json);
    pst_report_free(report);
}

static void a_failed_add_leaves_no_trace(void **state) {
    (void)state;
    pst_report *report = new_report();
    pst_report_sample nothing = {.reference = "x"};
    assert_int_equal(pst_report_add(report, &nothing, NULL), PST_ERR_ARGUMENT);
    pst_report_sample fails = {.prediction = "fail", .reference = "x"};
    if (pst_report_add(report, &fails, NULL) == PST_ERR_MEMORY) /* the stand-in is linked */
        writes(report, "{\n  \"model_id\": \"m\",\n  \"adapter_dir\": null,\n"
                       "  \"processor_dir\": null,\n  \"device\": \"cpu\",\n  \"wer\": null,\n"
                       "  \"samples\": []\n}");
    pst_report_free(report);
    pst_error err;
    assert_int_equal(pst_report_new(NULL, NULL, NULL, "cpu", &report, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_report_new("m", NULL, NULL, NULL, &report, &err), PST_ERR_ARGUMENT);
    assert_int_equal(pst_report_json(NULL, NULL, &err), PST_ERR_ARGUMENT);
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
        pst_report *report = NULL;
        char *json = NULL;
        assert_int_equal(pst_report_new(cases[i].text, NULL, NULL, "", &report, NULL), PST_OK);
        assert_int_equal(pst_report_json(report, &json, NULL), PST_OK);
        const char *start = json + strlen("{\n  \"model_id\": ");
        assert_memory_equal(start, cases[i].json, strlen(cases[i].json));
        assert_memory_equal(start + strlen(cases[i].json), ",\n", 2);
        free(json);
        pst_report_free(report);
    }
}

static void numbers_are_pythons(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.125, "0.125"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1e-05"},
        {0.000012345, "1.2345e-05"},
        {1e15, "1000000000000000.0"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1e22, "1e+22"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {5e-324, "5e-324"},
        {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
        {1.0 / 17592186044416.0, "5.684341886080802e-14"}, /* 2**-44 */
        {100, "100.0"},
        {12.5, "12.5"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[PYTHON_REPR_SIZE];
        python_repr(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* A program in a German desktop session writes 0,125 with printf. */
static void numbers_ignore_the_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR"};
    int found = 0;
    for (size_t i = 0; i < 4 && !found; i++) found = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!found) skip();
    numbers_are_pythons(state);
    setlocale(LC_NUMERIC, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_laid_out_as_by_python),
        cmocka_unit_test(rate_is_over_the_whole_corpus),
        cmocka_unit_test(a_failed_add_leaves_no_trace),
        cmocka_unit_test(escapes_to_ascii),
        cmocka_unit_test(numbers_are_pythons),
        cmocka_unit_test(numbers_ignore_the_locale),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
