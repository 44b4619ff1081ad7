/* test_kernels.c - every kernel but the product (test_matmul.c), of every set, against a
 * computation in double: right to a bound that follows from the operands, in bounds of its
 * buffers, sane at the edges. */
#include "unit/kernels/kernel_check.h"

#include "base/cpu.h"

#define KERNELS(state) ((const struct kernels *)*(state))

/* The sizes each kernel is tried at: all up to 70, then random, then those of the model. */
static const size_t MODEL_SIZES[] = {288, 416, 576, 1152, 1664, 2304, 415, 1300, 4097};
enum {
    SMALL_SIZES = 71,
    RANDOM_SIZES = 20,
    MODEL_SIZES_COUNT = 9,
    SIZES = SMALL_SIZES + RANDOM_SIZES + MODEL_SIZES_COUNT
};

static size_t size_at(size_t i) {
    if (i < SMALL_SIZES) return i;
    i -= SMALL_SIZES;
    return i < RANDOM_SIZES ? check_below(3000) : MODEL_SIZES[i - RANDOM_SIZES];
}

/* Values of every magnitude between `low` and `high`, either sign. */
static float any_magnitude(double low, double high) {
    double x = low * pow(high / low, 0.5 + 0.5 * check_float());
    return (float)(check_below(2) ? x : -x);
}

/* ---------------------------------------------------------------------------------- pointwise */

static double exact_tanh(double x) {
    return tanh(x);
}

static double exact_asinh(double x) {
    return asinh(x);
}

static double exact_gelu(double x) {
    return x < -1e3 ? 0 : 0.5 * x * erfc(-x * sqrt(0.5));
}

static double exact_silu(double x) {
    return x < -1e3 ? 0 : x / (1 + exp(-x));
}

/* 4 units in the last place of the true value, or the absolute bound. */
static double ulps_or(double want, double ulps, double absolute) {
    return fmax(ulps * 2 * ROUNDING * fabs(want), absolute);
}

static void check_in_place(void (*kernel)(float *, size_t), double (*exact)(double)) {
    for (size_t i = 0; i < SIZES; i++) {
        size_t n = size_at(i);
        struct check_buffer x = check_take(0, n);
        float *before = check_take(1, n).data;
        for (size_t j = 0; j < n; j++)
            before[j] = x.data[j] = check_below(2) ? any_magnitude(1e-7, 30) : 4 * check_float();
        kernel(x.data, n);
        check_surroundings(&x);
        for (size_t j = 0; j < n; j++) {
            double want = exact(before[j]);
            check_near(x.data[j], want, ulps_or(want, 4, 1e-7), "%zu of %zu, of %.9g", j, n,
                       before[j]);
        }
    }
}

/* Relative accuracy near 0 (where 1e-7 would forgive anything), saturation, and NaN. */
static void check_edges(void (*kernel)(float *, size_t), double (*exact)(double), double absolute) {
    static const float EDGES[] = {0.0f,   -0.0f,   1e-45f,   -1e-45f,   1e-38f, -1e-38f,
                                  1e-20f, -1e-20f, 9.0f,     -9.0f,     20.0f,  -20.0f,
                                  88.0f,  -88.0f,  104.0f,   -104.0f,   1e10f,  -1e10f,
                                  3e38f,  -3e38f,  INFINITY, -INFINITY, NAN};
    enum { COUNT = sizeof EDGES / sizeof *EDGES, SHIFTS = 20 };
    for (size_t shift = 0; shift < SHIFTS;
         shift++) { /* every edge in every lane, and in the tail */
        float x[SHIFTS + COUNT];
        for (size_t i = 0; i < shift; i++) x[i] = 1;
        memcpy(x + shift, EDGES, sizeof EDGES);
        kernel(x, shift + COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            double want = exact(EDGES[i]), bound = ulps_or(want, 4, absolute);
            if (fabsf(EDGES[i]) < 1e-37f) bound = 1.5e-45; /* one subnormal step */
            check_near(x[shift + i], want, bound, "of %.9g", EDGES[i]);
        }
    }
    for (int i = 0; i < 2000; i++) {
        float x = any_magnitude(1e-30, 0.05), y = x;
        kernel(&y, 1);
        check_near(y, exact(x), ulps_or(exact(x), 4, 0), "of %.9g", x);
    }
}

