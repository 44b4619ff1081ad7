/* vector_avx2.h - the operations of AVX2 with FMA: eight lanes, sixteen registers.
 *
 * They are described in vector_avx512.h. Everything is static, as there. */
#ifndef PST_KERNELS_X86_VECTOR_AVX2_H
#define PST_KERNELS_X86_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/vector/vector_macros.h"

typedef __m256 vfloat;
typedef __m256d vdouble;
typedef __m256i vint; /* eight int32, or thirty-two int8 */

/* 6 x 2 sums, 2 weights and a broadcast value: 15 registers. 3 x 4 dot products and the weights of
 * one: 13. */
enum { LANES = 8, CONTEXT_VECTORS = 4 };
#define TILE_ROWS 6
#define TILE_VECTORS 2
enum { PANEL = TILE_VECTORS * LANES };
#define DOT_ROWS 3
#define F16_ROWS 2 /* 2 x 4 sums, 4 keys and a value: 13 */
#define F16_SPAN 1

/* --------------------------------------------------------------------------------- operations */

static inline vfloat v_set(float value) {
    return _mm256_set1_ps(value);
}

static inline vfloat v_load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline void v_store_f16(uint16_t *p, vfloat v) {
    _mm_storeu_si128((__m128i *)p,
                     _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline vfloat v_load(const float *p) {
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vfloat v) {
    _mm256_storeu_ps(p, v);
}

/* All bits of the first `count` lanes. */
static inline __m256i first(size_t count) {
    static const int32_t ONES[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(ONES + LANES - count));
}

static inline vfloat v_load_some(const float *p, size_t count, vfloat rest) {
    __m256i mask = first(count);
    return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}

static inline void v_store_some(float *p, vfloat v, size_t count) {
    _mm256_maskstore_ps(p, first(count), v);
}

static inline vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return _mm256_fmadd_ps(a, b, c);
}

static inline vfloat v_min(vfloat a, vfloat b) {
    return _mm256_min_ps(a, b);
}

static inline vfloat v_max(vfloat a, vfloat b) {
    return _mm256_max_ps(a, b);
}

static inline vfloat v_max_number(vfloat a, vfloat b) {
    return _mm256_max_ps(b, a);
}

static inline vfloat v_abs(vfloat v) {
    return _mm256_andnot_ps(v_set(-0.0f), v);
}

static inline vfloat v_copy_sign(vfloat magnitude, vfloat sign) {
    return _mm256_or_ps(magnitude, _mm256_and_ps(sign, v_set(-0.0f)));
}

static inline vfloat v_sqrt(vfloat v) {
    return _mm256_sqrt_ps(v);
}

static inline vfloat v_round(vfloat v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^(n - 1) by its exponent field, since 2^128 has none; twice v makes up for it. */
static inline vfloat v_scale(vfloat v, vfloat n) {
    __m256i field = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127 - 1));
    return (v + v) * _mm256_castsi256_ps(_mm256_slli_epi32(field, 23));
}

static inline vfloat v_zero_below(vfloat v, vfloat x, vfloat limit) {
    return _mm256_and_ps(v, _mm256_cmp_ps(x, limit, _CMP_NLT_UQ));
}

/* ------------------------------------------------------------------------------ across lanes */

static inline float v_highest(vfloat v) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline float v_total(vfloat v) {
    __m128 four = _mm256_castps256_ps128(v) + _mm256_extractf128_ps(v, 1);
    __m128 two = four + _mm_movehl_ps(four, four);
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline void v_sum4(float *out, const vfloat v[4]) {
    __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    _mm_storeu_ps(out, _mm256_castps256_ps128(pairs) + _mm256_extractf128_ps(pairs, 1));
}

static inline int v_first_equal(vfloat a, vfloat b) {
    unsigned equal = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
    return equal ? __builtin_ctz(equal) : LANES;
}

static inline void v_load_transposed(vfloat out[4], const float *const row[LANES], size_t l) {
    vfloat v[4];
    UNROLL for (int i = 0; i < 4; i++) {
        v[i] = _mm256_castps128_ps256(_mm_loadu_ps(row[i] + l));
        v[i] = _mm256_insertf128_ps(v[i], _mm_loadu_ps(row[4 + i] + l), 1);
    }
    __m256d ab01 = _mm256_castps_pd(_mm256_unpacklo_ps(v[0], v[1]));
    __m256d ab23 = _mm256_castps_pd(_mm256_unpackhi_ps(v[0], v[1]));
    __m256d cd01 = _mm256_castps_pd(_mm256_unpacklo_ps(v[2], v[3]));
    __m256d cd23 = _mm256_castps_pd(_mm256_unpackhi_ps(v[2], v[3]));
    out[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab01, cd01));
    out[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab01, cd01));
    out[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab23, cd23));
    out[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab23, cd23));
}

static inline vfloat v_load_twice(const float *p) {
    const __m256i pairs = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), pairs);
}

static inline vfloat v_swap_pairs(vfloat v) {
    return _mm256_permute_ps(v, 0xB1);
}

static inline vfloat v_negate_even(vfloat v) {
    return _mm256_xor_ps(v, _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000)));
}

/* ------------------------------------------------------------------------------------ integers */

static inline vint i_set(int32_t value) {
    return _mm256_set1_epi32(value);
}

static inline vint i_load(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void i_store(void *p, vint v) {
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline vint i_add(vint a, vint b) {
    return _mm256_add_epi32(a, b);
}

static inline vint i_sub(vint a, vint b) {
    return _mm256_sub_epi32(a, b);
}

static inline vint i_max(vint a, vint b) {
    return _mm256_max_epi32(a, b);
}

static inline vint i_of_bits(vfloat v) {
    return _mm256_castps_si256(v);
}

static inline vfloat v_of_bits(vint v) {
    return _mm256_castsi256_ps(v);
}

static inline vfloat v_of_int(vint v) {
    return _mm256_cvtepi32_ps(v);
}

static inline void v_store_int8(void *p, vfloat v, int8_t flip) {
    __m256i lanes = _mm256_cvtps_epi32(v);
    __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    __m128i bytes = _mm_packs_epi16(words, words);
    _mm_storel_epi64((__m128i *)p, _mm_xor_si128(bytes, _mm_set1_epi8(flip)));
}

static inline vint i_bf16(vfloat v) {
    __m256i bits = i_of_bits(v), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), i_set(1));
    __m256i rounded = i_add(bits, i_add(i_set(0x7FFF), odd));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(rounded, _mm256_or_si256(bits, i_set(0x400000)), nan);
}

static inline void v_store_bf16(void *p, vfloat v) {
    __m256i halves = _mm256_srli_epi32(i_bf16(v), 16);
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(halves),
                                                    _mm256_extracti128_si256(halves, 1)));
}

static inline vfloat v_of_low_bf16(vint pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}

static inline vfloat v_of_high_bf16(vint pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, i_set((int32_t)0xFFFF0000)));
}

/* ------------------------------------------------------------------------------------- doubles */

static inline vdouble d_set(double value) {
    return _mm256_set1_pd(value);
}

static inline vdouble v_low(vfloat v) {
    return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}

static inline vdouble v_high(vfloat v) {
    return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}

static inline double d_total(vdouble v) {
    __m128d two = _mm256_castpd256_pd128(v) + _mm256_extractf128_pd(v, 1);
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#endif
