/* phrases.c - see phrases.h. */
#include "pipeline/speech/phrases.h"

#include "potstill.h"

/* Between sentences nearly everybody pauses for longer, within a phrase hardly anybody does. */
static const uint64_t PAUSE = PST_SAMPLE_RATE_HZ / 2;

static uint64_t least_of(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

void phrases_find(struct phrases *phrases, const struct speech *speech, size_t count,
                  uint64_t start, uint64_t end, uint64_t pad) {
    phrases->count = 0;
    if (count == 0) return;
    struct phrase *phrase = &phrases->list[phrases->count++];
    *phrase = (struct phrase){0, (size_t)(end - start)};
    for (size_t i = 1; i < count && speech[i].start < end; i++) {
        uint64_t from = speech[i - 1].end, to = speech[i].start;
        if (to < from + PAUSE || from <= start || phrases->count == PHRASES_MAX) continue;
        uint64_t margin = least_of(pad, (to - from) / 2);
        phrase->end = (size_t)(from + margin - start);
        phrase = &phrases->list[phrases->count++];
        *phrase = (struct phrase){(size_t)(to - margin - start), (size_t)(end - start)};
    }
}
