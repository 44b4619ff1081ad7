/* matrix_rank.h - how many independent directions a matrix has. */
#ifndef PST_VERIFY_MATRIX_RANK_H
#define PST_VERIFY_MATRIX_RANK_H

#include <stddef.h>

#include "potstill.h"

/* The smaller side may have at most this many: the work grows with its cube (1,152: 4 s). */
enum { MATRIX_RANK_SIDE_MAX = 2048 };

/* Counts the singular values of matrix [rows, columns] above `threshold`, or above what double
 * precision itself leaves of a zero one: sqrt(side * 2^-52) of the matrix' norm. */
pst_status matrix_rank(const double *matrix, size_t rows, size_t columns, double threshold,
                       size_t *rank, pst_error *err);

#endif
