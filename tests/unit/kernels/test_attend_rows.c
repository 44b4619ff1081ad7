/* test_attend_rows.c - attention of many queries against sums in double, on every kernel set. */
#include "kernel_check.h"

static double exact_score(const struct attend_rows *a, const float *q, size_t key) {
    double sum = 0;
    for (size_t d = 0; d < a->head_dim; d++) sum += (double)q[d] * a->k[key * a->stride + d];
    return sum * a->scale;
}

/* out [head_dim] of one query; returns the largest size of its score sums. */
static double exact_row(const struct attend_rows *a, const float *q, double *out, double *sizes) {
    double largest = -INFINITY, total = 0, size = 0;
    for (size_t t = 0; t < a->count; t++) largest = fmax(largest, exact_score(a, q, t));
    for (size_t d = 0; d < a->head_dim; d++) out[d] = sizes[d] = 0;
    for (size_t t = 0; t < a->count; t++) {
        double weight = exp(exact_score(a, q, t) - largest), products = 0;
        total += weight;
        for (size_t d = 0; d < a->head_dim; d++) {
            double value = a->v[t * a->stride + d];
            out[d] += weight * value;
            sizes[d] += weight * fabs(value);
            products += fabs((double)q[d] * a->k[t * a->stride + d]);
        }
        size = fmax(size, products * a->scale);
    }
    for (size_t d = 0; d < a->head_dim; d++) {
        out[d] /= total;
        sizes[d] /= total;
    }
    return size;
}

/* Weights are off by as much as their scores are: a rounding for each product, all of a size. Then
 * come the roundings of the sums over keys, taken in blocks. */
static void check_rows(const struct kernels *kernels, struct attend_rows *a, const float *q,
                       const float *got) {
    double want[128], sizes[128];
    for (size_t i = 0; i < a->m; i++) {
        double size = exact_row(a, q + i * a->stride, want, sizes);
        double keys = (double)(a->count < ATTEND_KEYS ? a->count : ATTEND_KEYS) +
                      2.0 * (double)(a->count / ATTEND_KEYS) + 12;
        double score = 2 * ROUNDING * (double)(a->head_dim + 4) * size, share = 2 * ROUNDING * keys;
        if (strcmp(kernels->name, "reference") == 0) share += 4 * ROUNDING * (double)a->count;
        if (a->approximate) { /* bfloat16 queries, keys, weights and values */
            score += 0x1p-8 * size;
            share += 2.1e-4 + 0x1p-7;
        }
        share += 2 * expm1(score);
        for (size_t d = 0; d < a->head_dim; d++)
            check_near(got[i * a->stride + d], want[d], share * sizes[d] + 1e-30,
                       "%zu queries, %zu keys of %zu, query %zu value %zu", a->m, a->count,
                       a->head_dim, i, d);
    }
}

static void check_shape(const struct kernels *kernels, size_t m, size_t count, size_t head_dim,
                        float range) {
    size_t stride = head_dim + check_below(3) * 7;
    size_t rows = (m - 1) * stride + head_dim, keys = (count - 1) * stride + head_dim;
    struct check_buffer out = check_take(0, rows), room = check_take(1, 0);
    float *scratch = aligned_alloc(64, attend_rows_scratch(head_dim) * sizeof *scratch);
    (void)room;
    struct attend_rows a = {.out = out.data,
                            .q = check_numbers(2, rows, range),
                            .k = check_numbers(3, keys, 1),
                            .v = check_numbers(4, keys, 2),
                            .stride = stride,
                            .m = m,
                            .count = count,
                            .head_dim = head_dim,
                            .scale = 1.0f / sqrtf((float)head_dim),
                            .approximate = (int)check_below(2)};
    assert_non_null(scratch);
    kernels->attend_rows(&a, scratch);
    check_rows(kernels, &a, a.q, out.data);
    check_surroundings(&out);
    for (size_t i = 0; i + 1 < m; i++)
        for (size_t d = head_dim; d < stride; d++)
            assert_true(check_is_canary(out.data[i * stride + d]));
    free(scratch);
}

