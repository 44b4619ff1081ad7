/* characters.c - see characters.h. Code points are numbered by a hash table, and the numbers
 * aligned. */
#include "evaluate/characters.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "evaluate/align.h"
#include "evaluate/normalize.h"

/* Code points of `text` without white space at its ends, in `points`, which has room for a code
 * point a byte. */
static size_t read_points(const char *text, size_t length, uint32_t *points) {
    size_t count = 0, kept = 0;
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                  (utf8proc_ssize_t)(length - at), &point);
        if (taken <= 0) break;
        at += (size_t)taken;
        int space = text_is_space(point);
        if (space && count == 0) continue;
        points[count++] = (uint32_t)point;
        if (!space) kept = count;
    }
    return kept;
}

/* Numbers code points in place, from 0 in the order they are met; the table has `slots`, a power of
 * two above their count. Returns how many kinds there are. */
static size_t number_points(uint32_t *points, size_t count, uint32_t *table, size_t slots) {
    enum { NOTHING = 0x110000 }; /* no code point */
    uint32_t *numbers = table + slots;
    uint32_t kinds = 0;
    for (size_t i = 0; i < slots; i++) table[i] = NOTHING;
    for (size_t i = 0; i < count; i++) {
        /* Knuth's multiplier: the golden ratio in 32 bits */
        size_t slot = (points[i] * UINT32_C(2654435769) >> 7) & (slots - 1);
        while (table[slot] != NOTHING && table[slot] != points[i]) slot = (slot + 1) & (slots - 1);
        if (table[slot] == NOTHING) {
            table[slot] = points[i];
            numbers[slot] = kinds++;
        }
        points[i] = numbers[slot];
    }
    return kinds;
}

pst_status characters_compare(const char *reference, const char *hypothesis, size_t *characters,
                              size_t *errors, pst_error *err) {
    size_t length = strlen(reference), other = strlen(hypothesis), slots = 16;
    while (slots < 2 * (length + other)) slots *= 2;
    uint32_t *points = malloc((length + other + 1) * sizeof *points);
    uint32_t *table = malloc(2 * slots * sizeof *table);
    pst_status status;
    if (points && table) {
        *characters = read_points(reference, length, points);
        size_t count = *characters + read_points(hypothesis, other, points + *characters);
        size_t kinds = number_points(points, count, table, slots);
        status = align_distance(points, *characters, points + *characters, count - *characters,
                                kinds, errors, err);
    } else {
        status = error_memory(err, (length + other + 2 * slots) * sizeof *points);
    }
    free(points);
    free(table);
    return status;
}
