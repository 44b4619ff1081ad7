/* repeats.c - see repeats.h.
 *
 * What deflate does, without writing it: text is literals and copies of what came before. Literals
 * are counted by their entropy and a share of the codes' table. Of a dozen texts, one of them a
 * loop, the ratio is within a fifth of zlib's. */
#include "pipeline/speech/repeats.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum {
    COPY_MIN = 3,   /* bytes: shorter copies cost as much as the literals */
    COPY_MAX = 258, /* deflate's longest */
    TEXT_MAX = 4096 /* what is looked at: half a minute of speech has some 500 bytes */
};
/* A length and a distance with their extra bits; the head and checksum of zlib in bytes. */
static const double COPY_BITS = 16, TABLE_BITS = 2.5, WRAPPING = 8;

/* The longest copy for text[at..) from before; its length, perhaps 0. */
static size_t longest_copy(const char *text, size_t at, size_t length) {
    size_t best = 0;
    for (size_t from = 0; from < at; from++) {
        size_t same = 0;
        while (at + same < length && same < COPY_MAX && text[from + same] == text[at + same])
            same++;
        if (same > best) best = same;
    }
    return best;
}

double repeats_ratio(const char *text) {
    size_t length = strnlen(text, TEXT_MAX), literals = 0, counts[256] = {0};
    double bits = 0;
    if (length == 0) return 0;
    for (size_t at = 0; at < length;) {
        size_t copy = longest_copy(text, at, length);
        if (copy >= COPY_MIN) {
            bits += COPY_BITS;
            at += copy;
        } else {
            counts[(unsigned char)text[at++]]++;
            literals++;
        }
    }
    for (int i = 0; i < 256; i++)
        if (counts[i])
            bits += (double)counts[i] * (TABLE_BITS + log2((double)literals / (double)counts[i]));
    return (double)length / (bits / 8 + WRAPPING);
}
