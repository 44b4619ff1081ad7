/* avx512.c - the kernels for AVX-512 (F, BW, DQ, VL), and the sets that add an instruction to
 * it. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/x86/vector_avx512.h"

/* Bytes without a dot product, as in avx2.c; the sign of w is a mask here. A zero of w may leave x
 * as it is. */
struct factor {
    vint magnitude;
    __mmask64 negative;
};

static inline struct factor i_factor(const void *p) {
    vint w = i_load(p);
    return (struct factor){_mm512_abs_epi8(w), _mm512_movepi8_mask(w)};
}

static inline vint i_dot(vint sum, vint x, struct factor f) {
    vint signed_x = _mm512_mask_sub_epi8(x, f.negative, _mm512_setzero_si512(), x);
    vint pairs = _mm512_maddubs_epi16(f.magnitude, signed_x);
    return i_add(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

#define INT8_FLIP 0
#define INT8_ROWS 12 /* 12 x 2 sums, 2 weights, ones, zero, a broadcast value and a product: 30 */

#define BF16_ROWS 12 /* 12 x 2 sums, 4 of weights, 2 of x and a mask: 31 */

#include "kernels/vector/vector_bf16_widened.h"
#include "kernels/vector/vector_math.h"
#include "kernels/vector/vector_matmul.h"
#include "kernels/vector/vector_packed_bf16.h"
#include "kernels/vector/vector_packed_f32.h"
#include "kernels/vector/vector_packed_int8.h"
#include "kernels/vector/vector_rows.h"

static const struct packed_kernels packed_f32 = VECTOR_PACKED_F32("f32_32");
static const struct packed_kernels packed_bf16 = VECTOR_PACKED_BF16("bf16_32");
static const struct packed_kernels packed_int8 = VECTOR_PACKED_INT8("int8_32");

const struct kernels kernels_avx512 =
    VECTOR_KERNELS("avx512", attend_rows, &packed_f32, &packed_bf16, &packed_int8);
#if POTSTILL_AVX512_VNNI
const struct kernels kernels_avx512_vnni =
    VECTOR_KERNELS("avx512_vnni", attend_rows, &packed_f32, &packed_bf16, &packed_avx512_vnni_int8);
#endif
#if POTSTILL_AVX512_BF16
const struct kernels kernels_avx512_bf16 = VECTOR_KERNELS(
    "avx512_bf16", attend_rows, &packed_f32, &packed_avx512_bf16_bf16, &packed_avx512_vnni_int8);
#endif
#if POTSTILL_AMX
const struct kernels kernels_amx =
    VECTOR_KERNELS("amx", amx_attend_rows, &packed_f32, &packed_amx_bf16, &packed_amx_int8);
#endif
