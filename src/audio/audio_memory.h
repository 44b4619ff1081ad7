/* audio_memory.h - audio files that lie in memory, or whose bytes are not quite those of the file
 * on disk, for libsndfile. */
#ifndef PST_AUDIO_AUDIO_MEMORY_H
#define PST_AUDIO_AUDIO_MEMORY_H

#include <sndfile.h>

struct audio_memory {
    const unsigned char *bytes; /* [size]; NULL: read from `fd` */
    int fd;
    sf_count_t size;
    sf_count_t at;
    sf_count_t patch_at; /* where four other bytes are read; 0: nowhere */
    unsigned char patch[4];
};

/* Copies `count` bytes from `at` on, or as many as there are; returns how many. */
sf_count_t audio_memory_read(const struct audio_memory *memory, sf_count_t at, void *target,
                             sf_count_t count);
/* sf_open() of it; `memory` and its bytes must outlive the file. NULL: see sf_error(NULL). */
SNDFILE *audio_memory_open(struct audio_memory *memory, SF_INFO *info);

#endif
