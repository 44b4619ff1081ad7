/* audio_driver.c - what the library makes of audio, numbers and reports, for Python to compare.
 *
 *     audio_driver read FILE OUT    samples of FILE ("-": standard input) as raw float32 to OUT;
 *                                   prints count, source rate, source channels
 *     audio_driver rms IN OUT       raw float32 samples through pst_audio_normalize_rms()
 *     audio_driver repr             doubles, one "%a" a line, to python_repr() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/python_repr.h"
#include "potstill.h"

static int fail(const pst_error *err) {
    fprintf(stderr, "%s: %s\n", pst_status_name(err->code), err->message);
    return 1;
}

static int write_samples(const char *path, const float *samples, size_t count) {
    FILE *file = fopen(path, "wb");
    if (!file) return 1;
    int whole = fwrite(samples, sizeof *samples, count, file) == count;
    return fclose(file) != 0 || !whole;
}

static int read_audio(const char *path, const char *out) {
    pst_audio audio;
    pst_error err;
    pst_status status = strcmp(path, "-") ? pst_audio_read(path, &audio, &err)
                                          : pst_audio_read_fd(0, "standard input", &audio, &err);
    if (status) return fail(&err);
    printf("%zu %d %d\n", audio.count, audio.source_rate_hz, audio.source_channels);
    int failed = write_samples(out, audio.samples, audio.count);
    pst_audio_free(&audio);
    return failed;
}

static int normalize(const char *in, const char *out) {
    enum { COUNT_MAX = 1 << 24 };
    pst_error err;
    FILE *file = fopen(in, "rb");
    float *samples = malloc(COUNT_MAX * sizeof *samples);
    if (!file || !samples) return 1;
    size_t count = fread(samples, sizeof *samples, COUNT_MAX, file);
    fclose(file);
    int failed = pst_audio_normalize_rms(samples, count, &err) ? fail(&err)
                                                               : write_samples(out, samples, count);
    free(samples);
    return failed;
}

static int print_numbers(void) {
    char line[128], text[PYTHON_REPR_SIZE];
    while (fgets(line, sizeof line, stdin)) {
        python_repr(strtod(line, NULL), text);
        puts(text);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "read")) return read_audio(argv[2], argv[3]);
    if (argc == 4 && !strcmp(argv[1], "rms")) return normalize(argv[2], argv[3]);
    if (argc == 2 && !strcmp(argv[1], "repr")) return print_numbers();
    fprintf(stderr, "usage: audio_driver read FILE OUT | rms IN OUT | repr\n");
    return 2;
}