static void tanh_kernel(void **state) {
    check_in_place(KERNELS(state)->tanh, exact_tanh);
    check_edges(KERNELS(state)->tanh, exact_tanh, 0);
}

static void asinh_kernel(void **state) {
    check_in_place(KERNELS(state)->asinh, exact_asinh);
    check_edges(KERNELS(state)->asinh, exact_asinh, 0);
    for (int i = 0; i < 2000; i++) { /* tanh and gelu are constant there, this is not */
        float x = any_magnitude(0.05, 3e38), y = x;
        KERNELS(state)->asinh(&y, 1);
        check_near(y, asinh(x), ulps_or(asinh(x), 4, 0), "of %.9g", x);
    }
}

static void gelu_kernel(void **state) {
    check_in_place(KERNELS(state)->gelu, exact_gelu);
    check_edges(KERNELS(state)->gelu, exact_gelu, 1e-9); /* its left tail is not relative */
}

static void silu_kernel(void **state) {
    check_in_place(KERNELS(state)->silu, exact_silu);
}

/* The front end of a stream computes pieces of a clip, and must give the bits of the whole. */
static void places_do_not_matter(void **state) {
    const struct kernels *k = KERNELS(state);
    void (*const IN_PLACE[])(float *, size_t) = {k->tanh, k->asinh, k->gelu, k->silu};
    for (size_t kernel = 0; kernel < sizeof IN_PLACE / sizeof *IN_PLACE; kernel++) {
        float whole[150], one[150];
        for (size_t i = 0; i < 150; i++) one[i] = whole[i] = any_magnitude(1e-20, 100);
        IN_PLACE[kernel](whole, 150);
        for (size_t i = 0, count; i < 150; i += count) {
            count = 1 + check_below(20 < 150 - i ? 20 : 150 - i);
            IN_PLACE[kernel](one + i, count);
        }
        assert_memory_equal(one, whole, sizeof whole);
    }
}

static void silu_gate_kernel(void **state) {
    for (size_t i = 0; i < SIZES; i++) {
        size_t n = size_at(i);
        struct check_buffer y = check_take(0, n);
        float *value = check_numbers(1, n, 10), *gate = check_take(2, n).data;
        for (size_t j = 0; j < n; j++) gate[j] = any_magnitude(1e-6, 120);
        KERNELS(state)->silu_gate(y.data, value, gate, n);
        check_surroundings(&y);
        for (size_t j = 0; j < n; j++) {
            double want = exact_silu(gate[j]) * value[j];
            check_near(y.data[j], want, ulps_or(want, 4, 3e-36), "%zu of %zu, gate %.9g", j, n,
                       gate[j]);
        }
        float *alias = check_below(2) ? value : gate; /* y may be either */
        KERNELS(state)->silu_gate(alias, value, gate, n);
        assert_memory_equal(alias, y.data, n * sizeof *alias);
    }
}

static void add_kernel(void **state) {
    for (size_t i = 0; i < SIZES; i++) {
        size_t n = size_at(i);
        struct check_buffer y = check_take(0, n);
        float *x = check_numbers(1, n, 3), *before = check_numbers(2, n, 3);
        memcpy(y.data, before, n * sizeof *before);
        KERNELS(state)->add(y.data, x, n);
        check_surroundings(&y);
        for (size_t j = 0; j < n; j++) assert_true(y.data[j] == before[j] + x[j]);
    }
}

static void affine_kernel(void **state) {
    for (size_t i = 0; i < SIZES; i++) {
        size_t n = size_at(i);
        struct check_buffer x = check_take(0, n);
        float *scale = check_numbers(1, n, 3), *shift = check_numbers(2, n, 3);
        float *before = check_numbers(3, n, 3);
        memcpy(x.data, before, n * sizeof *before);
        KERNELS(state)->affine(x.data, scale, shift, n);
        check_surroundings(&x);
        for (size_t j = 0; j < n; j++) {
            double product = (double)before[j] * scale[j];
            check_near(x.data[j], product + shift[j],
                       2 * ROUNDING * (fabs(product) + fabs(shift[j])), "%zu of %zu", j, n);
        }
    }
}

