/* quiet.h - where a recording is quietest: the place to cut it. */
#ifndef PST_AUDIO_QUIET_H
#define PST_AUDIO_QUIET_H

#include <stddef.h>

/* A sample in [from, to] with the least sound around it, the last of several. Of a stretch shorter
 * than a frame (20 ms) it is `to`. */
size_t quiet_find(const float *samples, size_t from, size_t to);

#endif
