/* symmetric_eigen.h - eigenvectors of a symmetric matrix, those of the largest eigenvalues. */
#ifndef PST_ADAPTER_METHODS_SYMMETRIC_EIGEN_H
#define PST_ADAPTER_METHODS_SYMMETRIC_EIGEN_H

#include <stddef.h>

#include "potstill.h"

/* matrix [n, n], symmetric and finite, is used up. vectors [count, n], count <= n: a row
 * each, of length 1, by falling eigenvalue; values [count]. In double, to about n
 * roundings of the largest. */
pst_status symmetric_eigen(double *matrix, size_t n, size_t count, double *vectors, double *values,
                           pst_error *err);

#endif