/* ------------------------------------------------------------------------------------ softmax */

/* The true softmax of x [n] at i: exp(x[i] - max) over the sum. */
static double exact_log_sum(const float *x, size_t n, double *max) {
    double sum = 0;
    *max = x[0];
    for (size_t i = 1; i < n; i++) *max = x[i] > *max ? x[i] : *max;
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - *max);
    return log(sum);
}

/* A difference d is rounded once, which moves exp(d) by d roundings; exp itself by 2 ulp, the sum
 * by n roundings at most, the quotient by 2 more. Sum and value both carry the first two. */
static double softmax_bound(double want, double d, size_t n) {
    return ROUNDING * (2 * fabs(d) + (double)n + 12) * want + 1e-37;
}

static void softmax_kernel(void **state) {
    for (size_t i = 1; i < SIZES; i++) {
        size_t n = size_at(i) + (i >= SMALL_SIZES);
        struct check_buffer x = check_take(0, n);
        float *before = check_numbers(1, n, check_below(2) ? 5.0f : 60.0f);
        for (size_t j = 0; j < n; j++)
            if (check_below(16) == 0 && j > 0) before[j] = -INFINITY;
        memcpy(x.data, before, n * sizeof *before);
        KERNELS(state)->softmax(x.data, n);
        check_surroundings(&x);
        double max, log_sum = exact_log_sum(before, n, &max), total = 0;
        for (size_t j = 0; j < n; j++) {
            double want = exp(before[j] - max - log_sum);
            double d = isinf(before[j]) ? 0 : before[j] - max;
            check_near(x.data[j], want, softmax_bound(want, d, n), "%zu of %zu", j, n);
            if (isinf(before[j])) assert_true(x.data[j] == 0);
            total += x.data[j];
        }
        check_near(total, 1, 2 * (double)(n + 4) * ROUNDING, "total of %zu", n);
    }
}

/* All -inf and any NaN give NaN everywhere; an entry far below the others gives 0, not a wrapped
 * exponent; a shift changes nothing. */
static void softmax_edges(void **state) {
    for (size_t n = 1; n < 40; n++) {
        float x[40];
        for (size_t i = 0; i < n; i++) x[i] = -INFINITY;
        KERNELS(state)->softmax(x, n);
        for (size_t i = 0; i < n; i++) assert_true(isnan(x[i]));

        for (size_t i = 0; i < n; i++) x[i] = check_float();
        x[check_below(n)] = NAN;
        KERNELS(state)->softmax(x, n);
        for (size_t i = 0; i < n; i++) assert_true(isnan(x[i]));

        for (size_t i = 0; i < n; i++) x[i] = -any_magnitude(200, 1e38) * (float)(i > 0);
        for (size_t i = 1; i < n; i++) x[i] = -fabsf(x[i]);
        KERNELS(state)->softmax(x, n);
        assert_true(x[0] == 1);
        for (size_t i = 1; i < n; i++) assert_true(x[i] == 0);

        for (size_t i = 0; i < n; i++) x[i] = 1e30f;
        KERNELS(state)->softmax(x, n);
        for (size_t i = 0; i < n; i++) check_near(x[i], 1.0 / (double)n, 1e-7, "shifted");
    }
}

static void log_softmax_kernel(void **state) {
    for (size_t i = 1; i <= SIZES; i++) {
        size_t n = i == SIZES ? 32768 : size_at(i) + (i >= SMALL_SIZES); /* the last: the logits */
        struct check_buffer y = check_take(0, n);
        float *x = check_numbers(1, n, check_below(2) ? 5.0f : 60.0f);
        if (n > 1 && check_below(4) == 0) x[check_below(n - 1) + 1] = -INFINITY;
        KERNELS(state)->log_softmax(y.data, x, n);
        check_surroundings(&y);
        double max, log_sum = exact_log_sum(x, n, &max);
        for (size_t j = 0; j < n; j++) {
            double want = x[j] - max - log_sum;
            /* Two roundings of the result's parts, and of the sum's logarithm, whose relative error
             * is that of one exponential: 2 ulp and d e^-d <= 0.37 roundings. */
            double bound = ROUNDING * (fabs(x[j] - max) + fabs(want) + fabs(log_sum) + 6);
            check_near(y.data[j], want, bound, "%zu of %zu", j, n);
        }
        KERNELS(state)->log_softmax(x, x, n); /* y may be x */
        assert_memory_equal(x, y.data, n * sizeof *x);
    }
}

