/* linear.h - linear layers with their adapters.
 *
 * Everything heavy in the network is y = x wT + b over rows: projections, feed-forward layers,
 * convolutions (rows that overlap) and the output matrix. The many rows of a clip are multiplied in
 * blocks, each on one thread (block.h); the few of a step by all threads, each a part of the
 * outputs (step.h). Here is what both share. */
#ifndef PST_NETWORK_LINEAR_H
#define PST_NETWORK_LINEAR_H

#include "network/adapted.h"
#include "network/workspace.h"

/* A linear layer or a convolution, and the rows it is to multiply. */
struct linear_job {
    float *y;       /* [rows, out], rows y_stride apart */
    const float *x; /* [rows, in], rows x_stride apart */
    size_t y_stride, x_stride, rows;
    const float *weight;         /* [out, in] */
    const float *bias;           /* [out] or NULL */
    const struct packed *packed; /* the weight packed; NULL: `weight` is multiplied in place */
    size_t out, in;
    size_t channels; /* of a row of x: `in`, or that of one frame of a convolution's window */
    uint32_t slot;
    enum adapted adapted;
    int accumulate; /* add to y: a residual connection */
    int as_many;    /* a row has the same values however many there are (kernels.h) */
};

/* A job of `linear` with the adapters in use; strides are the lengths of the rows. */
struct linear_job linear_job_of(const struct workspace *ws, const struct linear *linear, float *y,
                                const float *x, size_t rows);
struct linear_job linear_job_of_conv(const struct workspace *ws, const struct conv *conv, float *y,
                                     const float *x, size_t rows);

/* The base's product of a job: over x, or where adapters scale inputs over x * in_scale, which is
 * put into `scaled`. */
struct matmul linear_matmul(const struct workspace *ws, const struct linear_job *job,
                            float *scaled);

/* Rows in the precision of a packed weight. */
struct prepared {
    const void *rows;
    size_t stride;      /* bytes */
    const float *scale; /* int8: [rows], or one for all when scale_step is 0 */
    size_t scale_step;
};

/* Memory for `rows` prepared rows of k values at the model's precision. */
size_t linear_prepared_bytes(const struct workspace *ws, size_t rows, size_t k);

/* The x of `base` at `precision`: in `memory` [linear_prepared_bytes()] with `scale` [rows], or
 * where it lies. */
struct prepared linear_prepare(const struct workspace *ws, pst_precision precision,
                               const struct matmul *base, void *memory, float *scale);

/* Computes `base`, with outputs `first` and on of `packed` unless that is NULL. */
void linear_product(const struct workspace *ws, const struct packed *packed, size_t first,
                    const struct matmul *base, const struct prepared *x, float *panel);

/* y [rows, rank]: columns [first, last) of A(x) of one adapter. */
void linear_lora_a(const struct workspace *ws, const struct linear_job *job,
                   const struct effect *effect, float *y, size_t first, size_t last, float *panel);

/* Applies the adapters to `base`, the computed outputs `first` and on of the job. */
void linear_adapt(const struct workspace *ws, const struct linear_job *job,
                  const struct matmul *base, size_t first, const float *lora_a,
                  struct scratch *scratch);

#endif
