/* speech.h - from probabilities of frames to stretches of speech.
 *
 * The rules, the names of their settings and what they give are those of Silero's
 * get_speech_timestamps(), but over a stream: a stretch comes out when it can no longer change,
 * which is when the next begins, or the sound ends. Positions are samples from the start. */
#ifndef PST_VAD_SPEECH_H
#define PST_VAD_SPEECH_H

#include <math.h>
#include <stdint.h>

#include "vad/frame.h"

struct speech_options {
    double threshold;     /* speech begins at this probability .. */
    double neg_threshold; /* .. and ends below this one; negative: 0.15 less, at least 0.01 */
    double min_speech_duration_ms;  /* shorter ones are dropped */
    double min_silence_duration_ms; /* shorter pauses do not end it */
    double max_speech_duration_s;   /* longer ones are split at their longest pause; infinite: no */
    double speech_pad_ms;           /* added at both ends, or half of the pause */
};
/* Silero's own. */
#define SPEECH_OPTIONS_SILERO                                                                      \
    { 0.5, -1, 250, 100, INFINITY, 30 }

/* The lower threshold that is meant. */
double speech_neg_threshold(const struct speech_options *options);

struct speech {
    uint64_t start, end; /* samples */
};

struct speech_finder {
    double threshold, neg_threshold;
    double min_speech, min_silence, max_speech, pad; /* in samples */
    uint64_t at;                                     /* samples of the frames so far */
    int speaking;
    uint64_t start;               /* of this stretch */
    uint64_t fell;                /* where the probability fell; 0: it has not */
    uint64_t pause, pause_length; /* the longest in this stretch, the first of equals; 0: none */
    int holds;
    struct speech held; /* a stretch whose end may still move */
};

void speech_begin(struct speech_finder *finder, const struct speech_options *options);
/* The next frame's probability. 1: `*done` is a stretch that is complete; else 0. */
int speech_add(struct speech_finder *finder, double probability, struct speech *done);
/* The sound has ended after `samples` in all, the last frame perhaps not filled. Call until it
 * returns 0. */
int speech_end(struct speech_finder *finder, uint64_t samples, struct speech *done);
/* No stretch that is yet to come begins before this sample. */
uint64_t speech_horizon(const struct speech_finder *finder);

#endif
