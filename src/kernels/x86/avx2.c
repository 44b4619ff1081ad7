/* avx2.c - the kernels for AVX2 with FMA, and the set that adds an instruction to it. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/x86/vector_avx2.h"

/* Bytes without a dot product: |w| times x with the sign of w, whose pairs fit 16 bits, since
 * neither is -128; then pairs of pairs. */
struct factor {
    vint w, magnitude;
};

static inline struct factor i_factor(const void *p) {
    vint w = i_load(p);
    return (struct factor){w, _mm256_abs_epi8(w)};
}

static inline vint i_dot(vint sum, vint x, struct factor f) {
    vint pairs = _mm256_maddubs_epi16(f.magnitude, _mm256_sign_epi8(x, f.w));
    return i_add(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#define INT8_FLIP 0
#define INT8_ROWS                                                                                  \
    4 /* 4 x 2 sums, 4 of weights, ones, a broadcast value and a product: 15 registers */

#define BF16_ROWS 4 /* 4 x 2 sums, 4 of weights, 2 of x and a mask: 15 registers */

#include "kernels/vector/vector_bf16_widened.h"
#include "kernels/vector/vector_math.h"
#include "kernels/vector/vector_matmul.h"
#include "kernels/vector/vector_packed_bf16.h"
#include "kernels/vector/vector_packed_f32.h"
#include "kernels/vector/vector_packed_int8.h"
#include "kernels/vector/vector_rows.h"

static const struct packed_kernels packed_f32 = VECTOR_PACKED_F32("f32_16");
static const struct packed_kernels packed_bf16 = VECTOR_PACKED_BF16("bf16_16");
static const struct packed_kernels packed_int8 = VECTOR_PACKED_INT8("int8_16");

const struct kernels kernels_avx2 =
    VECTOR_KERNELS("avx2", attend_rows, &packed_f32, &packed_bf16, &packed_int8);
#if POTSTILL_AVX_VNNI
const struct kernels kernels_avx_vnni =
    VECTOR_KERNELS("avx_vnni", attend_rows, &packed_f32, &packed_bf16, &packed_avx_vnni_int8);
#endif
