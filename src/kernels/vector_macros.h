/* vector_macros.h - how the vector kernels are made to unroll: by both compilers, at any -O level.
 *
 * Sums of a tile are a small array indexed by loops of constant length. Only when those loops are
 * unrolled whole does the array become registers, so neither is left to the compiler's judgement. */
#ifndef PST_KERNELS_VECTOR_MACROS_H
#define PST_KERNELS_VECTOR_MACROS_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
