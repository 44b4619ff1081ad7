/* vector_math.h - exponentials and what is made of them, on any vector set.
 *
 * Included once by avx2.c, avx512.c and neon.c after their v_ operations. Everything rests on three
 * fits: e^r - 1 near zero, the tail of the normal distribution, and log(1 + f).
 * tools/fit_polynomials.py makes the constants, and replays these formulas in float32 against exact
 * values; the errors given here are the largest it finds. NaN in gives NaN out: v_min and v_max
 * return a NaN of their second operand. */
#ifndef PST_KERNELS_VECTOR_VECTOR_MATH_H
#define PST_KERNELS_VECTOR_VECTOR_MATH_H

#include <float.h>

/* e^x = 2^n * (1 + p): returns p = e^r - 1 for the r = x - n ln 2 nearest zero, |r| <= ln(2) / 2.
 * ln 2 comes in two parts, the first short enough that n times it is exact. p = r + r^2 q(r), q
 * fitted minimax: relative error 1.3e-8. */
static inline vfloat reduced_exp(vfloat x, vfloat *n) {
    *n = v_round(x * v_set(1.44269502f));
    vfloat r = v_fma(*n, v_set(-0.693145752f), x);
    r = v_fma(*n, v_set(-1.42860677e-06f), r);
    vfloat q = v_set(0.00138825236f);
    q = v_fma(q, r, v_set(0.008366514f));
    q = v_fma(q, r, v_set(0.0416672006f));
    q = v_fma(q, r, v_set(0.166665435f));
    q = v_fma(q, r, v_set(0.49999997f));
    return v_fma(r * r, q, r);
}

/* Within 1 ulp; infinity from 88.73 on; 0 below -86, where n would no longer fit v_scale() and
 * where the first subnormals are near: on x86 each of those costs as much as a hundred other
 * results. */
static inline vfloat v_exp(vfloat x) {
    const vfloat low = v_set(-86), high = v_set(89);
    vfloat n;
    vfloat p = reduced_exp(v_max(low, v_min(high, x)), &n);
    return v_zero_below(v_scale(v_set(1) + p, n), x, low);
}

/* tanh |x| = -e / (2 + e), e = e^(-2 |x|) - 1: no cancellation anywhere, and no branch. Within 2.5
 * ulp. At |x| = 10 it has long become 1. */
static inline vfloat v_tanh(vfloat x) {
    vfloat n;
    vfloat p = reduced_exp(v_max(v_set(-20), v_abs(x) * v_set(-2)), &n);
    vfloat power = v_scale(v_set(1), n);
    vfloat e = v_fma(power, p, power - v_set(1));
    return v_copy_sign((v_set(0) - e) / (v_set(2) + e), x);
}

/* gelu(x) = x Phi(x) = max(x, 0) - t Phi(-t), t = |x|, with Phi(-t) = e^(-t^2 / 2) N(t) / D(t).
 * Unlike 1 + erf this keeps small results of negative x; N and D have positive coefficients only,
 * so nothing cancels. Error of the fit 5.3e-9; where gelu is off by more than 1e-7, that is within
 * 0.51 ulp. At t = 15 the tail is 0: so +inf stays, and -inf gives its limit, 0. */
static inline vfloat v_gelu(vfloat x) {
    vfloat t = v_min(v_set(15), v_abs(x));
    vfloat numerator = v_set(0.0111473752f);
    numerator = v_fma(numerator, t, v_set(0.0926228613f));
    numerator = v_fma(numerator, t, v_set(0.311073869f));
    numerator = v_fma(numerator, t, v_set(0.5f));
    vfloat denominator = v_set(0.0279929433f);
    denominator = v_fma(denominator, t, v_set(0.23110427f));
    denominator = v_fma(denominator, t, v_set(0.818271458f));
    denominator = v_fma(denominator, t, v_set(1.42003202f));
    denominator = v_fma(denominator, t, v_set(1));
    vfloat tail = v_exp(t * t * v_set(-0.5f)) * (numerator / denominator);
    return v_fma(v_set(0) - t, tail, v_max(v_set(0), x));
}

/* Within 2.1 ulp. */
static inline vfloat v_silu(vfloat x) {
    return x / (v_set(1) + v_exp(v_set(0) - x));
}

/* asinh(x) = log(1 + u), u = t + t^2 / (1 + sqrt(1 + t^2)), t = |x|. Half of 1 + u, which no t
 * takes beyond the floats, is a power of two times a mantissa 1 + f from sqrt(1/2) to sqrt(2). What
 * rounding 1 + u has lost is added to f: so small u keep all their digits. With s = f / (2 + f),
 * log(1 + f) = f - s (f - s^2 g(s^2)), g fitted minimax: relative error 8e-10. Within 1.6 ulp. */
static inline vfloat v_asinh(vfloat x) {
    vfloat one = v_set(1), half = v_set(0.5f), any = v_abs(x);
    vfloat t = v_min(v_set(FLT_MAX), any), small = v_min(v_set(1e18f), t);
    vfloat quotient = small / (one + v_sqrt(v_fma(small, small, one))),
           u = half * t; /* half of it */
    u = v_fma(u, quotient, u);
    vfloat sum = half + u, lost = u - (sum - half);
    vint power = i_sub(i_of_bits(sum), i_of_bits(v_set(0.707106781f))) & i_set(-(1 << 23));
    vfloat mantissa = v_of_bits(i_sub(i_of_bits(sum), power));
    vfloat f = v_fma(lost, mantissa / sum, mantissa - one), s = f / (v_set(2) + f), z = s * s;
    vfloat g = v_fma(v_fma(v_set(0.298709482f), z, v_set(0.399775743f)), z, v_set(0.666667759f));
    vfloat log = v_fma(v_set(0) - s, v_fma(v_set(0) - z, g, f), f);
    vfloat n = v_fma(v_of_int(power), v_set(0x1p-23f), one);
    log = v_fma(n, v_set(0.693145752f), v_fma(n, v_set(1.42860677e-06f), log));
    return v_copy_sign(log + (any - t), x); /* any - t: infinity stays */
}

static void asinh_in_place(float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_asinh(v_load(x + i)));
    if (i < n) v_store_some(x + i, v_asinh(v_load_some(x + i, n - i, v_set(0))), n - i);
}

static void tanh_in_place(float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_tanh(v_load(x + i)));
    if (i < n) v_store_some(x + i, v_tanh(v_load_some(x + i, n - i, v_set(0))), n - i);
}

static void gelu(float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_gelu(v_load(x + i)));
    if (i < n) v_store_some(x + i, v_gelu(v_load_some(x + i, n - i, v_set(0))), n - i);
}

static void silu(float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(x + i, v_silu(v_load(x + i)));
    if (i < n) v_store_some(x + i, v_silu(v_load_some(x + i, n - i, v_set(0))), n - i);
}

static void silu_gate(float *y, const float *value, const float *gate, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, v_silu(v_load(gate + i)) * v_load(value + i));
    if (i < n) {
        vfloat zero = v_set(0);
        vfloat z = v_load_some(gate + i, n - i, zero);
        v_store_some(y + i, v_silu(z) * v_load_some(value + i, n - i, zero), n - i);
    }
}

#endif
