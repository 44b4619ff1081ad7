/* pauses.h - where a recording is quiet beside the speech in it. */
#ifndef PST_AUDIO_PAUSES_H
#define PST_AUDIO_PAUSES_H

#include <stddef.h>

struct pause {
    double start, end; /* seconds */
};

/* Finds pauses of a tenth of a second and more, and shorter ones at both ends, in samples [count].
 * `*pauses` is malloc'ed; NULL where there are none. 0: no memory. */
int pauses_find(const float *samples, size_t count, struct pause **pauses, size_t *pause_count);

#endif
