/* quiet.h - where a recording is quietest: the place to cut it; and how quiet that is. */
#ifndef PST_AUDIO_QUIET_H
#define PST_AUDIO_QUIET_H

#include <stddef.h>

/* A sample in [from, to] with the least sound around it, the last of several. Of a stretch shorter
 * than a frame (20 ms) it is `to`. */
size_t quiet_find(const float *samples, size_t from, size_t to);
/* The mean square of the background of samples [count]: that of 20 ms which a tenth of all are
 * quieter than. Digital silence is left out: a gate or an editor has put it there. 0: there is
 * nothing else; at most the first 10 s are looked at. */
double quiet_background(const float *samples, size_t count);

#endif
