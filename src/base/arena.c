/* arena.c - see arena.h. */
#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"

void *arena_take(struct arena *arena, size_t count, size_t size) {
    size_t bytes, padded, end;
    if (!checked_mul(count, size, &bytes) || !checked_add(bytes, ARENA_ALIGNMENT - 1, &padded) ||
        !checked_add(arena->used, padded & ~(size_t)(ARENA_ALIGNMENT - 1), &end)) {
        arena->overflow = 1;
        return NULL;
    }
    size_t start = arena->used;
    arena->used = end;
    if (!arena->base) return NULL;
    assert(end <= arena->capacity);
    return arena->base + start;
}

int arena_allocate(struct arena *arena, size_t bytes) {
    arena_free(arena);
    size_t padded = (bytes + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (padded < bytes) return 0;
    void *memory = NULL;
    if (posix_memalign(&memory, ARENA_ALIGNMENT, padded ? padded : ARENA_ALIGNMENT)) return 0;
    arena->base = memory;
    arena->capacity = padded;
    return 1;
}

void arena_free(struct arena *arena) {
    free(arena->base);
    *arena = (struct arena){0};
}
