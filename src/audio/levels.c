/* levels.c - see levels.h. */
#include "audio/levels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A channel that is so much weaker than the other is what that one leaks into it, over a plug or a
 * cable, and the noise of an empty input: a voice of its own is never so far below. */
static const double SILENT_SIDE_DB = 40;
/* A recording may touch full scale, once at its loudest if it was normalised; three samples in a
 * row have lost their top. */
enum { RUN_MIN = 3 };
/* Measured on recordings that were made louder and louder: with 4 % the text was the same, with
 * 11 % it began to differ, with 14 % words were wrong. */
static const double CLIPPED_MIN = 0.01;
/* The loudest second. Speech on a usual recording has -35 to -15 dB. Measured on one that was made
 * quieter and quieter, in 16 bits: at -65 dB the text was right still, at -75 no speech was found.
 */
static const double QUIET_DB = -60;
/* Less than the last bit of 16: nobody was there, or the microphone was muted. */
static const double NOTHING_DB = -90;

/* The largest number of a kind of sample; of codecs, that of 16 bits. */
static float full_scale(int format) {
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8: return 127 / 128.0f;
    case SF_FORMAT_ULAW: return 32124 / 32768.0f;
    case SF_FORMAT_ALAW: return 32256 / 32768.0f;
    default: return 32767 / 32768.0f;
    }
}

void levels_begin(struct levels *levels, const SF_INFO *info, uint32_t channel) {
    *levels = (struct levels){.channels = info->channels,
                              .channel = channel,
                              .rate_hz = info->samplerate,
                              .full = full_scale(info->format)};
}

static void add_channel(struct levels *levels, const float *frames, size_t count, int c) {
    double sum = 0;
    uint32_t run = levels->run[c];
    for (size_t i = 0; i < count; i++) {
        float x = frames[i * (size_t)levels->channels + (size_t)c];
        sum += (double)x * x;
        run = fabsf(x) >= levels->full ? run + 1 : 0;
        if (run == RUN_MIN) levels->clipped += RUN_MIN;
        if (run > RUN_MIN) levels->clipped++;
    }
    levels->run[c] = run;
    levels->squares[c] += sum;
}

void levels_add(struct levels *levels, const float *frames, const float *mono, size_t count) {
    for (int c = 0; c < levels->channels; c++)
        if (!levels->channel || levels->channel == (uint32_t)c + 1)
            add_channel(levels, frames, count, c);
    for (size_t i = 0; i < count; i++) {
        levels->second += (double)mono[i] * mono[i];
        if (++levels->frames % (uint64_t)levels->rate_hz) continue;
        levels->loudest = fmax(levels->loudest, levels->second);
        levels->second = 0;
    }
}

/* ------------------------------------------------------------------------------------ warnings */

static double decibels(double square) {
    return 10 * log10(square + 1e-30);
}

/* Of two channels, the one that is silent beside the other; 0: neither. */
static int silent_side(const struct levels *levels) {
    if (levels->channels != 2 || levels->channel) return 0;
    double frames = (double)levels->frames;
    double a = decibels(levels->squares[0] / frames), b = decibels(levels->squares[1] / frames);
    if (fmax(a, b) < QUIET_DB || fabs(a - b) < SILENT_SIDE_DB) return 0;
    return a < b ? 1 : 2;
}

static double clipped_share(const struct levels *levels) {
    int heard = levels->channel ? 1 : levels->channels;
    return (double)levels->clipped / ((double)levels->frames * heard);
}

size_t levels_warnings(const struct levels *levels, int alone,
                       char lines[LEVELS_WARNINGS_MAX][LEVELS_WARNING_BYTES]) {
    size_t count = 0;
    char where[40] = "";
    if (!levels->frames) return 0;
    if (levels->channel && alone)
        snprintf(where, sizeof where, "channel %u: ", (unsigned)levels->channel);
    int side = silent_side(levels);
    if (side)
        snprintf(lines[count++], LEVELS_WARNING_BYTES,
                 "channel %d of 2 is silent, so that in the mix the other has half its level: "
                 "channel %d alone has all of it",
                 side, 3 - side);
    double share = clipped_share(levels);
    if (share >= CLIPPED_MIN)
        snprintf(lines[count++], LEVELS_WARNING_BYTES,
                 "%sthe sound is clipped: %.1f%% of the samples are at full scale, where it was "
                 "louder than the recording can hold",
                 where, 100 * share);
    /* A recording of less than a second is measured as what it is. */
    double whole = (double)levels->rate_hz, frames = (double)levels->frames;
    double loudest = frames < whole ? levels->second / frames : levels->loudest / whole;
    double level = decibels(loudest);
    if (level < NOTHING_DB && !alone)
        snprintf(lines[count++], LEVELS_WARNING_BYTES,
                 "there is no sound in it: its loudest second is below %.0f dB of full scale",
                 NOTHING_DB);
    else if (level >= NOTHING_DB && level < QUIET_DB)
        snprintf(lines[count++], LEVELS_WARNING_BYTES,
                 "%sthe sound is far too quiet: its loudest second has %.0f dB of full scale, "
                 "expected more than %.0f",
                 where, level, QUIET_DB);
    return count;
}
