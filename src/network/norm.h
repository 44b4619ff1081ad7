/* norm.h - layer norm: y = (x - mean) / sqrt(variance + epsilon) * weight, row by row. */
#ifndef PST_NETWORK_NORM_H
#define PST_NETWORK_NORM_H

#include "network/block.h"

/* Of the encoder's rows of a block; y may be x. */
void layer_norm_rows(const struct block *b, float *y, const struct norm *norm, const float *x);

/* Of x [rows, dim], by all threads; y may be x. */
void layer_norm(struct workspace *ws, float *y, const struct norm *norm, const float *x, size_t dim,
                size_t rows);

#endif
