/* matrix_rank.c - see matrix_rank.h.
 *
 * The singular values are the roots of the eigenvalues of the Gram matrix over the smaller
 * side. They need not be known to be counted: reflections turn the Gram matrix G into a
 * tridiagonal one with the same eigenvalues, and in the elimination of T - x I as many pivots
 * are positive as there are eigenvalues above x (Sylvester's law of inertia; on a tridiagonal
 * matrix the count is stable). */
#include "verify/matrix_rank.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* gram [side, side], lower half: products of the rows, or of the columns if they are fewer. */
static void multiply(const double *matrix, size_t rows, size_t columns, double *gram) {
    if (rows <= columns) {
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j <= i; j++) {
                double sum = 0;
                for (size_t k = 0; k < columns; k++)
                    sum += matrix[i * columns + k] * matrix[j * columns + k];
                gram[i * rows + j] = sum;
            }
        return;
    }
    memset(gram, 0, columns * columns * sizeof *gram);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++) {
            double at = matrix[r * columns + i];
            for (size_t j = 0; j <= i && at != 0; j++)
                gram[i * columns + j] += at * matrix[r * columns + j];
        }
}

/* v [count] becomes the reflector that maps it to (alpha, 0, ..., 0); returns alpha, or 0 when
 * there is nothing to reflect (*beta 0). I - beta v v^T. */
static double reflect(double *v, size_t count, double *beta) {
    double square = 0, first = v[0];
    *beta = 0;
    for (size_t i = 1; i < count; i++) square += v[i] * v[i];
    if (square == 0) return first;
    double norm = sqrt(first * first + square), alpha = first > 0 ? -norm : norm;
    v[0] = first - alpha;
    *beta = 2 / (v[0] * v[0] + square);
    return alpha;
}

/* a [side, side] (lower half) -= v w^T + w v^T in its last `count` rows, where p = beta A v and
 * w = p - (beta/2)(p.v) v: what remains of H A H for the reflection H. `p` [count] is scratch. */
static void apply(double *a, size_t side, size_t count, const double *v, double beta, double *p) {
    size_t first = side - count;
    double dot = 0;
    for (size_t i = 0; i < count; i++) p[i] = 0;
    for (size_t i = 0; i < count; i++) {
        const double *row = a + (first + i) * side + first;
        for (size_t j = 0; j < i; j++) {
            p[i] += row[j] * v[j];
            p[j] += row[j] * v[i];
        }
        p[i] += row[i] * v[i];
    }
    for (size_t i = 0; i < count; i++) {
        p[i] *= beta;
        dot += p[i] * v[i];
    }
    for (size_t i = 0; i < count; i++) p[i] -= beta / 2 * dot * v[i];
    for (size_t i = 0; i < count; i++) {
        double *row = a + (first + i) * side + first;
        for (size_t j = 0; j <= i; j++) row[j] -= v[i] * p[j] + p[i] * v[j];
    }
}

/* Leaves the tridiagonal matrix in diagonal [side] and beside [side], whose last is 0.
 * `scratch` is [2 side]. */
static void tridiagonalise(double *a, size_t side, double *diagonal, double *beside,
                           double *scratch) {
    double *v = scratch, *p = scratch + side;
    for (size_t k = 0; k < side; k++) {
        size_t below = side - k - 1;
        double beta = 0;
        diagonal[k] = a[k * side + k];
        beside[k] = 0;
        if (below == 0) continue;
        for (size_t i = 0; i < below; i++) v[i] = a[(k + 1 + i) * side + k];
        beside[k] = reflect(v, below, &beta);
        if (beta != 0) apply(a, side, below, v, beta, p);
    }
}

/* Pivots of T - x I; one that vanishes is moved off zero by less than rounding would. */
static size_t count_above(const double *diagonal, const double *beside, size_t side, double x) {
    size_t above = 0;
    double pivot = 1;
    for (size_t i = 0; i < side; i++) {
        double square = i ? beside[i - 1] * beside[i - 1] : 0;
        pivot = diagonal[i] - x - square / pivot;
        if (fabs(pivot) < DBL_MIN) pivot = -DBL_MIN;
        above += pivot > 0;
    }
    return above;
}

pst_status matrix_rank(const double *matrix, size_t rows, size_t columns, double threshold,
                       size_t *rank, pst_error *err) {
    size_t side = rows < columns ? rows : columns;
    if (side > MATRIX_RANK_SIDE_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED, "a matrix of rank up to %zu, at most %d", side,
                         MATRIX_RANK_SIDE_MAX);
    double *gram = malloc((side * side + 4 * side + 1) * sizeof *gram);
    if (!gram) return error_memory(err, side * side * sizeof *gram);
    double *diagonal = gram + side * side, *beside = diagonal + side, *scratch = beside + side;
    double trace = 0;
    multiply(matrix, rows, columns, gram);
    for (size_t i = 0; i < side; i++) trace += gram[i * side + i];
    tridiagonalise(gram, side, diagonal, beside, scratch);
    double least = (double)side * DBL_EPSILON * trace, square = threshold * threshold;
    *rank = trace > 0 ? count_above(diagonal, beside, side, square > least ? square : least) : 0;
    free(gram);
    return PST_OK;
}
