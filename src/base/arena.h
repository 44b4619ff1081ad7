/* arena.h - measure, then place.
 *
 * A layout function takes its pieces from an arena in order. It runs twice: over an arena without
 * memory, to count the bytes, and over one with exactly that many, to place the pieces. Size and
 * placement are one piece of code and cannot drift apart. */
#ifndef PST_BASE_ARENA_H
#define PST_BASE_ARENA_H

#include <stddef.h>

struct arena {
    unsigned char *base; /* NULL while counting */
    size_t capacity;     /* bytes at base */
    size_t used;         /* bytes taken so far; may pass capacity only while counting */
    int overflow;        /* a size did not fit; the layout is unusable */
};

/* Pieces start on a cache line, which is also the widest vector. */
enum { ARENA_ALIGNMENT = 64 };

/* Takes `count` items of `size` bytes; NULL while counting. Contents are undefined. */
void *arena_take(struct arena *arena, size_t count, size_t size);

#define ARENA_TAKE(arena, count, type) ((type *)arena_take((arena), (count), sizeof(type)))

/* Gives the arena `bytes` of fresh memory, releasing what it had; returns 0 when there is none, and
 * then holds nothing. */
int arena_allocate(struct arena *arena, size_t bytes);
void arena_free(struct arena *arena);

#endif
