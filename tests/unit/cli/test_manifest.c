/* test_manifest.c - every form of a line, and the message for every mistake. */
#include "support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/manifest.h"

static struct manifest parse(const char *text) {
    struct manifest manifest;
    char *why = manifest_parse(&manifest, text, strlen(text), "m.jsonl");
    if (why) fail_msg("%s", why);
    return manifest;
}

/* The whole message is compared: it is what the user works from. */
static void refuses(const char *text, size_t size, const char *message) {
    struct manifest manifest;
    char *why = manifest_parse(&manifest, text, size, "m.jsonl");
    assert_non_null(why);
    assert_string_equal(why, message);
    assert_int_equal(manifest.count, 0);
    free(why);
}

static void reads_paths(void **state) {
    (void)state;
    struct manifest manifest =
        parse("{\"audio\": \"a b/c.wav\", \"text\": \"h\\u00e9llo \\ud83d\\ude00\", "
              "\"speaker_id\": \"spk-7\", \"extra\": [1, {\"x\": null}]}\n"
              "\n"
              " \t\r\n"
              "{\"audio\": \"../d.flac\"}\r\n"
              "  {\"text\": null, \"speaker_id\": null, \"audio\": \"e.ogg\"}  ");
    assert_int_equal(manifest.count, 3);
    const struct manifest_entry *entry = manifest.entries;
    assert_string_equal(entry->audio_path, "a b/c.wav");
    assert_string_equal(entry->text, "h\xC3\xA9llo \xF0\x9F\x98\x80");
    assert_int_equal(entry->line, 1);
    assert_null(entry->samples);
    assert_int_equal(entry->sample_count, 0);
    entry = &manifest.entries[1];
    assert_string_equal(entry->audio_path, "../d.flac");
    assert_string_equal(entry->text, "");
    assert_int_equal(entry->line, 4);
    entry = &manifest.entries[2];
    assert_string_equal(entry->audio_path, "e.ogg");
    assert_null(entry->text); /* null stays null */
    assert_int_equal(entry->line, 5);
    manifest_free(&manifest);
}

static void reads_samples(void **state) {
    (void)state;
    struct manifest manifest = parse(
        "{\"audio\": [0, 1, -0.5, 0.1, 1e-3], \"text\": \"x\"}\n"
        "{\"audio\": {\"path\": \"ignored.wav\", \"array\": [0.25], \"sampling_rate\": 16000}}\n"
        "{\"audio\": {\"array\": [0.5, 0.75]}}\n"
        "{\"audio\": {\"array\": [1.0], \"sampling_rate\": 16000.0}}");
    assert_int_equal(manifest.count, 4);
    const struct manifest_entry *entry = manifest.entries;
    assert_null(entry->audio_path);
    assert_int_equal(entry->sample_count, 5);
    const float expected[] = {0, 1, -0.5f, 0.1f, 1e-3f};
    assert_memory_equal(entry->samples, expected, sizeof expected);
    entry = &manifest.entries[1];
    assert_null(entry->audio_path);
    assert_int_equal(entry->sample_count, 1);
    assert_true(entry->samples[0] == 0.25f);
    entry = &manifest.entries[2];
    assert_int_equal(entry->sample_count, 2);
    manifest_free(&manifest);
}

static void passes_over_a_byte_order_mark(void **state) {
    (void)state;
    struct manifest manifest = parse("\xEF\xBB\xBF{\"audio\": \"a.wav\"}\n");
    assert_int_equal(manifest.count, 1);
    manifest_free(&manifest);
}

static void names_each_mistake(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "m.jsonl: manifest is empty, expected a line like "
             "{\"audio\": \"clip.wav\", \"text\": \"what was said\"}"},
        {"\n \n\t\n", "m.jsonl: manifest is empty, expected a line like "
                      "{\"audio\": \"clip.wav\", \"text\": \"what was said\"}"},
        {"\n\n[1]\n", "m.jsonl:3: holds a list, expected an object with \"audio\""},
        {"{\"text\": \"a\"}", "m.jsonl:1: audio is missing, expected the path of a file, a list of "
                              "samples, or an object with \"array\""},
        {"{\"audio\": null}", "m.jsonl:1: audio is null, expected the path of a file, a list of "
                              "samples, or an object with \"array\""},
        {"{\"audio\": 3}", "m.jsonl:1: audio is an integer, expected the path of a file, a list of "
                           "samples, or an object with \"array\""},
        {"{\"audio\": \"\"}", "m.jsonl:1: audio is an empty string, expected the path of a file, a "
                              "list of samples, or an object with \"array\""},
        {"{\"audio\": {\"bytes\": \"UklGRg==\"}}",
         "m.jsonl:1: audio is an object whose \"array\" is missing, expected a list of samples"},
        {"{\"audio\": []}", "m.jsonl:1: audio is an empty list, expected samples"},
        {"{\"audio\": [0.5, \"x\"]}", "m.jsonl:1: audio[1] is a string, expected a number"},
        {"{\"audio\": [[0.5]]}", "m.jsonl:1: audio[0] is a list, expected a number"},
        {"{\"audio\": [true]}", "m.jsonl:1: audio[0] is true, expected a number"},
        {"{\"audio\": [0, 1e39]}", "m.jsonl:1: audio[1] is too large for a sample"},
        {"{\"audio\": {\"array\": [0], \"sampling_rate\": 44100}}",
         "m.jsonl:1: audio has another \"sampling_rate\" than 16000; samples in a manifest are not "
         "resampled (name a file instead)"},
        {"{\"audio\": {\"array\": [0], \"sampling_rate\": \"16000\"}}",
         "m.jsonl:1: audio has another \"sampling_rate\" than 16000; samples in a manifest are not "
         "resampled (name a file instead)"},
        {"{\"audio\": \"a\", \"text\": 5}", "m.jsonl:1: text is an integer, expected a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i].text, strlen(cases[i].text), cases[i].message);
}

