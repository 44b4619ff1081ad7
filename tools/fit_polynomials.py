#!/usr/bin/env python3
"""Fits the constants of src/kernels/vector/vector_math.h and vector_power.h and measures the error they leave.

Two functions carry most of those of vector_math.h:

  e^r - 1 = r + r^2 * q(r)         for |r| <= ln(2) / 2; q a polynomial of degree 4
  Phi(-t) = e^(-t^2 / 2) * N(t) / D(t)   for t >= 0; N of degree 3, D of degree 4 (Phi: the normal
                                   distribution function, so gelu(x) = x * Phi(x))

a third the weights of attention: 2^r = 1 + r * p(r) for |r| <= 1/2; p of degree 5, or 2 where weights
are rounded to bfloat16 anyway; and a fourth asinh, which is a logarithm:

  log(1 + f) = f - s * (f - s^2 * g(s^2)), s = f / (2 + f), for 1 + f from sqrt(1/2) to sqrt(2); g of degree 2

All fits are minimax, found by Lawson's method: weighted least squares whose weights are multiplied by
the error they leave until the largest errors are equal. Targets are computed with mpmath. The kernels
are then replayed here in float32, with the same order of operations, and compared with mpmath.

    pip install numpy mpmath && tools/fit_polynomials.py
"""

import mpmath as mp
import numpy as np

mp.mp.dps = 40
F = np.float32


def chebyshev(low, high, count):
    """Points crowded at both ends, where a minimax error peaks."""
    return (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, count))


def lawson(columns, target, weight, rounds=200):
    """The combination of columns closest to target in the largest |error * weight|."""
    share = np.ones(len(target)) / len(target)
    best, best_error = None, np.inf
    for _ in range(rounds):
        scale = np.sqrt(share) * weight
        fit = np.linalg.lstsq(columns * scale[:, None], target * scale, rcond=None)[0]
        error = np.abs((columns @ fit - target) * weight)
        if error.max() < best_error:
            best, best_error = fit, error.max()
        share *= error
        share /= share.sum()
    return best, best_error


def fit_exp():
    """q, lowest power first; the weight makes the error relative to e^r - 1, so tanh may use it."""
    r = chebyshev(-float(mp.log(2)) / 2, float(mp.log(2)) / 2, 1000)
    r = r[np.abs(r) > 1e-3]
    target = np.array([float((mp.expm1(v) - v) / v**2) for v in map(mp.mpf, r)])
    return lawson(np.vander(r, 5, increasing=True), target, np.abs(r**2 / np.expm1(r)))


def fit_tail(degree_n=3, degree_d=4, end=8.0):
    """N and D, lowest power first, N[0] = 1/2 and D[0] = 1 (exact at t = 0). The error is relative,
    and forgiven as e^(-t^2 / 4) where the result itself vanishes. N/D is linear in its coefficients
    once the error is multiplied by D, so each round takes D of the round before into the weight."""
    t = chebyshev(0, end, 1000)[1:]
    target = np.array([float(mp.erfc(v / mp.sqrt(2)) * mp.exp(v * v / 2) / 2) for v in map(mp.mpf, t)])
    weight = np.exp(-t * t / 4) / target
    powers = np.vander(t, max(degree_n, degree_d) + 1, increasing=True)
    columns = np.hstack([powers[:, 1 : degree_n + 1], -target[:, None] * powers[:, 1 : degree_d + 1]])
    d = np.ones_like(t)
    for _ in range(40):
        fit, _ = lawson(columns, target - 0.5, weight / d, 60)
        d = 1 + powers[:, 1 : degree_d + 1] @ fit[degree_n:]
    n = 0.5 + powers[:, 1 : degree_n + 1] @ fit[:degree_n]
    return np.append(0.5, fit[:degree_n]), np.append(1, fit[degree_n:]), np.abs((n / d - target) * weight).max()


def fit_power(degree):
    """p, lowest power first; the error is relative to 2^r."""
    r = chebyshev(-0.5, 0.5, 2001)
    r = r[np.abs(r) > 1e-4]
    target = np.array([float((mp.power(2, v) - 1) / v) for v in map(mp.mpf, r)])
    return lawson(np.vander(r, degree + 1, increasing=True), target, np.abs(r) / np.exp2(r), 400)


def fit_log():
    """g, lowest power first; the error is relative to log(1 + f), whose first term is f."""
    s = chebyshev(0, float((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)), 1001)
    s = s[s > 1e-3]
    target = np.array([float((2 * mp.atanh(v) - 2 * v) / v**3) for v in map(mp.mpf, s)])
    return lawson(np.vander(s * s, 3, increasing=True), target, s**3 / (2 * np.arctanh(s)))


def split_log2():
    """ln 2 as a float with 9 trailing zero bits (n * high is exact for |n| < 512) and its rest."""
    high = F(float(mp.floor(mp.log(2) * 2**15) / 2**15))
    return high, F(float(mp.log(2) - mp.mpf(float(high))))


# --- the kernels again, in float32 -----------------------------------------------------------------


def fma(a, b, c):
    """One rounding, as the instruction: a float product is exact in double."""
    return F(np.float64(a) * np.float64(b) + np.float64(c))


