/* test_report_page.c - the page holds its data whole, nothing of the data becomes markup, and its
 * policy names the script and the style that are in it. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "cli/eval/page_sound.h"
#include "cli/eval/report_page.h"

#define HOSTILE "</script><img src=x onerror=alert(1)><!--&\"'"
/* The same in a JSON string. */
#define HOSTILE_JSON "</script><img src=x onerror=alert(1)><!--&\\\"'"

static const char results_text[] =
    "{\"format\": 1, \"title\": \"" HOSTILE_JSON "\", \"manifest\": {\"path\": \"" HOSTILE_JSON
    "\"},"
    " \"systems\": [{\"name\": \"" HOSTILE_JSON "\", \"wer\": {\"value\": 0.123456789012}}],"
    "\n  \"utterances\": ["
    "{\"id\": \"" HOSTILE_JSON "\", \"audio\": \"clips/one two.wav\", \"seconds\": 1.5,"
    "  \"reference\": \"" HOSTILE_JSON " \\u2028 h\\u00e9\", \"systems\": [{\"text\": \"a\","
    "  \"errors\": 4, \"words\": 4, \"alignment\": [[\"=\", \"a\"], [\"s\", \"b\", \"x y\"],"
    "  [\"d\", \"" HOSTILE_JSON "\"], [\"i\", \">c\"]]}]},"
    "{\"id\": \"2\", \"reference\": \"\", \"systems\": [{\"error\": \"gone\"}]}]}";

/* The page; to be freed. */
static char *page_of(const char *results, struct report_sounds *sounds) {
    char *page = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&page, &length);
    assert_non_null(stream);
    assert_int_equal(report_page_write(stream, results, strlen(results), sounds), 0);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(strlen(page), length);
    return page;
}

/* What stands between `open` and the next `close`, to be freed; `open` is there once. */
static char *between(const char *page, const char *open, const char *close) {
    const char *start = strstr(page, open);
    if (!start) fail_msg("the page has no %s", open);
    start += strlen(open);
    assert_null(strstr(start, open));
    const char *end = strstr(start, close);
    assert_non_null(end);
    return strndup(start, (size_t)(end - start));
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

static json_t *block(const char *page, const char *id) {
    char open[80];
    snprintf(open, sizeof open, "<script type=\"application/json\" id=\"%s\">", id);
    char *text = between(page, open, "</script>");
    assert_null(strchr(text, '<'));
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!value) fail_msg("%s: %s in %s", id, error.text, text);
    free(text);
    return value;
}

static void data_comes_back(void **state) {
    (void)state;
    struct report_sounds sounds = {0};
    char *page = page_of(results_text, &sounds);
    json_t *data = block(page, "data"), *rows = block(page, "utterances");
    assert_int_equal(json_array_size(rows), 2);
    assert_null(json_object_get(data, "utterances"));
    assert_string_equal(json_string_value(json_object_get(data, "title")), HOSTILE);
    json_t *row = json_array_get(rows, 0);
    json_t *one = json_array_get(json_object_get(row, "systems"), 0);
    assert_null(json_object_get(row, "id"));
    assert_string_equal(json_string_value(json_object_get(row, "reference")),
                        HOSTILE " \xE2\x80\xA8 h\xC3\xA9");
    /* a space in a word does not end it */
    assert_string_equal(json_string_value(json_object_get(one, "alignment")),
                        "=a sb >x\xC2\xA0y d</script><img\xC2\xA0src=x\xC2\xA0onerror=alert(1)>"
                        "<!--&\"' i>c");
    one = json_array_get(json_object_get(json_array_get(rows, 1), "systems"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "error")), "gone");
    /* what the table needs stands before the script, the rest behind it */
    json_t *index = block(page, "index");
    char *text = json_dumps(json_array_get(index, 0), JSON_COMPACT);
    assert_string_equal(text, "[\"" HOSTILE_JSON "\",1.5,null,0,4,4]");
    free(text);
    text = json_dumps(json_array_get(index, 1), JSON_COMPACT);
    assert_string_equal(text, "[\"2\",null,null,0,null,null]");
    free(text);
    json_decref(index);
    assert_true(strstr(page, "id=\"index\"") < strstr(page, "<script>"));
    assert_true(strstr(page, "<script>") < strstr(page, "id=\"utterances\""));
    json_decref(rows);
    json_decref(data);
    free(page);
}

static void texts_are_no_markup(void **state) {
    (void)state;
    struct report_sounds sounds = {0};
    char *page = page_of(results_text, &sounds);
    assert_null(strstr(page, "<img"));
    assert_int_equal(count_of(page, "<script"), 4);
    assert_int_equal(count_of(page, "</script"), 4);
    assert_int_equal(count_of(page, "<style"), 1);
    assert_int_equal(count_of(page, "</style"), 1);
    assert_int_equal(count_of(page, "<!--"), 0);
    assert_int_equal(count_of(page, "{{"), 0);
    char *title = between(page, "<title>", "</title>");
    assert_string_equal(title,
                        "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&lt;!--&amp;&quot;'");
    free(title);
    free(page);
}