/* One line at fault does not take the others with it. */
static void keeps_the_other_lines(void **state) {
    (void)state;
    struct manifest manifest =
        parse("{\"audio\": \"a.wav\", \"text\": \"x\", \"text\": \"y\"}\n"
              "{\"audio\": \"b.wav\", \"text\": \"z\"}\n"
              "{\"text\": \"t\", \"audio\": {\"array\": [0], \"sampling_rate\": 8000}}\n");
    assert_int_equal(manifest.count, 3);
    assert_non_null(strstr(manifest.entries[0].error, "m.jsonl:1: column "));
    assert_null(manifest.entries[1].error);
    assert_string_equal(manifest.entries[1].audio_path, "b.wav");
    assert_non_null(strstr(manifest.entries[2].error, "m.jsonl:3: audio has another"));
    assert_string_equal(manifest.entries[2].text, "t");
    manifest_free(&manifest);
}

/* The parser's own words are not ours to fix, so only their place and ours are compared. */
static void refuses_what_is_not_json(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *start, *inside;
    } cases[] = {
        {"\n{\"audio\": \"b\"", "m.jsonl:2: column ", "expected"},
        {"{\"audio\": \"a\"} {\"audio\": \"b\"}", "m.jsonl:1: column ", "end of file"},
        {"{\"audio\": [0.1, NaN]}", "m.jsonl:1: column ", "samples must be finite"},
        {"{\"audio\": [Infinity]}", "m.jsonl:1: column ", "samples must be finite"},
        {"{\"audio\": [-Infinity]}", "m.jsonl:1: column ", "samples must be finite"},
        {"{\"audio\": [1e999]}", "m.jsonl:1: column ", "overflow"},
        {"{\"audio\": \"a\", \"audio\": \"b\"}", "m.jsonl:1: column ", "duplicate"},
        {"{\"audio\": \"a\\u0000b\"}", "m.jsonl:1: column ", "\\u0000"},
        {"{\"audio\": \"a\xFF\"}", "m.jsonl:1: column ", "decode byte"},
        {"{'audio': 'a'}", "m.jsonl:1: column ", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct manifest manifest;
        const char *text = cases[i].text;
        char *why = manifest_parse(&manifest, text, strlen(text), "m.jsonl");
        assert_non_null(why);
        assert_memory_equal(why, cases[i].start, strlen(cases[i].start));
        if (!strstr(why, cases[i].inside)) fail_msg("%s: %s", text, why);
        free(why);
    }
    struct manifest manifest;
    const char zero[] = "{\"audio\": \"a\"}\n\0\n";
    char *why = manifest_parse(&manifest, zero, sizeof zero - 1, "m");
    assert_non_null(why);
    free(why);
}

static void refuses_endless_depth(void **state) {
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    struct manifest manifest;
    char *why = manifest_parse(&manifest, text, DEPTH, "m");
    assert_non_null(why);
    free(why);
    free(text);
}

static void refuses_an_endless_line(void **state) {
    (void)state;
    size_t size = MANIFEST_LINE_BYTES_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '1', size);
    refuses(text, size, "m.jsonl:1: line is 67108865 bytes, expected at most 67108864");
    free(text);
}

/* More entries than the list first has room for. */
static void keeps_many_lines(void **state) {
    (void)state;
    char text[300 * 32];
    size_t length = 0;
    for (int i = 0; i < 300; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "{\"audio\": \"%d.wav\"}\n", i);
    struct manifest manifest = parse(text);
    assert_int_equal(manifest.count, 300);
    const struct manifest_entry *entry = &manifest.entries[299];
    assert_string_equal(entry->audio_path, "299.wav");
    assert_int_equal(entry->line, 300);
    manifest_free(&manifest);
}

static void cannot_read(const char *path, const char *part) {
    struct manifest manifest;
    char *why = manifest_read(&manifest, path);
    assert_non_null(why);
    assert_memory_equal(why, path, strlen(path));
    assert_non_null(strstr(why, part));
    free(why);
}

static void reads_files(void **state) {
    (void)state;
    char path[] = "/tmp/potstill-manifest-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char text[] = "{\"audio\": \"a.wav\", \"text\": \"yes\"}\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    struct manifest manifest;
    assert_null(manifest_read(&manifest, path));
    assert_int_equal(manifest.count, 1);
    manifest_free(&manifest);
    unlink(path);
    cannot_read(path, ": no such file");
    cannot_read("/tmp", "/tmp: cannot read: ");
    cannot_read("/dev/null", "/dev/null: manifest is empty");
}

static void refuses_the_bad_files(void **state) {
    (void)state;
    int seen = 0;
    DIR *dir = opendir(TEST_SOURCE_DIR "/tests/bad/manifest");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[1024];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/tests/bad/manifest/%s", TEST_SOURCE_DIR, entry->d_name);
        cannot_read(path, "");
        seen++;
    }
    closedir(dir);
    assert_true(seen >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_paths),
        cmocka_unit_test(reads_samples),
        cmocka_unit_test(passes_over_a_byte_order_mark),
        cmocka_unit_test(names_each_mistake),
        cmocka_unit_test(keeps_the_other_lines),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_endless_depth),
        cmocka_unit_test(refuses_an_endless_line),
        cmocka_unit_test(keeps_many_lines),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(refuses_the_bad_files),
    };
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
