/* plan.c - see plan.h. */
#include "pipeline/speech/plan.h"

#include "potstill.h"

/* A breath between sentences takes half of it. */
static const uint64_t PAUSE_LONG = PST_SAMPLE_RATE_HZ;
/* Even a single word stands alone then. */
static const uint64_t PAUSE_VERY_LONG = 2 * PST_SAMPLE_RATE_HZ;
/* With a noise in it, if what is before has the length of a sentence. */
static const uint64_t PAUSE_NOISY = PST_SAMPLE_RATE_HZ / 2;
static const uint64_t ENOUGH = 3 * PST_SAMPLE_RATE_HZ;

struct plan_limits plan_limits_of(size_t window, double pad_ms) {
    uint64_t pad = (uint64_t)(pad_ms * PST_SAMPLE_RATE_HZ / 1000);
    struct plan_limits limits = {.most = window / 15 * 14, .least = window / 15 * 4, .pad = pad};
    if (limits.pad > limits.most / 8) limits.pad = limits.most / 8;
    return limits;
}

static uint64_t least_of(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* How good the end of a segment of `length` is, before a pause: that of a second is as good as any.
 * Of pauses like each other the last is taken. */
static double worth(const struct plan_limits *limits, uint64_t length, uint64_t pause) {
    double seconds = (double)least_of(pause, PAUSE_LONG) / PST_SAMPLE_RATE_HZ;
    return seconds + 0.1 * (double)length / (double)limits->most;
}

/* Is the pause after `length` one that ends the segment whatever follows? */
static int ends_at_once(const struct plan_limits *limits, const struct plan_sound *sound,
                        uint64_t length, uint64_t end, uint64_t next) {
    uint64_t pause = next - end;
    if (pause >= PAUSE_VERY_LONG || (pause >= PAUSE_LONG && length >= limits->least)) return 1;
    uint64_t needed = length >= ENOUGH ? PAUSE_NOISY : PAUSE_LONG;
    return pause >= needed && sound->noisy && sound->noisy(sound->user, end, next);
}

/* [first, last] of the list with their margins, which do not reach over the middle of a pause. */
static int finish(const struct plan_limits *limits, const struct speech *list, size_t count,
                  size_t last, const struct plan_sound *sound, struct plan *plan) {
    uint64_t start = list[0].start, end = list[last].end;
    uint64_t before = start > sound->from ? start - sound->from : 0;
    uint64_t after = last + 1 < count ? (list[last + 1].start - end) / 2 : sound->quiet - end;
    *plan = (struct plan){start - least_of(before, limits->pad), end + least_of(after, limits->pad),
                          last + 1, 0};
    return 1;
}

int plan_next(const struct plan_limits *limits, const struct speech *list, size_t count,
              const struct plan_sound *sound, struct plan *plan) {
    uint64_t start = list[0].start, room = limits->most - 2 * limits->pad;
    size_t best = SIZE_MAX;
    double best_worth = 0;
    for (size_t i = 0; i < count && list[i].end - start <= room; i++) {
        uint64_t end = list[i].end, next = i + 1 < count ? list[i + 1].start : sound->quiet;
        int last = i + 1 == count;
        if ((last && sound->ended) || ends_at_once(limits, sound, end - start, end, next))
            return finish(limits, list, count, i, sound, plan);
        if (last) break;
        double value = worth(limits, end - start, next - end);
        if (end - start < limits->least) value -= 10; /* anything else is better */
        if (best != SIZE_MAX && value < best_worth) continue;
        best = i;
        best_worth = value;
    }
    /* Later stretches may still come: a segment that is not full waits for them. */
    if (!sound->ended && sound->heard < start + limits->most + PAUSE_LONG) return 0;
    if (best != SIZE_MAX) return finish(limits, list, count, best, sound, plan);
    if (list[0].end - start <= room) return 0; /* somebody speaks, and goes on */
    uint64_t before = start > sound->from ? start - sound->from : 0;
    *plan = (struct plan){start - least_of(before, limits->pad), start + room, 0, 1};
    return 1;
}
