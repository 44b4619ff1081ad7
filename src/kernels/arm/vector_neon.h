/* vector_neon.h - the operations of 64-bit Arm: four lanes, thirty-two registers.
 *
 * They are described in vector_avx512.h. Everything is static, as there. NEON has no masked access:
 * a part of a vector goes through memory. */
#ifndef PST_KERNELS_ARM_VECTOR_NEON_H
#define PST_KERNELS_ARM_VECTOR_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#include "kernels/vector/vector_macros.h"

typedef float32x4_t vfloat;
typedef float64x2_t vdouble;
typedef int32x4_t vint; /* four int32, or sixteen int8 */

/* 8 x 2 sums, 2 weights and 8 values of x, ten loads for sixteen multiply-adds. Larger tiles fit by
 * count, but gcc 12 spills their sums in the loop. */
enum { LANES = 4, CONTEXT_VECTORS = 4 };
#define TILE_ROWS 8
#define TILE_VECTORS 2
enum { PANEL = TILE_VECTORS * LANES };
#define DOT_ROWS 5
#define F16_ROWS 2 /* 2 x 8 sums, 8 keys and a value: 25 */
#define F16_SPAN 1

/* --------------------------------------------------------------------------------- operations */

static inline vfloat v_set(float value) {
    return vdupq_n_f32(value);
}

static inline vfloat v_load_f16(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline void v_store_f16(uint16_t *p, vfloat v) {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

static inline vfloat v_load(const float *p) {
    return vld1q_f32(p);
}

static inline void v_store(float *p, vfloat v) {
    vst1q_f32(p, v);
}

static inline vfloat v_load_some(const float *p, size_t count, vfloat rest) {
    float lanes[LANES];
    vst1q_f32(lanes, rest);
    memcpy(lanes, p, count * sizeof *p);
    return vld1q_f32(lanes);
}

static inline void v_store_some(float *p, vfloat v, size_t count) {
    float lanes[LANES];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, count * sizeof *p);
}

static inline vfloat v_fma(vfloat a, vfloat b, vfloat c) {
    return vfmaq_f32(c, a, b);
}

static inline vfloat v_min(vfloat a, vfloat b) {
    return vminq_f32(a, b);
}

static inline vfloat v_max(vfloat a, vfloat b) {
    return vmaxq_f32(a, b);
}

static inline vfloat v_max_number(vfloat a, vfloat b) {
    return vmaxnmq_f32(a, b);
}

static inline vfloat v_abs(vfloat v) {
    return vabsq_f32(v);
}

static inline vfloat v_copy_sign(vfloat magnitude, vfloat sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000), sign, magnitude);
}

static inline vfloat v_sqrt(vfloat v) {
    return vsqrtq_f32(v);
}

static inline vfloat v_round(vfloat v) {
    return vrndnq_f32(v);
}

/* 2^(n - 1) by its exponent field, since 2^128 has none; twice v makes up for it. */
static inline vfloat v_scale(vfloat v, vfloat n) {
    int32x4_t field = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127 - 1));
    return (v + v) * vreinterpretq_f32_s32(vshlq_n_s32(field, 23));
}

static inline vfloat v_zero_below(vfloat v, vfloat x, vfloat limit) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, limit)));
}

/* ------------------------------------------------------------------------------ across lanes */

static inline float v_highest(vfloat v) {
    return vmaxnmvq_f32(v);
}

static inline float v_total(vfloat v) {
    return vaddvq_f32(v);
}

static inline void v_sum4(float *out, const vfloat v[4]) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
}

static inline int v_first_equal(vfloat a, vfloat b) {
    const uint32_t lane_numbers[LANES] = {0, 1, 2, 3};
    uint32x4_t equal = vceqq_f32(a, b);
    uint32x4_t lane = vbslq_u32(equal, vld1q_u32(lane_numbers), vdupq_n_u32(LANES));
    return (int)vminvq_u32(lane);
}

