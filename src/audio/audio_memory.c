/* audio_memory.c - see audio_memory.h. */
#include "audio/audio_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static sf_count_t get_size(void *user) {
    return ((const struct audio_memory *)user)->size;
}

static sf_count_t get_position(void *user) {
    return ((const struct audio_memory *)user)->at;
}

/* As lseek() does, this may go past the end, where nothing is read: a damaged file must give the
 * same result from a pipe as from a disk. */
static sf_count_t seek(sf_count_t offset, int whence, void *user) {
    struct audio_memory *memory = user;
    sf_count_t from = whence == SEEK_CUR ? memory->at : whence == SEEK_END ? memory->size : 0;
    if (offset < -from || offset > INT64_MAX - from) return -1;
    memory->at = from + offset;
    return memory->at;
}

static sf_count_t read_bytes(void *target, sf_count_t count, void *user) {
    struct audio_memory *memory = user;
    if (count > memory->size - memory->at) count = memory->size - memory->at;
    if (count <= 0) return 0;
    memcpy(target, memory->bytes + memory->at, (size_t)count);
    memory->at += count;
    return count;
}

/* libsndfile asks for a writer even of a file it only reads. */
static sf_count_t write_bytes(const void *source, sf_count_t count, void *user) {
    (void)source, (void)count, (void)user;
    return 0;
}

SNDFILE *audio_memory_open(struct audio_memory *memory, SF_INFO *info) {
    SF_VIRTUAL_IO calls = {get_size, seek, read_bytes, write_bytes, get_position};
    return sf_open_virtual(&calls, SFM_READ, info, memory);
}
