/* linear.h - linear maps with their adapters, spread over the threads.
 *
 * Everything heavy in the network is y = x wT + b over rows: projections, feed-forward layers,
 * convolutions (rows that overlap) and the output matrix. */
#ifndef PST_NETWORK_LINEAR_H
#define PST_NETWORK_LINEAR_H

#include "network/adapted.h"
#include "network/workspace.h"

/* One map of a job. */
struct linear_job {
    float *y;       /* [rows, out], rows y_stride apart */
    const float *x; /* [rows, in], rows x_stride apart */
    size_t y_stride, x_stride, rows;
    const float *weight; /* [out, in] */
    const float *bias;   /* [out] or NULL */
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

/* Runs up to LINEAR_JOBS_MAX maps, with what the adapters in use do to them. */
void linear_run(struct workspace *ws, struct linear_job *jobs, size_t count);

/* run(context, first, last, scratch) over [0, rows) in blocks that do not depend on the threads. */
void rows_run(struct workspace *ws, size_t rows, size_t block,
              void (*run)(void *context, size_t first, size_t last, float *scratch), void *context);

#endif