static inline void v_load_transposed(vfloat out[4], const float *const row[LANES], size_t l) {
    vfloat a = vld1q_f32(row[0] + l), b = vld1q_f32(row[1] + l);
    vfloat c = vld1q_f32(row[2] + l), d = vld1q_f32(row[3] + l);
    float64x2_t ab02 = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
    float64x2_t ab13 = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    float64x2_t cd02 = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
    float64x2_t cd13 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    out[0] = vreinterpretq_f32_f64(vtrn1q_f64(ab02, cd02));
    out[1] = vreinterpretq_f32_f64(vtrn1q_f64(ab13, cd13));
    out[2] = vreinterpretq_f32_f64(vtrn2q_f64(ab02, cd02));
    out[3] = vreinterpretq_f32_f64(vtrn2q_f64(ab13, cd13));
}

static inline vfloat v_load_twice(const float *p) {
    float32x2_t two = vld1_f32(p);
    return vcombine_f32(vzip1_f32(two, two), vzip2_f32(two, two));
}

static inline vfloat v_swap_pairs(vfloat v) {
    return vrev64q_f32(v);
}

static inline vfloat v_negate_even(vfloat v) {
    uint64x2_t sign = vdupq_n_u64(0x80000000);
    return vreinterpretq_f32_u64(veorq_u64(vreinterpretq_u64_f32(v), sign));
}

/* ------------------------------------------------------------------------------------ integers */

static inline vint i_set(int32_t value) {
    return vdupq_n_s32(value);
}

static inline vint i_load(const void *p) {
    return vreinterpretq_s32_u8(vld1q_u8(p));
}

static inline void i_store(void *p, vint v) {
    vst1q_u8(p, vreinterpretq_u8_s32(v));
}

static inline vint i_add(vint a, vint b) {
    return vaddq_s32(a, b);
}

static inline vint i_sub(vint a, vint b) {
    return vsubq_s32(a, b);
}

static inline vint i_max(vint a, vint b) {
    return vmaxq_s32(a, b);
}

static inline vint i_of_bits(vfloat v) {
    return vreinterpretq_s32_f32(v);
}

static inline vfloat v_of_bits(vint v) {
    return vreinterpretq_f32_s32(v);
}

static inline vfloat v_of_int(vint v) {
    return vcvtq_f32_s32(v);
}

static inline void v_store_int8(void *p, vfloat v, int8_t flip) {
    int16x4_t words = vmovn_s32(vcvtnq_s32_f32(v));
    int8x8_t bytes = veor_s8(vmovn_s16(vcombine_s16(words, words)), vdup_n_s8(flip));
    int32_t four = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
    memcpy(p, &four, sizeof four);
}

static inline vint i_bf16(vfloat v) {
    uint32x4_t bits = vreinterpretq_u32_f32(v);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
    uint32x4_t nan = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vreinterpretq_s32_u32(vbslq_u32(vceqq_f32(v, v), rounded, nan));
}

static inline void v_store_bf16(void *p, vfloat v) {
    vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_s32(i_bf16(v)), 16));
}

static inline vfloat v_of_low_bf16(vint pairs) {
    return vreinterpretq_f32_s32(vshlq_n_s32(pairs, 16));
}

static inline vfloat v_of_high_bf16(vint pairs) {
    return vreinterpretq_f32_s32(vandq_s32(pairs, i_set((int32_t)0xFFFF0000)));
}

/* ------------------------------------------------------------------------------------- doubles */

static inline vdouble d_set(double value) {
    return vdupq_n_f64(value);
}

static inline vdouble v_low(vfloat v) {
    return vcvt_f64_f32(vget_low_f32(v));
}

static inline vdouble v_high(vfloat v) {
    return vcvt_high_f64_f32(v);
}

static inline double d_total(vdouble v) {
    return vaddvq_f64(v);
}

#endif
