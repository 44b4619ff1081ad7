/* vad_driver.c - the detectors and the rule of speech, as test_vad.py asks for them.
 *
 *     vad_driver WEIGHTS|-       answers records until stdin ends:
 *     'P', frames at once, samples  -> probabilities, from a recording's start
 *     'S', 6 settings, total samples, probabilities -> starts and ends, in samples */
#include "driver_io.h"
#include "vad/speech.h"
#include "vad/vad.h"

static void answer_probabilities(struct vad *vad) {
    uint32_t count, block = read_number();
    float *samples = read_items(sizeof *samples, &count);
    size_t frames = count / VAD_FRAME;
    float *out = malloc((frames + 1) * sizeof *out);
    if (!out) exit(1);
    vad_reset(vad);
    for (size_t at = 0; at < frames; at += block) {
        size_t some = frames - at < block ? frames - at : block;
        vad_probabilities(vad, samples + at * VAD_FRAME, some, out + at);
    }
    write_items(out, sizeof *out, frames);
    free(out);
    free(samples);
}

static void answer_speech(void) {
    uint32_t count, settings_count;
    double *settings = read_items(sizeof *settings, &settings_count);
    uint32_t total = read_number();
    float *given = read_items(sizeof *given, &count);
    uint64_t *bounds = malloc((2 * (size_t)count + 4) * sizeof *bounds);
    struct speech_options options;
    if (!bounds || settings_count * sizeof *settings != sizeof options) exit(1);
    memcpy(&options, settings, sizeof options);
    struct speech_finder finder;
    struct speech done;
    size_t found = 0;
    speech_begin(&finder, &options);
    for (uint32_t i = 0; i < count + 2; i++) { /* two may be left at the end */
        int whole =
            i < count ? speech_add(&finder, given[i], &done) : speech_end(&finder, total, &done);
        if (!whole) continue;
        bounds[found++] = done.start;
        bounds[found++] = done.end;
    }
    write_items(bounds, sizeof *bounds, found);
    free(bounds);
    free(given);
    free(settings);
}

int main(int argc, char **argv) {
    pst_error err;
    struct vad_weights *weights = NULL;
    struct vad *vad = NULL;
    if (argc < 2) return 2;
    if ((strcmp(argv[1], "-") != 0 && vad_weights_open(&weights, argv[1], &err)) ||
        vad_new(&vad, weights, PST_CPU_AUTO, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int kind; (kind = getchar()) != EOF; fflush(stdout)) {
        if (kind == 'P') answer_probabilities(vad);
        if (kind == 'S') answer_speech();
    }
    vad_free(vad);
    vad_weights_free(weights);
    return 0;
}
