/* vector_bf16_widened.h - pairs of bf16 for sets without a product of them: widened, then two fused
 * multiply-adds. Included before vector_packed_bf16.h. */
#ifndef PST_KERNELS_VECTOR_VECTOR_BF16_WIDENED_H
#define PST_KERNELS_VECTOR_VECTOR_BF16_WIDENED_H

struct pairs {
    vfloat low, high;
};

static inline struct pairs b_pairs(vint v) {
    return (struct pairs){v_of_low_bf16(v), v_of_high_bf16(v)};
}

static inline vfloat b_dot(vfloat sum, struct pairs x, struct pairs w) {
    return v_fma(x.high, w.high, v_fma(x.low, w.low, sum));
}

#endif
