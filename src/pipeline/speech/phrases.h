/* phrases.h - the phrases of a segment: what is said between its pauses. */
#ifndef PST_PIPELINE_PHRASES_H
#define PST_PIPELINE_PHRASES_H

#include <stddef.h>

#include "vad/speech.h"

/* With their pauses so many fill a window of 30 s; of a longer one the last holds the rest. */
enum { PHRASES_MAX = 40 };

struct phrases {
    struct phrase {
        size_t start, end; /* samples of the segment */
    } list[PHRASES_MAX];
    size_t count;
};

/* Of the segment [start, end), in which the stretches `speech` [count] are heard, apart by pauses
 * of half a second and more. Each has a margin of up to `pad` samples. */
void phrases_find(struct phrases *phrases, const struct speech *speech, size_t count,
                  uint64_t start, uint64_t end, uint64_t pad);

#endif
