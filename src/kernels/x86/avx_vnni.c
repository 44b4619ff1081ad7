/* avx_vnni.c - int8 products by the 256-bit VPDPBUSD of processors without AVX-512. */
#include "kernels/x86/vector_avx2.h"

struct factor {
    vint w;
};

static inline struct factor i_factor(const void *p) {
    return (struct factor){i_load(p)};
}

/* x unsigned, w signed. */
static inline vint i_dot(vint sum, vint x, struct factor f) {
    return _mm256_dpbusd_avx_epi32(sum, x, f.w);
}

#define INT8_FLIP 0x80
#define INT8_ROWS 6 /* 6 x 2 sums, 2 weights and a broadcast value: 15 registers */

#define INT8_NATIVE 1

#include "kernels/vector/vector_packed_int8.h"

const struct packed_kernels packed_avx_vnni_int8 = VECTOR_PACKED_INT8("int8_16");