/* ------------------------------------------------------------------------------- sums and norms */

static void sums(void **state) {
    for (size_t i = 0; i < SIZES; i++) {
        size_t n = size_at(i);
        float *x = check_numbers(0, n, 100);
        double mean = check_float(), sum = 0, magnitude = 0, squares = 0;
        for (size_t j = 0; j < n; j++) sum += x[j], magnitude += fabs(x[j]);
        for (size_t j = 0; j < n; j++) squares += (x[j] - mean) * (x[j] - mean);
        double rounding = 2 * (double)(n + 4) * 0x1p-53; /* either may be off */
        check_near(KERNELS(state)->sum(x, n), sum, rounding * magnitude, "sum of %zu", n);
        check_near(KERNELS(state)->sum_squares(x, n, mean), squares, rounding * squares,
                   "sum of squares of %zu", n);
    }
}

static void layer_norm_kernel(void **state) {
    for (size_t i = 1; i < SIZES; i++) {
        size_t n = size_at(i) + (i >= SMALL_SIZES);
        struct check_buffer y = check_take(0, n);
        float *x = check_numbers(1, n, 2), *weight = check_numbers(2, n, 2);
        float offset = check_below(2) ? 0 : 30 * check_float();
        if (check_below(8) == 0) memset(x, 0, n * sizeof *x); /* variance 0 */
        for (size_t j = 0; j < n; j++) x[j] += offset;
        KERNELS(state)->layer_norm(y.data, x, weight, n, 1e-5f);
        check_surroundings(&y);
        double mean = 0, variance = 0;
        for (size_t j = 0; j < n; j++) mean += x[j] / (double)n;
        for (size_t j = 0; j < n; j++) variance += (x[j] - mean) * (x[j] - mean) / (double)n;
        double scale = 1 / sqrt(variance + 1e-5f);
        for (size_t j = 0; j < n; j++) {
            double want = (x[j] - mean) * scale * weight[j];
            /* The mean is rounded to float, the difference too; then two factors and the scale. */
            double bound = ROUNDING * (1.1 * fabs(mean) * scale * fabs(weight[j]) + 5 * fabs(want));
            check_near(y.data[j], want, bound, "%zu of %zu", j, n);
        }
        KERNELS(state)->layer_norm(x, x, weight, n, 1e-5f); /* y may be x */
        assert_memory_equal(x, y.data, n * sizeof *x);
    }
}

/* -------------------------------------------------------------------------------------- argmax */

static size_t exact_argmax(const float *x, size_t n) {
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i]) && (best == n || x[i] > x[best])) best = i;
    return best == n ? 0 : best;
}

static void argmax_kernel(void **state) {
    for (size_t i = 1; i <= SIZES; i++) {
        size_t n = i == SIZES ? 32768 : size_at(i) + (i >= SMALL_SIZES);
        for (int kind = 0; kind < 6; kind++) {
            float *x = check_numbers(0, n, 1);
            for (size_t j = 0; j < n; j++) {
                if (kind == 1) x[j] = (float)check_below(3); /* many equal */
                if (kind == 2 && check_below(2)) x[j] = NAN;
                if (kind == 3) x[j] = check_below(2) ? NAN : -INFINITY;
                if (kind == 4) x[j] = NAN;
                if (kind == 5) x[j] = check_below(2) ? 0.0f : -0.0f; /* equal too */
            }
            assert_int_equal(KERNELS(state)->argmax(x, n), exact_argmax(x, n));
        }
    }
}

/* -------------------------------------------------------------------------------------- rotate */

