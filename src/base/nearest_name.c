/* nearest_name.c - which of several names was meant by one that is none of them. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "potstill_tools.h"

/* Edits that turn `a` into `b`: insertions, deletions, substitutions, each 1. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[64]; /* longer than any name here; a longer one is not a typing error */
    size_t width = strlen(b);
    if (width >= sizeof row / sizeof *row) return SIZE_MAX;
    for (size_t j = 0; j <= width; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (diagonal + 1 < best) best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[width];
}

const char *pst_nearest_name(const char *typed, const char *const *names, size_t count) {
    const char *nearest = NULL;
    size_t length = strlen(typed);
    for (size_t i = 0; length > 1 && i < count; i++)
        if (strncmp(names[i], typed, length) == 0) return names[i]; /* meant as an abbreviation */
    size_t least = length / 3 + 1; /* up to a third of the word may be wrong */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(typed, names[i]);
        if (distance > least || (distance == least && nearest)) continue;
        nearest = names[i];
        least = distance;
    }
    return nearest;
}
