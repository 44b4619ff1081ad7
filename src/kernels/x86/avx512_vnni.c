/* avx512_vnni.c - int8 products by VPDPBUSD, 64 multiply-adds an instruction. */
#include "kernels/x86/vector_avx512.h"

struct factor {
    vint w;
};

static inline struct factor i_factor(const void *p) {
    return (struct factor){i_load(p)};
}

/* x unsigned, w signed. */
static inline vint i_dot(vint sum, vint x, struct factor f) {
    return _mm512_dpbusd_epi32(sum, x, f.w);
}

#define INT8_FLIP 0x80
#define INT8_ROWS 12 /* 12 x 2 sums, 2 weights and a broadcast value: 27 registers */

#define INT8_NATIVE 1

#include "kernels/vector/vector_packed_int8.h"

const struct packed_kernels packed_avx512_vnni_int8 = VECTOR_PACKED_INT8("int8_32");
