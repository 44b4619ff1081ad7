/* round_f16.c - see round_f16.h.
 *
 * These functions see every number a program computes. They are written so that compilers turn them
 * into vectors: no branches, and comparisons of signed numbers, which every processor has. */
#include "coreml/ops/round_f16.h"

#include <stdint.h>
#include <string.h>

static int32_t bits_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int32_t pick(int choose, int32_t a, int32_t b) {
    int32_t mask = -(int32_t)choose;
    return (a & mask) | (b & ~mask);
}

static int32_t f16_bits(int32_t bits) {
    int32_t magnitude = bits & INT32_MAX, sign = bits & INT32_MIN;
    /* Below 2^-14 float16 has steps of 2^-24, which is the step of a float from 0.5 on. */
    int32_t small = bits_of((float_of(magnitude) + 0.5f) - 0.5f);
    uint32_t half = 0xfff + (uint32_t)(magnitude >> 13 & 1); /* ties go to the even one */
    int32_t normal = (int32_t)((uint32_t)magnitude + half) & ~0x1fff;
    normal = pick(normal >= 0x47800000, 0x7f800000, normal); /* 65536 and more, rounded */
    int32_t rounded = pick(magnitude < 0x38800000, small, normal);
    rounded = pick(magnitude > 0x7f800000, magnitude, rounded); /* NaN */
    return rounded | sign;
}

void round_f16(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = float_of(f16_bits(bits_of(x[i])));
}

int is_f16(const float *x, size_t n) {
    int32_t changes = 0;
    for (size_t i = 0; i < n; i++) changes |= bits_of(x[i]) ^ f16_bits(bits_of(x[i]));
    return changes == 0;
}
