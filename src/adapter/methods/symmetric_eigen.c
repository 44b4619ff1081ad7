/* symmetric_eigen.c - see symmetric_eigen.h.
 *
 * Two classical steps. Reflections (Householder) bring the matrix to three diagonals; rotations
 * (QL with implicit shifts) bring those to one. Jacobi's method would be shorter and ten times
 * slower, and an adapter on every layer has a hundred matrices. Vectors are rows throughout, so
 * that a rotation runs over two rows in a line, and only those asked for are carried back
 * through the reflections. */
#include "adapter/methods/symmetric_eigen.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

/* An eigenvalue takes two or three shifts; one that takes thirty is a fault, not a matrix. */
enum { SHIFTS_MAX = 60 };

struct reduction {
    double *matrix; /* [n, n]; row k holds the reflection of step k from column k + 1 on */
    double *diagonal, *beside; /* [n]; beside[i] is between i and i + 1 */
    double *factor;            /* [n]: I - factor v vT */
    double *product;           /* [n] */
    double *rows;              /* [n, n]: eigenvectors of the three diagonals */
    size_t n;
};

static double dot(const double *x, const double *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* Clears row and column k beyond the three diagonals: A becomes H A H, H = I - factor v vT. */
static void reflect(struct reduction *r, size_t k) {
    size_t n = r->n;
    double *v = r->matrix + k * n; /* from k + 1 on */
    double norm = sqrt(dot(v + k + 1, v + k + 1, n - k - 1));
    r->beside[k] = v[k + 1] > 0 ? -norm : norm;
    r->factor[k] = 0;
    if (norm == 0) return;
    v[k + 1] -= r->beside[k];
    r->factor[k] = 2 / dot(v + k + 1, v + k + 1, n - k - 1);
    for (size_t i = k + 1; i < n; i++)
        r->product[i] = r->factor[k] * dot(r->matrix + i * n + k + 1, v + k + 1, n - k - 1);
    double half = r->factor[k] / 2 * dot(r->product + k + 1, v + k + 1, n - k - 1);
    for (size_t i = k + 1; i < n; i++) r->product[i] -= half * v[i];
    for (size_t i = k + 1; i < n; i++)
        for (size_t j = k + 1; j < n; j++)
            r->matrix[i * n + j] -= v[i] * r->product[j] + r->product[i] * v[j];
}

static void reduce(struct reduction *r) {
    size_t n = r->n;
    for (size_t k = 0; k < n; k++) {
        r->diagonal[k] = r->matrix[k * n + k];
        r->factor[k] = r->beside[k] = 0;
        if (k + 2 < n) reflect(r, k);
        if (k + 2 == n) r->beside[k] = r->matrix[k * n + k + 1];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) r->rows[i * n + j] = i == j;
}

static void rotate(double *upper, double *lower, double cosine, double sine, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double keep = lower[i];
        lower[i] = sine * upper[i] + cosine * keep;
        upper[i] = cosine * upper[i] - sine * keep;
    }
}

/* One implicit shift of the block [first, last], from its end up. */
static void shift(struct reduction *r, size_t first, size_t last) {
    double *d = r->diagonal, *e = r->beside;
    double g = (d[first + 1] - d[first]) / (2 * e[first]);
    double sine = 1, cosine = 1, moved = 0;
    g = d[last] - d[first] + e[first] / (g + copysign(hypot(g, 1), g));
    for (size_t i = last; i-- > first;) {
        double f = sine * e[i], b = cosine * e[i], length = hypot(f, g);
        e[i + 1] = length;
        if (length == 0) { /* the block splits here */
            d[i + 1] -= moved;
            e[last] = 0;
            return;
        }
        sine = f / length;
        cosine = g / length;
        g = d[i + 1] - moved;
        double rotated = (d[i] - g) * sine + 2 * cosine * b;
        moved = sine * rotated;
        d[i + 1] = g + moved;
        g = cosine * rotated - b;
        rotate(r->rows + i * r->n, r->rows + (i + 1) * r->n, cosine, sine, r->n);
    }
    d[first] -= moved;
    e[first] = g;
    e[last] = 0;
}

/* Shifts until all is zero beside the diagonal; 0 when that does not end. */
static int diagonalise(struct reduction *r) {
    for (size_t first = 0; first < r->n; first++) {
        for (int shifts = 0;; shifts++) {
            size_t last = first;
            for (; last + 1 < r->n; last++) {
                double sum = fabs(r->diagonal[last]) + fabs(r->diagonal[last + 1]);
                if (fabs(r->beside[last]) <= DBL_EPSILON * sum) break;
            }
            if (last == first) break;
            if (shifts == SHIFTS_MAX) return 0;
            shift(r, first, last);
        }
    }
    return 1;
}

static size_t largest(const struct reduction *r) {
    size_t best = 0;
    for (size_t i = 1; i < r->n; i++)
        if (r->diagonal[i] > r->diagonal[best]) best = i;
    return best;
}

/* Copies the vectors of the largest eigenvalues, and takes them back through the reflections. */
static void pick(struct reduction *r, size_t count, double *vectors, double *values) {
    size_t n = r->n;
    for (size_t c = 0; c < count; c++) {
        size_t best = largest(r);
        double *x = vectors + c * n;
        for (size_t i = 0; i < n; i++) x[i] = r->rows[best * n + i];
        values[c] = r->diagonal[best];
        r->diagonal[best] = -INFINITY; /* taken */
        for (size_t k = n; k-- > 0;) {
            if (r->factor[k] == 0) continue;
            const double *v = r->matrix + k * n;
            double along = r->factor[k] * dot(v + k + 1, x + k + 1, n - k - 1);
            for (size_t i = k + 1; i < n; i++) x[i] -= along * v[i];
        }
    }
}

pst_status symmetric_eigen(double *matrix, size_t n, size_t count, double *vectors, double *values,
                           pst_error *err) {
    double *memory = calloc(n * n + 4 * n + 1, sizeof *memory);
    if (!memory) return error_memory(err, (n * n + 4 * n + 1) * sizeof *memory);
    struct reduction r = {.matrix = matrix,
                          .diagonal = memory,
                          .beside = memory + n,
                          .factor = memory + 2 * n,
                          .product = memory + 3 * n,
                          .rows = memory + 4 * n,
                          .n = n};
    reduce(&r);
    int done = diagonalise(&r);
    if (done) pick(&r, count, vectors, values);
    free(memory);
    return done ? PST_OK : error_set(err, PST_ERR_MODEL, "an eigenvalue cannot be found");
}