static void rotate_kernel(void **state) {
    for (size_t pairs = 0; pairs < 40; pairs++) {
        for (size_t heads = 0; heads < 9; heads++) {
            size_t stride = 2 * pairs + check_below(20), n = heads ? heads * stride : 0;
            struct check_buffer x = check_take(0, n);
            float *before = check_numbers(1, n, 2);
            float *cosine = check_numbers(2, pairs, 1), *sine = check_numbers(3, pairs, 1);
            memcpy(x.data, before, n * sizeof *before);
            KERNELS(state)->rotate(x.data, heads, stride, cosine, sine, pairs);
            check_surroundings(&x);
            for (size_t j = 0; j < n; j++) {
                size_t in_head = j % stride, p = in_head / 2;
                if (p >= pairs) {
                    assert_true(x.data[j] == before[j]);
                    continue;
                }
                double same = (double)before[j] * cosine[p],
                       other = (double)before[j ^ 1] * sine[p];
                if (stride % 2 && (j / stride) % 2) /* the head starts at an odd index */
                    other = (double)before[in_head % 2 ? j - 1 : j + 1] * sine[p];
                double want = in_head % 2 ? same + other : same - other;
                check_near(x.data[j], want, 2 * ROUNDING * (fabs(same) + fabs(other)),
                           "%zu heads of %zu pairs: %zu", heads, pairs, j);
            }
        }
    }
}

/* -------------------------------------------------------------------------------------- attend */

/* Attention in double over the same operands. `score_error` bounds the error of any score. */
static void exact_attend(const struct attend *a, double *weights, double *out, double *magnitude,
                         double *score_error, double *span) {
    double max = -INFINITY, min = INFINITY, sum = 0;
    *score_error = 0;
    for (size_t t = 0; t < a->count; t++) {
        const float *k = a->k + (a->rows ? (size_t)a->rows[t] : t) * a->stride;
        double score = 0, absolute = 0;
        for (size_t d = 0; d < a->head_dim; d++) {
            score += (double)a->q[d] * k[d];
            absolute += fabs((double)a->q[d] * k[d]);
        }
        weights[t] = score * a->scale;
        *score_error =
            fmax(*score_error, (double)(a->head_dim + 2) * ROUNDING * absolute * fabs(a->scale));
        max = fmax(max, weights[t]);
        min = fmin(min, weights[t]);
    }
    *span = max - min;
    for (size_t t = 0; t < a->count; t++) sum += weights[t] = exp(weights[t] - max);
    for (size_t d = 0; d < a->head_dim; d++) out[d] = magnitude[d] = 0;
    for (size_t t = 0; t < a->count; t++) {
        const float *v = a->v + (a->rows ? (size_t)a->rows[t] : t) * a->stride;
        weights[t] /= sum;
        for (size_t d = 0; d < a->head_dim; d++) {
            out[d] += weights[t] * v[d];
            magnitude[d] += weights[t] * fabs(v[d]);
        }
    }
}

static void check_attend(const struct kernels *kernels, size_t count, size_t head_dim,
                         int by_rows) {
    static double weights[2000], want[200], magnitude[200];
    size_t stride = head_dim + check_below(40), cached = by_rows ? 2 * count : count;
    struct check_buffer out = check_take(0, head_dim), scores = check_take(1, count);
    int *rows = NULL;
    if (by_rows) {
        rows = (int *)(void *)check_take(2, count).data;
        for (size_t t = 0; t < count; t++) rows[t] = (int)check_below(cached);
    }
    size_t extent = (cached - 1) * stride + head_dim;
    struct attend a = {.out = out.data,
                       .q = check_numbers(3, head_dim, 3),
                       .k = check_numbers(4, extent, 3),
                       .v = check_numbers(5, extent, 3),
                       .rows = rows,
                       .scores = scores.data,
                       .count = count,
                       .stride = stride,
                       .head_dim = head_dim,
                       .scale = 1 / sqrtf((float)head_dim)};
    kernels->attend(&a);
    check_surroundings(&out);
    check_surroundings(&scores);
    double score_error, span;
    exact_attend(&a, weights, want, magnitude, &score_error, &span);
    /* A score's error moves its exponential by as much, relatively, and the sum's likewise. */
    double relative = 2 * score_error + ROUNDING * (2 * span + (double)count + 12);
    for (size_t t = 0; t < count; t++)
        check_near(a.scores[t], weights[t], relative * weights[t] + 1e-37, "weight %zu of %zu", t,
                   count);
    for (size_t d = 0; d < head_dim; d++)
        check_near(a.out[d], want[d], (relative + (double)(count + 2) * ROUNDING) * magnitude[d],
                   "%zu rows of %zu: %zu", count, head_dim, d);
}

