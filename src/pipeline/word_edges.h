/* word_edges.h - word times that the sound agrees with: a word ends where a pause begins. */
#ifndef PST_PIPELINE_WORD_EDGES_H
#define PST_PIPELINE_WORD_EDGES_H

#include "audio/pauses.h"

struct word_time {
    double start, end; /* seconds */
};

/* times [count] of words in their order, each ending where the next one begins. Where pauses
 * [pause_count] lie near a boundary, the words end and begin at their edges. Afterwards words are
 * in order, do not overlap and lie in 0 .. `duration`. */
void word_edges_refine(struct word_time *times, size_t count, const struct pause *pauses,
                       size_t pause_count, double duration);

#endif
