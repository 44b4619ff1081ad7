/* eval_sound.c - see eval_sound.h.
 *
 * Loudness is the root mean square below full scale. Noise is that of the quietest tenth of frames:
 * what is left where nobody speaks. */
#include "eval/eval_sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "eval/evaluation.h"
#include "progress.h"

/* 20 ms: shorter than a sound of speech. */
enum { FRAME = PST_SAMPLE_RATE_HZ / 50 };
/* Digital silence has no level; the quietest that 16 bits can hold is -98 dB. */
static const double QUIETEST_DB = -100;

void eval_sound_free(struct eval_sound *sound) {
    free(sound->path);
    pst_audio_free(&sound->audio);
    *sound = (struct eval_sound){0};
}

pst_status eval_sound_open(struct eval_sound *sound, const char *path, pst_error *err) {
    if (sound->path && strcmp(sound->path, path) == 0) return PST_OK;
    eval_sound_free(sound);
    pst_status status = pst_audio_read(path, &sound->audio, err);
    if (!status) sound->path = need(strdup(path));
    return status;
}

static pst_status complain(pst_error *err, const struct eval_item *item, const char *what) {
    err->code = PST_ERR_INPUT;
    snprintf(err->message, sizeof err->message, "%s%s%s", item->path ? item->path : "",
             item->path ? ": " : "", what);
    return PST_ERR_INPUT;
}

pst_status eval_sound_read(struct eval_sound *sound, const struct eval_item *item,
                           const float **samples, size_t *count, pst_error *err) {
    if (!item->path) return complain(err, item, "has no audio, expected \"audio\" in its row");
    pst_status status = eval_sound_open(sound, item->path, err);
    if (status) return status;
    double start = item->offset * PST_SAMPLE_RATE_HZ, length = item->duration * PST_SAMPLE_RATE_HZ;
    double whole = (double)sound->audio.count;
    if (start >= whole) return complain(err, item, "ends before the offset of the row");
    if (!(length > 0) || start + length > whole) length = whole - start;
    *samples = sound->audio.samples + (size_t)start;
    *count = (size_t)length;
    return PST_OK;
}

static double level_db(double power) {
    double db = power > 0 ? 10 * log10(power) : QUIETEST_DB;
    return db > QUIETEST_DB ? db : QUIETEST_DB;
}

static double mean_power(const float *samples, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)samples[i] * samples[i];
    return count ? sum / (double)count : 0;
}

static double noise_power(const float *samples, size_t count) {
    size_t frames = count / FRAME;
    if (frames < 10) return NAN; /* a tenth of fewer is none */
    double *powers = need(calloc(frames, sizeof *powers));
    for (size_t i = 0; i < frames; i++) powers[i] = mean_power(samples + i * FRAME, FRAME);
    qsort(powers, frames, sizeof *powers, eval_compare_numbers);
    double power = powers[frames / 10];
    free(powers);
    return power;
}

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
enum { FULL_SCALE = 63 }; /* the last digit */

char *eval_sound_peaks(const float *samples, size_t count) {
    char *peaks = need(calloc(EVAL_PEAKS + 1, 1));
    for (size_t bar = 0; bar < EVAL_PEAKS; bar++) {
        float most = 0;
        for (size_t i = bar * count / EVAL_PEAKS; i < (bar + 1) * count / EVAL_PEAKS; i++)
            most = fmaxf(most, fabsf(samples[i]));
        const double digit = most > 0 ? FULL_SCALE + round(20 * log10((double)most)) : 0;
        peaks[bar] = DIGITS[(int)fmin(FULL_SCALE, fmax(0, digit))];
    }
    return peaks;
}

/* With what may be in one file after another, the order of rows would matter for speed only. */
void eval_sound_measure(struct eval_set *set) {
    struct eval_sound sound = {0};
    for (size_t i = 0; i < set->count; i++) {
        struct eval_item *item = &set->items[i];
        const float *samples;
        size_t count;
        pst_error err;
        if (item->error || !item->path || access(item->path, R_OK) != 0) continue;
        progress_show(i, set->count, item->path);
        if (eval_sound_read(&sound, item, &samples, &count, &err)) continue;
        double noise = noise_power(samples, count);
        item->seconds = (double)count / PST_SAMPLE_RATE_HZ;
        free(item->peaks);
        item->peaks = eval_sound_peaks(samples, count);
        item->loudness_db = level_db(mean_power(samples, count));
        if (!isnan(noise)) item->noise_db = level_db(noise);
    }
    progress_clear();
    eval_sound_free(&sound);
}
