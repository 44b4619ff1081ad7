/* test_ffmpeg.c - files through a program of the name ffmpeg: ones that work, hang, die and lie.
 * The real one is tried in tests/cli/test_containers.sh. */
#include "support/test.h"

#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "potstill.h"
#include "support/scratch.h"

enum { FRAMES = 24000, RATE_HZ = 8000, CHANNELS = 2 };

static char folder[512], program[600], input[600];
static pst_error err;
static pst_audio audio;

/* A WAV of floats of two channels, as ffmpeg's output has it. */
static void write_sound(const char *name) {
    char path[600];
    static float values[FRAMES * CHANNELS];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)((double)(i * 7919 % 1000) / 1000 - 0.5);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    SF_INFO info = {
        .samplerate = RATE_HZ, .channels = CHANNELS, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, values, FRAMES), FRAMES);
    sf_close(file);
}

/* The program becomes a script; cd is to the folder of the sound. */
static void write_program(const char *script) {
    char text[2048];
    snprintf(text, sizeof text, "#!/bin/sh\ncd '%s'\n%s\n", folder, script);
    unlink(program);
    scratch_text(folder, "ffmpeg", text);
    assert_int_equal(chmod(program, 0755), 0);
}

static pst_status read_through(const char *script, uint32_t silence_ms) {
    pst_audio_options options;
    write_program(script);
    pst_audio_options_init(&options);
    options.ffmpeg = program;
    if (silence_ms) options.ffmpeg_silence_ms = silence_ms;
    pst_audio_free(&audio);
    return pst_audio_read_with(input, &options, &audio, &err);
}

static void expect_message(const char *end) {
    char expected[1200];
    snprintf(expected, sizeof expected, "%s: ffmpeg %s", input, end);
    assert_string_equal(err.message, expected);
}

static void what_it_gives_is_read(void **state) {
    (void)state;
    char path[600];
    pst_audio direct = {0};
    snprintf(path, sizeof path, "%s/sound.wav", folder);
    assert_int_equal(pst_audio_read(path, &direct, &err), PST_OK);
    static const char *const ways[] = {
        "cat sound.wav",
        "head -c 30 sound.wav; sleep 0.1; tail -c +31 sound.wav",
        "cat sound.wav; echo 'a note that is no error' >&2",
        /* More on standard error than a pipe holds. */
        "head -c 300000 /dev/zero | tr '\\0' x >&2; cat sound.wav",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(read_through(ways[i], 0), PST_OK);
        assert_int_equal(audio.count, direct.count);
        assert_memory_equal(audio.samples, direct.samples, direct.count * sizeof(float));
        assert_int_equal(audio.source_rate_hz, RATE_HZ);
        assert_int_equal(audio.source_channels, CHANNELS);
    }
    pst_audio_free(&direct);
}

static void faults_are_named(void **state) {
    (void)state;
    static const struct {
        const char *script, *message;
    } cases[] = {
        {"exit 1", "cannot read it"},
        {"echo '[mov,mp4 @ 0x55d0] moov atom not found' >&2; exit 1",
         "cannot read it: moov atom not found"},
        {"printf 'first\\n%s: Invalid data found\\n' \"file:a: b.m4a\" >&2; exit 1",
         "cannot read it: Invalid data found"},
        {"head -c 50000 sound.wav; echo 'broken off' >&2; exit 1", "cannot read it: broken off"},
        {"head -c 50000 sound.wav; kill -9 $$", "cannot read it"},
        {"exit 0", "gave no sound"},
        {"head -c 20 sound.wav", "gave no sound"},
        {"echo this is no sound at all", "gave something else than a WAV stream"},
        {"head -c 2000000 /dev/urandom", "gave something else than a WAV stream"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_through(cases[i].script, 0), PST_ERR_INPUT);
        expect_message(cases[i].message);
    }
}

/* A program that does not end, before its first byte, in the middle and after its last. */
static void nobody_waits_for_ever(void **state) {
    (void)state;
    assert_int_equal(read_through("exec sleep 60", 200), PST_ERR_INPUT);
    expect_message("gave nothing for 0.2 s, and was stopped");
    assert_int_equal(read_through("head -c 50000 sound.wav; exec sleep 60", 200), PST_ERR_INPUT);
    expect_message("gave nothing for 0.2 s, and was stopped");
    assert_int_equal(read_through("cat sound.wav; exec sleep 60 >&- 2>&-", 200), PST_ERR_INPUT);
    expect_message("cannot read it");
    assert_int_equal(read_through("exec sleep 60 >&- 2>&-", 200), PST_ERR_INPUT);
    /* None of them is left. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void a_program_that_is_none(void **state) {
    (void)state;
    pst_audio_options options;
    pst_audio_options_init(&options);
    options.ffmpeg = "/nowhere/ffmpeg";
    assert_int_equal(pst_audio_read_with(input, &options, &audio, &err), PST_ERR_IO);
    assert_string_equal(err.message, "/nowhere/ffmpeg: cannot start: No such file or directory");
    options.ffmpeg = NULL;
    assert_int_equal(pst_audio_read_with(input, &options, &audio, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "talk.m4a: cannot be read as audio: "));
    options.ffmpeg_silence_ms = 0;
    assert_int_equal(pst_audio_read_with(input, &options, &audio, &err), PST_ERR_ARGUMENT);
}

/* The name reaches it as that of a file, whatever it is, and no shell has seen it. */
static void names_are_harmless(void **state) {
    (void)state;
    char expected[1200], said[1200] = "";
    static const char *const names[] = {"http:x.m4a", "$(touch made) `id`;.m4a", "-i.m4a"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        scratch_text(folder, names[i], "no sound");
        char before[600];
        snprintf(before, sizeof before, "%s", input);
        snprintf(input, sizeof input, "%s/%s", folder, names[i]);
        pst_status status = read_through(
            "while [ \"$1\" != -i ]; do shift; done; printf '%s' \"$2\" >named; cat sound.wav", 0);
        snprintf(expected, sizeof expected, "file:%s", input);
        snprintf(input, sizeof input, "%s", before);
        assert_int_equal(status, PST_OK);
        char path[600];
        snprintf(path, sizeof path, "%s/named", folder);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        said[fread(said, 1, sizeof said - 1, file)] = '\0';
        fclose(file);
        assert_string_equal(said, expected);
        scratch_remove(folder, names[i]);
    }
    scratch_remove(folder, "named");
}

/* What libsndfile reads needs no program. */
static void it_is_not_asked_in_vain(void **state) {
    (void)state;
    char kept[600];
    snprintf(kept, sizeof kept, "%s", input);
    snprintf(input, sizeof input, "%s/sound.wav", folder);
    pst_status status = read_through("exit 1", 0);
    snprintf(input, sizeof input, "%s", kept);
    assert_int_equal(status, PST_OK);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("ffmpeg"));
    snprintf(program, sizeof program, "%s/ffmpeg", folder);
    snprintf(input, sizeof input, "%s/talk.m4a", folder);
    scratch_text(folder, "talk.m4a", "no sound that anybody knows");
    write_sound("sound.wav");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pst_audio_free(&audio);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_read), cmocka_unit_test(faults_are_named),
        cmocka_unit_test(nobody_waits_for_ever), cmocka_unit_test(a_program_that_is_none),
        cmocka_unit_test(names_are_harmless),    cmocka_unit_test(it_is_not_asked_in_vain),
    };
    return cmocka_run_group_tests_name("ffmpeg", tests, set_up, tear_down);
}