static void attend_kernel(void **state) {
    for (size_t size = 1; size <= 70; size++) {
        for (int by_rows = 0; by_rows < 2; by_rows++) {
            check_attend(*state, size, 1 + check_below(70), by_rows);
            check_attend(*state, 1 + check_below(70), size, by_rows);
            check_attend(*state, size, 36, by_rows);
            check_attend(*state, size, 52, by_rows);
        }
    }
    static const size_t COUNTS[] = {194, 415, 1300};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        check_attend(*state, COUNTS[i], 36, 0);
        check_attend(*state, COUNTS[i], 52, 1);
    }
    check_attend(*state, 50, 128, 0); /* wider than any model of today */
    check_attend(*state, 50, 150, 1);
}

/* ---------------------------------------------------------------------------------- the table */

static void the_table_has_a_name(void **state) {
    const struct kernels *k = *state;
    assert_non_null(k->name);
    assert_true(k->panel > 0 && k->panel <= KERNELS_PANEL_MAX);
}

/* A set is given exactly when the CPU has it; what is not there is named, and
 * nothing is touched. */
static void sets_are_picked(void **state) {
    (void)state;
    /* The best last. `optional`: compilers that build the rest may lack its instructions. */
    static const struct {
        pst_cpu cpu;
        int optional;
        const char *name, *in_message;
    } SETS[] = {{PST_CPU_AVX2, 0, "avx2", "AVX2"},
                {PST_CPU_AVX_VNNI, 1, "avx_vnni", "AVX-VNNI"},
                {PST_CPU_AVX512, 0, "avx512", "AVX-512"},
                {PST_CPU_AVX512_VNNI, 1, "avx512_vnni", "AVX-512 VNNI"},
                {PST_CPU_AVX512_BF16, 1, "avx512_bf16", "AVX-512 BF16"},
                {PST_CPU_AMX, 1, "amx", "AMX"},
                {PST_CPU_NEON, 0, "neon", "NEON"},
                {PST_CPU_NEON_DOTPROD, 1, "neon_dotprod", "dot products"},
                {PST_CPU_NEON_I8MM, 1, "neon_i8mm", "matrix products"}};
    const char *best = "reference";
    pst_error err;
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        const struct kernels *table = NULL;
        pst_status status = kernels_get(&table, SETS[i].cpu, &err);
        if ((cpu_features() & cpu_bit(SETS[i].cpu)) && (status == PST_OK || !SETS[i].optional)) {
            assert_int_equal(status, PST_OK);
            assert_string_equal(table->name, SETS[i].name);
            if (!(cpu_slow_features() & cpu_bit(SETS[i].cpu))) best = SETS[i].name;
        } else {
            assert_int_equal(status, PST_ERR_DEVICE);
            assert_non_null(strstr(err.message, SETS[i].in_message));
            assert_null(table);
        }
    }
    const struct kernels *table = NULL;
    assert_int_equal(kernels_get(&table, PST_CPU_AUTO, &err), PST_OK);
    assert_string_equal(table->name, best);
    assert_int_equal(kernels_get(&table, PST_CPU_REFERENCE, &err), PST_OK);
    assert_ptr_equal(table, &kernels_reference);
    assert_int_equal(kernels_get(&table, (pst_cpu)99, &err), PST_ERR_ARGUMENT);
}

int main(void) {
    static const struct check CHECKS[] = {
        {"name and panel", the_table_has_a_name},
        {"choice of sets", sets_are_picked},
        {"tanh", tanh_kernel},
        {"gelu", gelu_kernel},
        {"asinh", asinh_kernel},
        {"silu", silu_kernel},
        {"places of values", places_do_not_matter},
        {"silu_gate", silu_gate_kernel},
        {"add", add_kernel},
        {"affine", affine_kernel},
        {"softmax", softmax_kernel},
        {"softmax, edges", softmax_edges},
        {"log_softmax", log_softmax_kernel},
        {"sum, sum_squares", sums},
        {"layer_norm", layer_norm_kernel},
        {"argmax", argmax_kernel},
        {"rotate", rotate_kernel},
        {"attend", attend_kernel},
    };
    return check_main("kernels", CHECKS, sizeof CHECKS / sizeof *CHECKS);
}
