/* wave_header.c - see wave_header.h. */
#include "audio/wave_header.h"

#include <string.h>

enum { CHUNKS_MAX = 100 }; /* recorders write three or four */

static uint32_t little_endian(const unsigned char *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

struct chunk {
    unsigned char id[4];
    uint32_t bytes;
};

static int read_chunk(const struct audio_memory *file, sf_count_t at, struct chunk *chunk) {
    unsigned char head[8];
    if (audio_memory_read(file, at, head, sizeof head) != sizeof head) return 0;
    memcpy(chunk->id, head, 4);
    chunk->bytes = little_endian(head + 4);
    return 1;
}

/* Where the next one begins: chunks have even sizes. */
static sf_count_t behind(sf_count_t at, const struct chunk *chunk) {
    return at + 8 + (sf_count_t)chunk->bytes + (chunk->bytes & 1);
}

/* Are there chunks from `at` on, and nothing but chunks? Sound does not look like that. */
static int is_chunks(const struct audio_memory *file, sf_count_t at) {
    struct chunk chunk;
    for (int i = 0; i < CHUNKS_MAX && read_chunk(file, at, &chunk); i++) {
        for (int k = 0; k < 4; k++)
            if (chunk.id[k] < 0x20 || chunk.id[k] > 0x7e) return 0;
        at = behind(at, &chunk);
        if (at >= file->size) return at <= file->size + 1; /* the last may lack its filling byte */
    }
    return 0;
}

/* What programs write before they know better: nothing, or the 36 bytes that belong to the size of
 * the file, one field before. */
static int is_placeholder(uint32_t bytes) {
    return bytes == 0 || bytes == 36;
}

int wave_header_finish(struct audio_memory *file, uint32_t *told) {
    unsigned char head[12];
    struct chunk chunk = {0};
    sf_count_t at = sizeof head;
    if (audio_memory_read(file, 0, head, sizeof head) != sizeof head ||
        memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        return 0;
    for (int i = 0; read_chunk(file, at, &chunk) && memcmp(chunk.id, "data", 4) != 0; i++) {
        if (i == CHUNKS_MAX) return 0;
        at = behind(at, &chunk);
    }
    sf_count_t sound = file->size - (at + 8), most = UINT32_MAX - 1;
    if (sound <= 0 || memcmp(chunk.id, "data", 4) != 0) return 0;
    if (!is_placeholder(chunk.bytes) || sound <= (sf_count_t)chunk.bytes ||
        is_chunks(file, behind(at, &chunk)))
        return 0;
    *told = chunk.bytes;
    file->patch_at = at + 4;
    uint32_t bytes = (uint32_t)(sound < most ? sound : most);
    for (int k = 0; k < 4; k++) file->patch[k] = (unsigned char)(bytes >> 8 * k);
    return 1;
}
