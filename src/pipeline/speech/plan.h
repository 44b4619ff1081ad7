/* plan.h - stretches of speech to the next segment that suits the model.
 *
 * A segment begins and ends in pauses. It is as long as the model likes, 8 to 28 s of a window of
 * 30: within that it ends at the longest pause, for that is where sentences end. A long pause ends
 * it sooner, and so does one with other sounds in it. Only speech without any pause is cut
 * anywhere. */
#ifndef PST_PIPELINE_PLAN_H
#define PST_PIPELINE_PLAN_H

#include <stddef.h>

#include "vad/speech.h"

struct plan_limits {
    uint64_t most;  /* samples of a segment with its margins */
    uint64_t least; /* shorter ones end at long pauses only */
    uint64_t pad;   /* margin of a segment, where the pause is twice as long */
};

/* Of a window of so many samples. */
struct plan_limits plan_limits_of(size_t window, double pad_ms);

struct plan {
    uint64_t start, end; /* of the segment */
    size_t taken;        /* stretches that are in it */
    int cut;             /* the last of them is not: it must be cut, after `start` + 4/5 most */
};

/* What is known of the sound. */
struct plan_sound {
    uint64_t from;  /* what is before belongs to the segment before */
    uint64_t quiet; /* nobody speaks up to here after the last stretch */
    uint64_t heard; /* it is known up to here .. */
    int ended;      /* .. and this is its end */
    /* Is there something to hear in a pause that is no speech? NULL: never. */
    int (*noisy)(void *user, uint64_t from, uint64_t to);
    void *user;
};

/* The first segment of `list` [count >= 1]. 0: more must be heard first. */
int plan_next(const struct plan_limits *limits, const struct speech *list, size_t count,
              const struct plan_sound *sound, struct plan *plan);

#endif
