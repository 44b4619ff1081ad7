/* audio_memory.c - see audio_memory.h. */
#ifndef __APPLE__
#define _XOPEN_SOURCE 700 /* pread */
#endif
#include "audio/audio_memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static sf_count_t read_file(int fd, unsigned char *target, sf_count_t count, sf_count_t at) {
    sf_count_t done = 0;
    while (done < count) {
        ssize_t got = pread(fd, target + done, (size_t)(count - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break; /* libsndfile says that it is damaged */
        done += got;
    }
    return done;
}

sf_count_t audio_memory_read(const struct audio_memory *memory, sf_count_t at, void *target,
                             sf_count_t count) {
    unsigned char *bytes = target;
    if (count > memory->size - at) count = memory->size - at;
    if (count <= 0) return 0;
    if (memory->bytes)
        memcpy(bytes, memory->bytes + at, (size_t)count);
    else
        count = read_file(memory->fd, bytes, count, at);
    for (sf_count_t k = 0; memory->patch_at && k < (sf_count_t)sizeof memory->patch; k++) {
        sf_count_t place = memory->patch_at + k - at;
        if (place >= 0 && place < count) bytes[place] = memory->patch[k];
    }
    return count;
}

static sf_count_t read_bytes(void *target, sf_count_t count, void *user) {
    struct audio_memory *memory = user;
    count = audio_memory_read(memory, memory->at, target, count);
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
