/* speech.c - see speech.h. */
#include "vad/speech.h"

#include "potstill.h"

/* What Silero calls min_silence_at_max_speech: shorter pauses are no place to split at. */
static const double SPLIT_PAUSE_MS = 98;

static double in_samples(double ms) {
    return PST_SAMPLE_RATE_HZ * ms / 1000;
}

double speech_neg_threshold(const struct speech_options *options) {
    double lower = options->threshold - 0.15;
    if (options->neg_threshold >= 0) return options->neg_threshold;
    return lower > 0.01 ? lower : 0.01;
}

void speech_begin(struct speech_finder *finder, const struct speech_options *options) {
    *finder = (struct speech_finder){
        .threshold = options->threshold,
        .neg_threshold = speech_neg_threshold(options),
        .min_speech = in_samples(options->min_speech_duration_ms),
        .min_silence = in_samples(options->min_silence_duration_ms),
        .pad = in_samples(options->speech_pad_ms),
    };
    finder->max_speech =
        PST_SAMPLE_RATE_HZ * options->max_speech_duration_s - VAD_FRAME - 2 * finder->pad;
}

/* ------------------------------------------------------------------------------------ padding */

static uint64_t earlier(uint64_t sample, double by) {
    return (double)sample > by ? (uint64_t)((double)sample - by) : 0;
}

/* The stretch that is held is as long as it will be. */
static int let_go(struct speech_finder *finder, struct speech *done) {
    finder->holds = 0;
    finder->held.end = (uint64_t)((double)finder->held.end + finder->pad);
    *done = finder->held;
    return 1;
}

/* [start, end) is found. It is held; the one held before, if any, shares the pause with it. */
static int hold(struct speech_finder *finder, uint64_t end, struct speech *done) {
    struct speech found = {finder->start, end};
    int holds = finder->holds;
    uint64_t pause = found.start - finder->held.end;
    if (holds && (double)pause < 2 * finder->pad) {
        finder->held.end += pause / 2;
        found.start -= pause / 2;
        *done = finder->held;
    } else {
        if (holds) let_go(finder, done);
        found.start = earlier(found.start, finder->pad);
    }
    finder->held = found;
    finder->holds = 1;
    return holds;
}

/* ----------------------------------------------------------------------------------- searching */

static void stop(struct speech_finder *finder) {
    finder->speaking = 0;
    finder->fell = finder->pause = finder->pause_length = 0;
}

/* It has been too long: it ends at its longest pause, after which the next one begins; or here. */
static int split(struct speech_finder *finder, uint64_t at, struct speech *done) {
    uint64_t pause = finder->pause, length = finder->pause_length;
    int whole = hold(finder, pause ? pause : at, done);
    stop(finder);
    if (pause) {
        finder->speaking = 1;
        finder->start = pause + length;
    }
    return whole;
}

/* The probability is above the threshold. */
static void rise(struct speech_finder *finder, uint64_t at) {
    uint64_t length = at - finder->fell;
    if (finder->fell && (double)length > in_samples(SPLIT_PAUSE_MS) &&
        length > finder->pause_length) {
        finder->pause = finder->fell;
        finder->pause_length = length;
    }
    finder->fell = 0;
}

/* The probability is below the lower threshold while someone speaks. */
static int fall(struct speech_finder *finder, uint64_t at, struct speech *done) {
    if (!finder->fell) finder->fell = at;
    uint64_t end = finder->fell;
    if ((double)(at - end) < finder->min_silence) return 0;
    int whole = 0;
    if ((double)(end - finder->start) > finder->min_speech) whole = hold(finder, end, done);
    stop(finder);
    return whole;
}

int speech_add(struct speech_finder *finder, double probability, struct speech *done) {
    uint64_t at = finder->at;
    int whole = 0;
    finder->at += VAD_FRAME;
    if (probability >= finder->threshold) rise(finder, at);
    if (probability >= finder->threshold && !finder->speaking) {
        finder->speaking = 1;
        finder->start = at;
    } else if (finder->speaking) {
        if ((double)(at - finder->start) > finder->max_speech) whole = split(finder, at, done);
        if (finder->speaking && probability < finder->neg_threshold)
            whole |= fall(finder, at, done);
    }
    /* What comes next cannot reach into its padding any more. */
    uint64_t next = finder->speaking ? finder->start : at;
    if (!whole && finder->holds && (double)next >= (double)finder->held.end + 2 * finder->pad)
        whole = let_go(finder, done);
    return whole;
}

int speech_end(struct speech_finder *finder, uint64_t samples, struct speech *done) {
    if (finder->speaking) {
        int long_enough = (double)samples - (double)finder->start > finder->min_speech;
        int whole = long_enough && hold(finder, samples, done);
        stop(finder);
        if (whole) return 1;
    }
    if (!finder->holds) return 0;
    let_go(finder, done);
    if (done->end > samples) done->end = samples;
    return 1;
}

uint64_t speech_horizon(const struct speech_finder *finder) {
    if (finder->holds) return finder->held.start;
    return earlier(finder->speaking ? finder->start : finder->at, finder->pad);
}
