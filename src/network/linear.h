/* linear.h - linear maps with their adapters.
 *
 * Everything heavy in the network is y = x wT + b over rows: projections, feed-forward layers,
 * convolutions (rows that overlap) and the output matrix. The many rows of a clip are multiplied in blocks,
 * each on one thread (linear_block.c); the few of a step by all threads, each a part of the outputs (step.h). */
#ifndef PST_NETWORK_LINEAR_H
#define PST_NETWORK_LINEAR_H

#include "network/adapted.h"
#include "network/workspace.h"

/* One map of a job. */
struct linear_job {
    float *y;       /* [rows, out], rows y_stride apart */
    const float *x; /* [rows, in], rows x_stride apart */
    size_t y_stride, x_stride, rows;
    const float *weight;         /* [out, in] */
    const float *bias;           /* [out] or NULL */
    const struct packed *packed; /* the weight packed; NULL: `weight` is multiplied as it lies */
    size_t out, in;
    size_t channels; /* of a row of x: `in`, or that of one frame of a convolution's window */
    uint32_t slot;
    enum adapted adapted;
    int accumulate;                         /* add to y: a residual connection */
    void (*activation)(float *y, size_t n); /* applied to the finished values; NULL: none */
};

/* Maps that share an input run as one job: q, k and v. */
enum { LINEAR_JOBS_MAX = 3 };

/* A job of `linear` with the adapters active in the workspace; strides are the row lengths. */
struct linear_job linear_job_of(const struct workspace *ws, const struct linear *linear, float *y,
                                const float *x, size_t rows);
struct linear_job linear_job_of_conv(const struct workspace *ws, const struct conv *conv, float *y,
                                     const float *x, size_t rows);

/* Rows in the precision of a packed weight. */
struct prepared {
    const void *rows;
    size_t stride;      /* bytes */
    const float *scale; /* int8: [rows], or one for all when scale_step is 0 */
    size_t scale_step;
};

/* Room for `rows` prepared rows of k values at the model's precision. */
size_t linear_prepared_bytes(const struct workspace *ws, size_t rows, size_t k);

/* x [rows, k] at `precision`: in room [linear_prepared_bytes()] and scale [rows], or where it lies. */
struct prepared linear_prepare(const struct workspace *ws, enum precision precision, const float *x,
                               size_t x_stride, size_t rows, size_t k, void *room, float *scale);

/* The product that `base` describes, with outputs `first` and on of `packed` unless that is NULL. */
void linear_product(const struct workspace *ws, const struct packed *packed, size_t first,
                    const struct matmul *base, const struct prepared *x, float *scratch);

/* Jobs on the calling thread, for a block of rows, with what the adapters in use do to them: those that
 * share an input one after another. */
void linear_block(const struct workspace *ws, const struct linear_job *jobs, size_t count,
                  struct block_room *room);

/* run(context, first, last, scratch) over [0, rows) in blocks that do not depend on the threads. */
void rows_run(struct workspace *ws, size_t rows, size_t block,
              void (*run)(void *context, size_t first, size_t last, float *scratch), void *context);

#endif
