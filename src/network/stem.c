/* stem.c - conv1 (127 wide, stride 64), tanh, group norm over the whole clip, conv2 (7, stride 3), GELU,
 * conv3 (3, stride 2), GELU: 384 samples, 24 ms, become a frame.
 *
 * Rows are frames, so each convolution is a matmul over overlapping rows of its input and nothing is
 * unfolded. The group norm takes its mean and variance over all frames and channels of the clip:
 * padding or cutting a clip changes every value, which is why clips are never batched. */
#include "network/stem.h"

#include <math.h>

#include "network/linear.h"

/* torch's default for GroupNorm. */
static const double GROUP_NORM_EPSILON = 1e-5;

/* Rows a task sums or scales: 64 rows of 288 floats are 72 KB. */
enum { NORM_ROWS = 64 };

struct moments {
    struct workspace *ws;
    double mean;
};

static void sum_rows(void *context, size_t first, size_t last, float *scratch) {
    (void)scratch;
    struct workspace *ws = ((struct moments *)context)->ws;
    size_t dim = ws->model->config.dim;
    for (size_t i = first; i < last; i++)
        ws->row_sums[i] = ws->kernels->sum(ws->conv1 + i * dim, dim);
}

static void square_rows(void *context, size_t first, size_t last, float *scratch) {
    (void)scratch;
    const struct moments *moments = context;
    struct workspace *ws = moments->ws;
    size_t dim = ws->model->config.dim;
    for (size_t i = first; i < last; i++)
        ws->row_sums[i] = ws->kernels->sum_squares(ws->conv1 + i * dim, dim, moments->mean);
}

static void scale_rows(void *context, size_t first, size_t last, float *scratch) {
    (void)scratch;
    struct workspace *ws = ((struct moments *)context)->ws;
    size_t dim = ws->model->config.dim;
    for (size_t i = first; i < last; i++)
        ws->kernels->affine(ws->conv1 + i * dim, ws->channel_scale, ws->channel_shift, dim);
}

/* The mean of ws->row_sums' owner over all values: rows are added in order, whoever summed them. */
static double average_rows(const struct workspace *ws) {
    double sum = 0;
    for (size_t i = 0; i < ws->extent.frames1; i++) sum += ws->row_sums[i];
    return sum / ((double)ws->extent.frames1 * ws->model->config.dim);
}

static void group_norm(struct workspace *ws) {
    const struct norm *norm = &ws->model->weights.groupnorm;
    const float *weight = adapted_weight(ws, norm->slot, norm->weight);
    const float *bias = adapted_bias(ws, norm->slot, norm->bias);
    struct moments moments = {.ws = ws};
    rows_run(ws, ws->extent.frames1, NORM_ROWS, sum_rows, &moments);
    moments.mean = average_rows(ws);
    rows_run(ws, ws->extent.frames1, NORM_ROWS, square_rows, &moments);
    double scale = 1.0 / sqrt(average_rows(ws) + GROUP_NORM_EPSILON);
    for (uint32_t c = 0; c < ws->model->config.dim; c++) {
        ws->channel_scale[c] = (float)(scale * weight[c]);
        ws->channel_shift[c] = (float)(bias[c] - moments.mean * scale * weight[c]);
    }
    rows_run(ws, ws->extent.frames1, NORM_ROWS, scale_rows, &moments);
}

static void convolve(struct workspace *ws, const struct conv *conv, float *y, const float *x,
                     size_t rows, void (*activation)(float *, size_t)) {
    struct linear_job job = linear_job_of_conv(ws, conv, y, x, rows);
    job.activation = activation;
    linear_run(ws, &job, 1);
}

void stem_forward(struct workspace *ws, const float *samples) {
    const struct weights *weights = &ws->model->weights;
    const struct extent *extent = &ws->extent;
    size_t dim = ws->model->config.dim;
    convolve(ws, &weights->conv1, ws->conv1, samples, extent->frames1, ws->kernels->tanh);
    workspace_trace(ws, "conv1", ws->conv1, extent->frames1, dim);
    group_norm(ws);
    workspace_trace(ws, "groupnorm", ws->conv1, extent->frames1, dim);
    convolve(ws, &weights->conv2, ws->conv2, ws->conv1, extent->frames2, ws->kernels->gelu);
    workspace_trace(ws, "conv2", ws->conv2, extent->frames2, 2 * dim);
    convolve(ws, &weights->conv3, ws->hidden, ws->conv2, extent->frames, ws->kernels->gelu);
    workspace_trace(ws, "conv3", ws->hidden, extent->frames, dim);
}
