/* endpoint.h - where the lines of a stream begin and end.
 *
 * A line begins a little before the first of two frames with speech, and ends when nobody has
 * spoken for a while: a pause. One that begins soon after the stream has all of it. It is what was
 * said and a little silence at both ends; the rest of the pause is in no line. A long line ends at
 * ever shorter pauses, and at its longest in any case. All of it depends on the samples alone, not
 * on how they come in. */
#ifndef PST_PIPELINE_ENDPOINT_H
#define PST_PIPELINE_ENDPOINT_H

#include <stdint.h>

#include "vad/frame.h"

/* In samples but for the probabilities. */
struct endpoint_options {
    double threshold;     /* someone speaks at this probability, .. */
    double neg_threshold; /* .. and in a line until it is below this one */
    uint64_t pause, pad, longest;
    uint64_t settling; /* a line that would begin so soon begins with the stream */
};

enum endpoint_event { ENDPOINT_NONE, ENDPOINT_STARTED, ENDPOINT_ENDED };

struct endpoint {
    struct endpoint_options options;
    uint64_t at;       /* samples of the frames so far */
    uint64_t earliest; /* the next line begins no sooner: the last one ended there */
    int in_line;
    uint64_t run;    /* out of a line: samples of the speech that may begin one */
    uint64_t start;  /* of the line */
    uint64_t spoken; /* the end of the last frame with speech */
    /* What the detector says from the first frame with speech to the last one: sums over frames. */
    double belief, belief_since; /* .. and over those that have come since */
    uint64_t frames, frames_since;
};

void endpoint_init(struct endpoint *endpoint, const struct endpoint_options *options);
/* The next frame of VAD_FRAME samples. */
enum endpoint_event endpoint_add(struct endpoint *endpoint, double probability);
/* The sound ends with `samples` of a frame: so does the line at hand. */
void endpoint_finish(struct endpoint *endpoint, double probability, uint64_t samples);
/* The line at hand reaches to here, as far as is known. */
uint64_t endpoint_reach(const struct endpoint *endpoint);
/* No line that is to come begins before this sample. */
uint64_t endpoint_horizon(const struct endpoint *endpoint);
/* The mean probability from the first frame of the line with speech to the last, and how long that
 * is. Until the next line begins. */
double endpoint_belief(const struct endpoint *endpoint, double *seconds);
/* 1: if nobody speaks until the pause is over, the line is as it is now. */
int endpoint_is_quiet(const struct endpoint *endpoint);

#endif
