/* audio_memory.h - audio files that lie in memory, for libsndfile. */
#ifndef PST_AUDIO_AUDIO_MEMORY_H
#define PST_AUDIO_AUDIO_MEMORY_H

#include <sndfile.h>

struct audio_memory {
    const unsigned char *bytes; /* [size] */
    sf_count_t size;
    sf_count_t at;
};

/* sf_open() of it; `memory` and its bytes must outlive the file. NULL: see sf_error(NULL). */
SNDFILE *audio_memory_open(struct audio_memory *memory, SF_INFO *info);

#endif
