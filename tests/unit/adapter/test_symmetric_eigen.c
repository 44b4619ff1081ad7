/* test_symmetric_eigen.c - eigenvectors against what they must satisfy. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/methods/symmetric_eigen.h"

enum { N_MAX = 64 };

static double value(unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / (1 << 24) - 0.5;
}

/* A x = value x, |x| = 1, all at right angles, by falling value, and no larger one is left out: the
 * values of all vectors add up to the trace. */
static void check(const double *matrix, size_t n) {
    static double used[N_MAX * N_MAX], vectors[N_MAX * N_MAX], values[N_MAX];
    double largest = 0, trace = 0, sum = 0;
    memcpy(used, matrix, n * n * sizeof *used);
    assert_int_equal(symmetric_eigen(used, n, n, vectors, values, NULL), PST_OK);
    for (size_t i = 0; i < n * n; i++) largest = fmax(largest, fabs(matrix[i]));
    double bound = 1e-13 * (double)n * (largest + 1e-300);
    for (size_t c = 0; c < n; c++) {
        const double *x = vectors + c * n;
        for (size_t i = 0; i < n; i++) {
            double product = 0;
            for (size_t j = 0; j < n; j++) product += matrix[i * n + j] * x[j];
            assert_true(fabs(product - values[c] * x[i]) <= bound);
        }
        for (size_t other = 0; other <= c; other++) {
            double dot = 0;
            for (size_t i = 0; i < n; i++) dot += x[i] * vectors[other * n + i];
            assert_true(fabs(dot - (other == c)) < 1e-12);
        }
        assert_true(c == 0 || values[c] <= values[c - 1]);
        trace += matrix[c * n + c];
        sum += values[c];
    }
    assert_true(fabs(trace - sum) <= bound * (double)n);
}

static void random_matrices(void **state) {
    (void)state;
    static double matrix[N_MAX * N_MAX];
    unsigned seed = 1;
    for (size_t n = 1; n <= N_MAX; n += n < 8 ? 1 : 7) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                matrix[i * n + j] = matrix[j * n + i] = value(&seed) * (i == j ? 3 : 1);
        check(matrix, n);
    }
}

static void special_matrices(void **state) {
    (void)state;
    static double matrix[N_MAX * N_MAX];
    enum { N = 12 };
    memset(matrix, 0, sizeof matrix);
    check(matrix, N); /* nothing at all */
    for (size_t i = 0; i < N; i++) matrix[i * N + i] = 2;
    check(matrix, N); /* one value, N times */
    for (size_t i = 0; i < N * N; i++) matrix[i] = 1;
    check(matrix, N); /* rank 1 */
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) matrix[i * N + j] = pow(10, -(double)(i + j) / 2);
    check(matrix, N); /* twelve decades */
    memset(matrix, 0, sizeof matrix);
    for (size_t i = 0; i < N; i += 2) matrix[i * N + i + 1] = matrix[(i + 1) * N + i] = 1;
    check(matrix, N); /* blocks that never meet, values of both signs */
}

static void gives_the_largest_only(void **state) {
    (void)state;
    double matrix[9] = {1, 0, 0, 0, 5, 0, 0, 0, 3}, vectors[6], values[2];
    assert_int_equal(symmetric_eigen(matrix, 3, 2, vectors, values, NULL), PST_OK);
    assert_true(values[0] == 5 && values[1] == 3);
    assert_true(fabs(vectors[1]) == 1 && fabs(vectors[5]) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_matrices),
        cmocka_unit_test(special_matrices),
        cmocka_unit_test(gives_the_largest_only),
    };
    return cmocka_run_group_tests_name("symmetric_eigen", tests, NULL, NULL);
}
