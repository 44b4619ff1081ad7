/* vector_power.h - the powers that soft-max weights are, on any vector set; after its v_
 * operations. */
#ifndef PST_KERNELS_VECTOR_VECTOR_POWER_H
#define PST_KERNELS_VECTOR_VECTOR_POWER_H

#include "kernels/vector/vector_macros.h"

/* 2^x for x <= 0 (what is below -125 counts as -125; NaN stays): 2^n p(r), r = x - n. p is fitted
 * minimax (tools/fit_polynomials.py): within 1.4 roundings, or with `approximate` within 1e-4 of
 * the true value. */
ALWAYS_INLINE vfloat v_power(vfloat x, int approximate) {
    x = v_max(v_set(-125), x);
    vfloat n = v_round(x), r = x - n, p;
    if (approximate) {
        p = v_fma(v_set(0.055008933f), r, v_set(0.24221097f));
        p = v_fma(p, r, v_set(0.6932829f));
    } else {
        p = v_fma(v_set(0.00015353362f), r, v_set(0.0013398875f));
        p = v_fma(p, r, v_set(0.009618437f));
        p = v_fma(p, r, v_set(0.055503324f));
        p = v_fma(p, r, v_set(0.24022648f));
        p = v_fma(p, r, v_set(0.6931472f));
    }
    return v_scale(v_fma(p, r, v_set(1)), n);
}

#endif
