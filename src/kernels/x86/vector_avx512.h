/* vector_avx512.h - the operations of AVX-512 (F, BW, DQ, VL): sixteen lanes, thirty-two registers.
 *
 * A set is a handful of v_ (floats), i_ (integers) and d_ (doubles) operations on its own vector
 * types; the kernels over them are written once, in the other vector_ headers. Operators (+ - * /)
 * on floats are the compiler's; nothing is fused unless v_fma says so. Everything here is static:
 * code compiled for this set must never be the copy that a linker picks for the others. */
#ifndef PST_KERNELS_X86_VECTOR_AVX512_H
#define PST_KERNELS_X86_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/vector/vector_macros.h"

typedef __m512 vfloat;
typedef __m512d vdouble;
typedef __m512i vint; /* sixteen int32, or sixty-four int8 */

/* 12 x 2 sums, 2 weights and a broadcast value: 27 registers. */
enum { LANES = 16, CONTEXT_VECTORS = 4 };
#define TILE_ROWS 12
#define TILE_VECTORS 2
enum { PANEL = TILE_VECTORS * LANES };
#define DOT_ROWS 5
#define F16_ROWS 5 /* 5 x 4 sums, 4 keys and a value: 25 */
#define F16_SPAN 2

/* --------------------------------------------------------------------------------- operations */

static inline vfloat v_set(float value) {
    return _mm512_set1_ps(value);
}

/* LANES values of float16, widened. */
static inline vfloat v_load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline void v_store_f16(uint16_t *p, vfloat v) {
    _mm256_storeu_si256((__m256i *)p,
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline vfloat v_load(const float *p) {
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vfloat v) {
    _mm512_storeu_ps(p, v);
}

static inline __mmask16 first(size_t count) {
    return (__mmask16)((1u << count) - 1);
}

/* The first `count` (0 to LANES) lanes; the others are `rest`, or are not written. */
static inline vfloat v_load_some(const float *p, size_t count, vfloat rest) {
    return _mm512_mask_loadu_ps(rest, first(count), p);
}

static inline void v_store_some(float *p, vfloat v, size_t count) {
    _mm512_mask_storeu_ps(p, first(count), v);
}

/* a * b + c, rounded once. */
static inline vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return _mm512_fmadd_ps(a, b, c);
}

/* A NaN in the second operand is returned. */
static inline vfloat v_min(vfloat a, vfloat b) {
    return _mm512_min_ps(a, b);
}

static inline vfloat v_max(vfloat a, vfloat b) {
    return _mm512_max_ps(a, b);
}

/* A NaN in the second operand is ignored. */
static inline vfloat v_max_number(vfloat a, vfloat b) {
    return _mm512_max_ps(b, a);
}

static inline vfloat v_abs(vfloat v) {
    return _mm512_abs_ps(v);
}

static inline vfloat v_copy_sign(vfloat magnitude, vfloat sign) {
    vfloat bit = _mm512_and_ps(sign, v_set(-0.0f));
    return _mm512_or_ps(magnitude, bit);
}

static inline vfloat v_sqrt(vfloat v) {
    return _mm512_sqrt_ps(v);
}

/* To the nearest integer, halves to even. */
static inline vfloat v_round(vfloat v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* v * 2^n for an integral n from -125 to 128. */
static inline vfloat v_scale(vfloat v, vfloat n) {
    return _mm512_scalef_ps(v, n);
}

/* v, but 0 where x < limit (not where x is NaN). */
static inline vfloat v_zero_below(vfloat v, vfloat x, vfloat limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), v);
}

/* ------------------------------------------------------------------------------ across lanes */

static inline float v_highest(vfloat v) {
    return _mm512_reduce_max_ps(v);
}

static inline float v_total(vfloat v) {
    return _mm512_reduce_add_ps(v);
}

