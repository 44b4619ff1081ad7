/* avx512_bf16.c - bf16 products by VDPBF16PS, 32 multiply-adds an instruction. It takes denormals
 * for 0. */
#include "kernels/x86/vector_avx512.h"

struct pairs {
    vint v;
};

static inline struct pairs b_pairs(vint v) {
    return (struct pairs){v};
}

static inline vfloat b_dot(vfloat sum, struct pairs x, struct pairs w) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x.v, (__m512bh)w.v);
}

#define BF16_ROWS 12 /* 12 x 2 sums, 2 weights and a broadcast value: 27 registers */

#define BF16_NATIVE 1

#include "kernels/vector/vector_packed_bf16.h"

const struct packed_kernels packed_avx512_bf16_bf16 = VECTOR_PACKED_BF16("bf16_32");