/* The policy names `text` by its hash in `directive`. */
static void expect_hash(const char *policy, const char *directive, const char *text) {
    unsigned char hash[32], encoded[64];
    char expected[128];
    assert_int_equal(EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL), 1);
    EVP_EncodeBlock(encoded, hash, sizeof hash);
    snprintf(expected, sizeof expected, "; %s 'sha256-%s';", directive, (const char *)encoded);
    if (!strstr(policy, expected)) fail_msg("expected %s in %s", expected, policy);
}

static void policy_names_its_script_and_style(void **state) {
    (void)state;
    struct report_sounds sounds = {0};
    char *page = page_of("{\"systems\": [],\n  \"utterances\": []}", &sounds);
    char *policy = between(page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    char *script = between(page, "<script>", "</script>");
    char *style = between(page, "<style>", "</style>");
    assert_int_equal(strncmp(policy, "default-src 'none'; ", 20), 0);
    expect_hash(policy, "script-src", script);
    expect_hash(policy, "style-src", style);
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "http"));
    /* nothing from elsewhere; the name of SVG is not an address that anything is loaded from */
    assert_null(strstr(style, "url("));
    assert_null(strstr(style, "@import"));
    assert_int_equal(count_of(page, "http://"), 1);
    assert_int_equal(count_of(page, "http://www.w3.org/2000/svg"), 1);
    assert_null(strstr(page, "https://"));
    assert_null(strstr(page, " style=\""));
    assert_null(strstr(script, "innerHTML"));
    assert_null(strstr(script, "insertAdjacentHTML"));
    free(policy), free(script), free(style), free(page);
}

/* A folder for files of a test. */
static char folder[] = "/tmp/potstill-page-XXXXXX";

static void expect_link(const char *from, const char *page_folder, const char *audio,
                        const char *expected) {
    char *link = page_sound_link(from, page_folder, audio);
    if (!expected) {
        assert_null(link);
    } else {
        assert_non_null(link);
        assert_string_equal(link, expected);
    }
    free(link);
}

static void links_are_relative_to_the_page(void **state) {
    (void)state;
    assert_int_equal(chdir(folder), 0);
    mkdir("out", 0700), mkdir("clips", 0700), mkdir("clips2", 0700);
    expect_link(NULL, "out", "clips/a.wav", "../clips/a.wav");
    expect_link("clips", "out", "a.wav", "../clips/a.wav");
    expect_link("clips", "clips", "a.wav", "a.wav");
    expect_link("clips2", "clips", "a.wav", "../clips2/a.wav");
    expect_link(NULL, NULL, "a.wav", "a.wav");
    expect_link(NULL, "out", "out/javascript:x?#%.wav", "javascript%3Ax%3F%23%25.wav");
    expect_link(NULL, "out", "clips/h\xC3\xA9 1.wav", "../clips/h%C3%A9%201.wav");
    expect_link(NULL, "out", "missing/a.wav", NULL);
    expect_link(NULL, "missing", "clips/a.wav", NULL);
    expect_link(NULL, "/", "/a.wav", "a.wav");
    char absolute[128], expected[128];
    snprintf(absolute, sizeof absolute, "%s/clips/a.wav", folder);
    expect_link("elsewhere", "out", absolute, "../clips/a.wav");
    snprintf(expected, sizeof expected, "%s/clips/a.wav", folder + 1);
    expect_link(NULL, "/", "clips/a.wav", expected);
}

/* A WAV of `count` samples that rise by one, at 16 kHz. */
static void write_wave(const char *path, unsigned count) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const uint32_t words[] = {16000, 32000};
    const uint32_t data = 2 * count, riff = 36 + data, format = 16;
    fwrite("RIFF", 1, 4, file), fwrite(&riff, 4, 1, file), fwrite("WAVEfmt ", 1, 8, file);
    fwrite(&format, 4, 1, file), fwrite("\1\0\1\0", 1, 4, file), fwrite(words, 4, 2, file);
    fwrite("\2\0\20\0data", 1, 8, file), fwrite(&data, 4, 1, file);
    for (unsigned i = 0; i < count; i++) fwrite(&(int16_t){(int16_t)i}, 2, 1, file);
    assert_int_equal(fclose(file), 0);
}

