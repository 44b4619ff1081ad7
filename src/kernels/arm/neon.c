/* neon.c - the kernels for 64-bit Arm, and the sets that add instructions to them. */
#include <math.h>

#include "kernels/arm/vector_neon.h"
#include "kernels/kernels.h"

/* Bytes without a dot product: products of 16 bits, of which two fit one sum, since neither factor
 * is -128; then pairs of pairs. */
struct factor {
    int8x16_t w;
};

static inline struct factor i_factor(const void *p) {
    return (struct factor){vld1q_s8(p)};
}

static inline vint i_dot(vint sum, vint x, struct factor f) {
    int8x16_t bytes = vreinterpretq_s8_s32(x);
    int16x8_t low = vmull_s8(vget_low_s8(bytes), vget_low_s8(f.w));
    sum = vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(bytes, f.w)));
    OPAQUE(sum); /* or gcc makes all products first, and spills them */
    return sum;
}

#define INT8_FLIP 0
#define INT8_ROWS 8 /* 8 x 2 sums, 2 weights, a value of x and 2 products: 21 registers */

#define BF16_ROWS 8 /* 8 x 2 sums, 4 of weights, 2 of x and a mask: 23 registers */

#include "kernels/vector/vector_bf16_widened.h"
#include "kernels/vector/vector_math.h"
#include "kernels/vector/vector_matmul.h"
#include "kernels/vector/vector_packed_bf16.h"
#include "kernels/vector/vector_packed_f32.h"
#include "kernels/vector/vector_packed_int8.h"
#include "kernels/vector/vector_rows.h"

static const struct packed_kernels packed_f32 = VECTOR_PACKED_F32("f32_8");
static const struct packed_kernels packed_bf16 = VECTOR_PACKED_BF16("bf16_8");
static const struct packed_kernels packed_int8 = VECTOR_PACKED_INT8("int8_8");

const struct kernels kernels_neon =
    VECTOR_KERNELS("neon", attend_rows, &packed_f32, &packed_bf16, &packed_int8);
#if POTSTILL_NEON_DOTPROD
const struct kernels kernels_neon_dotprod = VECTOR_KERNELS("neon_dotprod", attend_rows, &packed_f32,
                                                           &packed_bf16, &packed_neon_dotprod_int8);
#endif
#if POTSTILL_NEON_I8MM
const struct kernels kernels_neon_i8mm = VECTOR_KERNELS(
    "neon_i8mm", attend_rows, &packed_f32, &packed_neon_i8mm_bf16, &packed_neon_i8mm_int8);
#endif