static void shapes(void **state) {
    const struct kernels *kernels = *state;
    static const size_t counts[] = {1, 2, 5, 6, 11, 12, 13, 23, 95, 96, 97, 107, 192, 300};
    static const size_t dims[] = {1, 3, 8, 13, 36, 52, 64};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            check_shape(kernels, 1 + check_below(70), counts[c], dims[d], 1);
    for (size_t m = 1; m <= 66; m++) check_shape(kernels, m, 30 + check_below(80), 36, 2);
}

/* Scores of hundreds: maxima that rise from block to block, weights that vanish. */
static void steep(void **state) {
    const struct kernels *kernels = *state;
    for (int i = 0; i < 8; i++) check_shape(kernels, 5 + check_below(40), 400, 36, 300);
}

/* In place of the queries, and the same for each query whatever others are beside it. */
static void check_parts(const struct kernels *kernels, int approximate) {
    enum { M = 75, COUNT = 130, DIM = 36 };
    float *scratch = aligned_alloc(64, attend_rows_scratch(DIM) * sizeof *scratch);
    float *q = check_numbers(0, M * DIM, 3);
    struct check_buffer out = check_take(1, M * DIM);
    struct attend_rows a = {.out = out.data,
                            .q = q,
                            .k = check_numbers(2, COUNT * DIM, 1),
                            .v = check_numbers(3, COUNT * DIM, 1),
                            .stride = DIM,
                            .m = M,
                            .count = COUNT,
                            .head_dim = DIM,
                            .scale = 0.2f,
                            .approximate = approximate};
    assert_non_null(scratch);
    kernels->attend_rows(&a, scratch);
    for (size_t first = 0, m; first < M; first += m) {
        m = 1 + check_below(M - first);
        struct attend_rows part = a;
        part.out = q + first * DIM;
        part.q = q + first * DIM;
        part.m = m;
        kernels->attend_rows(&part, scratch);
    }
    assert_memory_equal(q, out.data, M * DIM * sizeof *q);
    free(scratch);
}

static void parts(void **state) {
    check_parts(*state, 0);
    check_parts(*state, 1);
}

/* A NaN stays with its query; one in a key reaches all. */
static void check_not_numbers(const struct kernels *kernels, int approximate) {
    enum { M = 20, COUNT = 100, DIM = 12 };
    float *scratch = aligned_alloc(64, attend_rows_scratch(DIM) * sizeof *scratch);
    float *q = check_numbers(0, M * DIM, 1), *k = check_numbers(2, COUNT * DIM, 1);
    struct check_buffer out = check_take(1, M * DIM);
    struct attend_rows a = {.out = out.data,
                            .q = q,
                            .k = k,
                            .v = check_numbers(3, COUNT * DIM, 1),
                            .stride = DIM,
                            .m = M,
                            .count = COUNT,
                            .head_dim = DIM,
                            .scale = 1,
                            .approximate = approximate};
    assert_non_null(scratch);
    q[7 * DIM + 3] = NAN;
    kernels->attend_rows(&a, scratch);
    for (size_t i = 0; i < M * DIM; i++) assert_int_equal(isnan(out.data[i]), i / DIM == 7);
    k[98 * DIM] = NAN;
    kernels->attend_rows(&a, scratch);
    for (size_t i = 0; i < M * DIM; i++) assert_true(isnan(out.data[i]));
    free(scratch);
}

static void not_numbers(void **state) {
    check_not_numbers(*state, 0);
    check_not_numbers(*state, 1);
}

int main(void) {
    static const struct check checks[] = {
        {"shapes", shapes}, {"steep", steep}, {"parts", parts}, {"not numbers", not_numbers}};
    return check_main("attend_rows", checks, sizeof checks / sizeof *checks);
}