def horner(x, coefficients):
    """Lowest power first."""
    sum_ = np.full_like(x, F(coefficients[-1]))
    for c in coefficients[-2::-1]:
        sum_ = fma(sum_, x, F(c))
    return sum_


def reduced(x, q):
    high, low = split_log2()
    n = np.rint(x * F(1 / mp.log(2)))
    r = fma(n, -low, fma(n, -high, x))
    return n, fma(r * r, horner(r, q), r)


def exp32(x, q):
    n, p = reduced(x, q)
    return np.ldexp(F(1) + p, n.astype(int))


def tanh32(x, q):
    n, p = reduced(np.maximum(F(-20), F(-2) * np.abs(x)), q)
    s = np.ldexp(F(1), n.astype(int))
    e = fma(s, p, s - F(1))
    return np.copysign(-e / (F(2) + e), x)


def gelu32(x, q, n, d):
    t = np.minimum(F(15), np.abs(x))
    tail = exp32(t * t * F(-0.5), q) * (horner(t, n) / horner(t, d))
    return fma(-t, tail, np.maximum(x, F(0)))


def silu32(x, q):
    return x / (F(1) + exp32(-x, q))


def asinh32(x, g):
    high, low = split_log2()
    t = np.minimum(np.finfo(F).max, np.abs(x))
    small = np.minimum(F(1e18), t)
    q = small / (F(1) + np.sqrt(fma(small, small, F(1))))
    h = F(0.5) * t
    h = fma(h, q, h)
    half = F(0.5) + h
    lost = h - (half - F(0.5))
    field = (half.view(np.int32) - F(np.sqrt(0.5)).view(np.int32)) & np.int32(-(1 << 23))
    m = (half.view(np.int32) - field).view(F)
    f = fma(lost, m / half, m - F(1))
    s = f / (F(2) + f)
    z = s * s
    r = fma(-s, fma(-z, horner(z, g), f), f)
    n = fma(F(field), F(2**-23), F(1))
    return np.copysign(fma(n, high, fma(n, low, r)), x)


def power32(x, p):
    n = np.rint(x)
    r = F(x - n)
    return np.ldexp(fma(horner(r, p), r, F(1)), n.astype(int))


def ulps(got, want):
    spacing = np.spacing(np.maximum(np.abs(F(want)), np.finfo(F).tiny)).astype(float)
    return np.abs(got.astype(float) - want) / spacing


def measure(name, kernel, exact, x):
    x = F(x)
    want = np.array([float(exact(mp.mpf(float(v)))) for v in x])
    got = kernel(x)
    error = ulps(got, want)
    worst = error.argmax()
    # What the contract in kernels.h allows: 4 ulp or 1e-7.
    beyond = np.maximum(0, error[np.abs(got - want) > 1e-7])
    print(f"  {name}: {error.max():.2f} ulp (at {x[worst]:.6g}), absolute {np.abs(got - want).max():.3g};"
          f" where above 1e-7: {beyond.max() if len(beyond) else 0:.2f} ulp")


def main():
    q, q_error = fit_exp()
    n, d, tail_error = fit_tail()
    high, low = split_log2()

    def show(name, values):
        print(f"{name}: " + ", ".join(f"{F(v):.9g}f" for v in values))

    print(f"fit of e^r - 1: relative error {q_error:.2g}; of the normal tail: {tail_error:.2g} (weighted)")
    show("1/ln2", [1 / mp.log(2)])
    show("ln2 high, low", [high, low])
    show("EXP_Q  (lowest power first)", q)
    show("TAIL_N (lowest power first)", n)
    show("TAIL_D (lowest power first)", d)

    powers = {degree: fit_power(degree) for degree in (5, 2)}
    for degree, (p, error) in powers.items():
        show(f"POWER of degree {degree} (lowest power first, error {error:.2g})", p)

    g, g_error = fit_log()
    show(f"LOG_G (lowest power first, error {g_error:.2g})", g)

    random = np.random.default_rng(1)
    magnitudes = np.exp(random.uniform(np.log(1e-6), np.log(20), 20000)) * random.choice([-1, 1], 20000)
    print("replayed in float32:")
    measure("exp ", lambda x: exp32(x, q), mp.exp, random.uniform(-86, 88.7, 40000))
    measure("tanh", lambda x: tanh32(x, q), mp.tanh, np.append(magnitudes, random.uniform(-10, 10, 20000)))
    measure("gelu", lambda x: gelu32(x, q, n, d), lambda v: v * mp.ncdf(v),
            np.append(magnitudes[np.abs(magnitudes) < 12], random.uniform(-6, 6, 20000)))
    for p, _ in powers.values():
        measure("2^x ", lambda x, p=p: power32(x, p), lambda v: mp.power(2, v), random.uniform(-125, 0, 40000))
    wide = np.exp(random.uniform(np.log(1e-30), np.log(3e38), 20000)) * random.choice([-1, 1], 20000)
    measure("asinh", lambda x: asinh32(x, g), mp.asinh, np.append(wide, random.uniform(-12, 12, 40000)))
    measure("silu", lambda x: silu32(x, q), lambda v: v / (1 + mp.exp(-v)), random.uniform(-30, 30, 40000))


if __name__ == "__main__":
    main()
