/* vector_macros.h - what all vector kernels share: how they are made to unroll, by both compilers
 * at any -O level, and how rows are cut into tiles.
 *
 * Sums of a tile are a small array indexed by loops of constant length. Only when those loops are
 * unrolled whole does the array become registers, so neither is left to the compiler's
 * judgement. */
#ifndef PST_KERNELS_VECTOR_VECTOR_MACROS_H
#define PST_KERNELS_VECTOR_VECTOR_MACROS_H

#include <stddef.h>

/* Makes the compiler forget what it knows of a vector. */
#if defined(__x86_64__)
#define OPAQUE(vector) __asm__ volatile("" : "+x"(vector))
#else
#define OPAQUE(vector) __asm__ volatile("" : "+w"(vector))
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* With few rows the time goes into waiting for memory, so the weights this many bytes further on
 * are prefetched. Past their end the hint does nothing. */
enum { STREAM_AHEAD = 4096 };

/* A table of products with packed weights, whose functions end in the name of the precision. */
#define PACKED_KERNELS(precision, is_native, name, value_bytes)                                    \
    {                                                                                              \
        .native = is_native, .layout = name, .columns = COLUMNS, .bytes = bytes_##precision,       \
        .pack = pack_##precision, .element_bytes = value_bytes, .prepare = prepare_##precision,    \
        .matmul = matmul_##precision, .spin = spin_##precision                                     \
    }

static inline size_t at_most(size_t value, size_t limit) {
    return value < limit ? value : limit;
}

/* The height of the tile that takes row i of m, where the tallest is `full`. Up to half of that,
 * all rows are one tile. Else the last tile ends at the last row and computes a few rows of the
 * tile above again, without storing them: cheaper than a code path for every remainder. */
static inline size_t tile_height(size_t m, size_t i, size_t full) {
    size_t half = full / 2;
    if (m <= half) return m;
    size_t height = m - i > half ? full : half;
    return height <= m ? height : half;
}

#endif