/* The sound in `uri` has the samples `first` and on, `count` of them. */
static void expect_samples(const char *uri, int first, int count) {
    static const char prefix[] = "data:audio/wav;base64,";
    unsigned char bytes[4096];
    assert_non_null(uri);
    assert_memory_equal(uri, prefix, sizeof prefix - 1);
    const char *text = uri + sizeof prefix - 1;
    assert_true(EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)strlen(text)) > 0);
    assert_memory_equal(bytes, "RIFF", 4);
    assert_int_equal(bytes[40] | bytes[41] << 8, 2 * count);
    for (int i = 0; i < count; i++)
        assert_in_range((bytes[44 + 2 * i] | bytes[45 + 2 * i] << 8) + 1, first + i, first + i + 2);
    assert_true(strlen(text) <= page_sound_bytes(count / 16000.0));
}

static void parts_of_a_file_are_embedded(void **state) {
    (void)state;
    struct eval_sound sound = {0};
    assert_int_equal(chdir(folder), 0);
    write_wave("tone.wav", 1600);
    char *uri = page_sound_data(&sound, folder, "tone.wav", 0, 0.1 / 16);
    expect_samples(uri, 0, 100);
    free(uri);
    uri = page_sound_data(&sound, folder, "tone.wav", 0.05, 0.1 / 16);
    expect_samples(uri, 800, 100);
    free(uri);
    uri = page_sound_data(&sound, folder, "tone.wav", 0.09375, 1); /* past the end */
    expect_samples(uri, 1500, 100);
    free(uri);
    assert_null(page_sound_data(&sound, folder, "tone.wav", 5, 1));
    assert_null(page_sound_data(&sound, folder, "tone.wav", 0, 0)); /* more than was said */
    assert_null(page_sound_data(&sound, folder, "none.wav", 0, 1));
    eval_sound_free(&sound);
}

/* A digit a part, which counts decibels; a sound of fewer samples than parts has silent ones. */
static void a_waveform_is_a_text(void **state) {
    (void)state;
    float samples[2 * EVAL_PEAKS] = {0};
    samples[0] = -1.0f;
    samples[3] = 0.5f;
    samples[4] = 0.0001f; /* 80 dB below full scale */
    samples[2 * EVAL_PEAKS - 1] = 1.5f;
    char *peaks = eval_sound_peaks(samples, 2 * EVAL_PEAKS);
    assert_int_equal(strlen(peaks), EVAL_PEAKS);
    assert_memory_equal(peaks, "/5AA", 4);
    assert_int_equal(peaks[EVAL_PEAKS - 1], '/');
    free(peaks);
    peaks = eval_sound_peaks(samples, 1);
    assert_int_equal(strlen(peaks), EVAL_PEAKS);
    assert_int_equal(peaks[EVAL_PEAKS - 1], '/');
    free(peaks);
    peaks = eval_sound_peaks(samples, 0);
    assert_int_equal(strspn(peaks, "A"), EVAL_PEAKS);
    free(peaks);
}

/* The most errors first, as far as the bytes reach; the others are links. */
static void embeds_the_worst_within_the_limit(void **state) {
    (void)state;
    static const char results[] =
        "{\"systems\": [],\n  \"utterances\": ["
        "{\"audio\": \"tone.wav\", \"seconds\": 0.1, \"systems\": [{\"errors\": 1}]},"
        "{\"audio\": \"tone.wav\", \"seconds\": 0.1, \"systems\": [{\"errors\": 3}]},"
        "{\"audio\": \"none.wav\", \"seconds\": 0.1, \"systems\": [{\"errors\": 2}]},"
        "{\"audio\": \"tone.wav\", \"seconds\": 0.1, \"systems\": [{\"error\": \"x\"}]}]}";
    assert_int_equal(chdir(folder), 0);
    write_wave("tone.wav", 1600);
    struct report_sounds sounds = {.embed_bytes = 3 * page_sound_bytes(0.1)};
    char *page = page_of(results, &sounds);
    json_t *rows = block(page, "utterances");
    assert_int_equal(sounds.embedded, 2);
    static const int in_page[] = {1, 1, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        json_t *row = json_array_get(rows, i);
        assert_int_equal(json_object_get(row, "sound") != NULL, in_page[i]);
        assert_int_equal(json_object_get(row, "source") != NULL, !in_page[i]);
    }
    json_decref(rows);
    free(page);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    unlink("tone.wav"), rmdir("out"), rmdir("clips"), rmdir("clips2");
    return chdir("/") || rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_comes_back),
        cmocka_unit_test(texts_are_no_markup),
        cmocka_unit_test(policy_names_its_script_and_style),
        cmocka_unit_test(links_are_relative_to_the_page),
        cmocka_unit_test(parts_of_a_file_are_embedded),
        cmocka_unit_test(a_waveform_is_a_text),
        cmocka_unit_test(embeds_the_worst_within_the_limit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