/* out[c] = the sum of v[c], each in the same order. */
static inline void v_sum4(float *out, const vfloat v[4]) {
    __m512 ab = _mm512_unpacklo_ps(v[0], v[1]) + _mm512_unpackhi_ps(v[0], v[1]);
    __m512 cd = _mm512_unpacklo_ps(v[2], v[3]) + _mm512_unpackhi_ps(v[2], v[3]);
    __m512d even = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d odd = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512 abcd = _mm512_castpd_ps(even) + _mm512_castpd_ps(odd);
    __m256 half = _mm512_castps512_ps256(abcd) + _mm512_extractf32x8_ps(abcd, 1);
    _mm_storeu_ps(out, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

/* The first lane in which a and b are equal; LANES when there is none. */
static inline int v_first_equal(vfloat a, vfloat b) {
    unsigned equal = _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
    return equal ? __builtin_ctz(equal) : LANES;
}

/* out[c] lane i = row[i][l + c], for c < 4. Quarter g of a vector first takes four values of row
 * 4 g + i; what is left is a 4 x 4 transposition inside every quarter. */
static inline void v_load_transposed(vfloat out[4], const float *const row[LANES], size_t l) {
    vfloat v[4];
    UNROLL for (int i = 0; i < 4; i++) {
        v[i] = _mm512_castps128_ps512(_mm_loadu_ps(row[i] + l));
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[4 + i] + l), 1);
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[8 + i] + l), 2);
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(row[12 + i] + l), 3);
    }
    __m512d ab01 = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1]));
    __m512d ab23 = _mm512_castps_pd(_mm512_unpackhi_ps(v[0], v[1]));
    __m512d cd01 = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3]));
    __m512d cd23 = _mm512_castps_pd(_mm512_unpackhi_ps(v[2], v[3]));
    out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab01, cd01));
    out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab01, cd01));
    out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab23, cd23));
    out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab23, cd23));
}

/* p[0] p[0] p[1] p[1] ..., LANES / 2 values. */
static inline vfloat v_load_twice(const float *p) {
    const __m512i pairs = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return _mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}

static inline vfloat v_swap_pairs(vfloat v) {
    return _mm512_permute_ps(v, 0xB1);
}

static inline vfloat v_negate_even(vfloat v) {
    return _mm512_mask_sub_ps(v, 0x5555, v_set(-0.0f), v);
}

/* ------------------------------------------------------------------------------------ integers */

static inline vint i_set(int32_t value) {
    return _mm512_set1_epi32(value);
}

static inline vint i_load(const void *p) {
    return _mm512_loadu_si512(p);
}

static inline void i_store(void *p, vint v) {
    _mm512_storeu_si512(p, v);
}

static inline vint i_add(vint a, vint b) {
    return _mm512_add_epi32(a, b);
}

static inline vint i_sub(vint a, vint b) {
    return _mm512_sub_epi32(a, b);
}

static inline vint i_max(vint a, vint b) {
    return _mm512_max_epi32(a, b);
}

static inline vint i_of_bits(vfloat v) {
    return _mm512_castps_si512(v);
}

static inline vfloat v_of_bits(vint v) {
    return _mm512_castsi512_ps(v);
}

static inline vfloat v_of_int(vint v) {
    return _mm512_cvtepi32_ps(v);
}

/* p[i] = the integer nearest to lane i, halves to even, with its bits of `flip` inverted. Lanes are
 * from -127 to 127. */
static inline void v_store_int8(void *p, vfloat v, int8_t flip) {
    __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
    _mm_storeu_si128((__m128i *)p, _mm_xor_si128(bytes, _mm_set1_epi8(flip)));
}

/* Lanes rounded to bf16, to nearest, halves to even, in the upper half of each; NaN stays NaN. */
static inline vint i_bf16(vfloat v) {
    const __m512i half = _mm512_set1_epi32(0x7FFF), one = _mm512_set1_epi32(1);
    __m512i bits = i_of_bits(v), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    __m512i rounded = i_add(bits, i_add(half, odd));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
}

/* p[i] = lane i as bf16. */
static inline void v_store_bf16(void *p, vfloat v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(i_bf16(v), 16)));
}

/* The first and the second of each lane's pair of bf16, widened. */
static inline vfloat v_of_low_bf16(vint pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}

static inline vfloat v_of_high_bf16(vint pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, i_set((int32_t)0xFFFF0000)));
}

/* ------------------------------------------------------------------------------------- doubles */

static inline vdouble d_set(double value) {
    return _mm512_set1_pd(value);
}

static inline vdouble v_low(vfloat v) {
    return _mm512_cvtps_pd(_mm512_castps512_ps256(v));
}

static inline vdouble v_high(vfloat v) {
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
}

static inline double d_total(vdouble v) {
    return _mm512_reduce_add_pd(v);
}

#endif
