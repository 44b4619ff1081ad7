/* logits.c - see logits.h. The two stages:
 *
 *  1. A row x is split in two rows of int8, x = high + low + rest, whose products with the packed
 *     matrix add up to an approximate logit. It is off by at most |x| * error_j: pack.c has put
 *     into error_j what rounding w_j took, what `rest` can be, and the rounding of both
 *     computations. The threads share the blocks of tokens; of each block the highest approximate
 *     logit and the highest bound are kept. Rows of one text do so together.
 *  2. The best tokens of the two best blocks get their float32 logits. A token whose bound is below
 *     the lower of these two is neither the best nor the second. The others get their float32
 *     logits too, by the kernel and in the order of sums of the full product. */
#include "network/logits.h"

#include <math.h>
#include <string.h>

#include "network/adapted.h"
#include "network/step.h"

/* Tokens of a block: a multiple of every panel; its two rows of products stay in the first-level
 * cache. */
enum { BLOCK = LOGITS_BLOCK };

/* Beyond this many float32 logits, a hundredth of the vocabulary, the full product is as fast. */
enum { CANDIDATES_MAX = 256 };

/* What the blocks share. */
struct approx_run {
    struct workspace *ws;
    size_t rows;
    size_t parts; /* rows of int8 that a row is split in: 1, or 2 and with bounds */
};

static const struct packed_kernels *int8_kernels(const struct workspace *ws) {
    return ws->kernels->packed[PST_PRECISION_INT8];
}

static size_t blocks_of(const struct workspace *ws) {
    return (ws->model->config.vocab + BLOCK - 1) / BLOCK;
}

/* Does the packed matrix give approximate logits? Not when there is none, or adapters change the
 * layer. */
static int has_approx(const struct workspace *ws) {
    const struct linear *output = &ws->model->weights.proj_out;
    return ws->network->pack.output_error && !output->bias &&
           adapted_by(ws, output->slot) == ADAPTED_NOT;
}

/* -------------------------------------------------------------------------------- approximate */

/* A row of ws->step.normed as two rows of int8 in ws->logits.rows. The first is quantised in steps
 * of max |x| / 127; what that leaves is at most half a step, and is quantised 254 times finer. A
 * row without bounds is not looked at, and becomes zeros. */
static void split_row(struct workspace *ws, size_t row) {
    const struct packed_kernels *kernels = int8_kernels(ws);
    size_t dim = ws->model->config.dim;
    const float *x = ws->step.normed + row * dim;
    float *high = ws->logits.split, *low = high + dim, *scale = ws->logits.rows_scale + 2 * row;
    unsigned char *rows = ws->logits.rows + 2 * row * dim;
    float largest = 0;
    if (!(ws->logits.sizes[row] > 0)) {
        memset(rows, 0, 2 * dim);
        scale[0] = scale[1] = 0;
        return;
    }
    for (size_t i = 0; i < dim; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    float step = largest / 127, inverse = step > 0 ? 1 / step : 0;
    for (size_t i = 0; i < dim; i++) {
        high[i] = rintf(x[i] * inverse) * step;
        low[i] = x[i] - high[i];
    }
    scale[0] = step;
    kernels->prepare(rows, dim, NULL, &step, high, dim, 1, dim);
    kernels->prepare(rows + dim, dim, scale + 1, NULL, low, dim, 1, dim);
}

/* Products of a block. `split` [2 * rows, BLOCK] is for those of two parts. */
static void multiply_block(const struct approx_run *run, size_t first, size_t count, float *split) {
    struct workspace *ws = run->ws;
    size_t dim = ws->model->config.dim, vocab = ws->model->config.vocab;
    int8_kernels(ws)->matmul(&(struct packed_matmul){
        .y = run->parts == 1 ? ws->logits.all + first : split,
        .x = ws->logits.rows,
        .x_scale = ws->logits.rows_scale,
        .x_scale_step = 1,
        .w = &ws->network->pack.packed[ws->model->weights.proj_out.slot],
        .y_stride = run->parts == 1 ? vocab : BLOCK,
        .x_stride = dim,
        .first = first,
        .m = run->parts * run->rows,
        .n = count,
    });
    for (size_t i = 0; run->parts == 2 && i < run->rows; i++) {
        float *logits = ws->logits.all + i * vocab + first;
        memcpy(logits, split + 2 * i * BLOCK, count * sizeof *logits);
        ws->kernels->add(logits, split + (2 * i + 1) * BLOCK, count);
    }
}

/* The bounds of block `index` of a row, tokens `first` to first + count. */
static void bound_block(struct workspace *ws, size_t row, size_t index, size_t first,
                        size_t count) {
    const struct kernels *kernels = ws->kernels;
    size_t vocab = ws->model->config.vocab, block = row * blocks_of(ws) + index;
    const float *logits = ws->logits.all + row * vocab + first;
    float *bounds = ws->logits.bounds + row * vocab + first, size[BLOCK];
    for (size_t i = 0; i < count; i++) size[i] = ws->logits.sizes[row];
    memcpy(bounds, ws->network->pack.output_error + first, count * sizeof *bounds);
    kernels->affine(bounds, size, logits, count);
    ws->logits.block_best[block] = (uint32_t)(first + kernels->argmax(logits, count));
    ws->logits.block_bound[block] = bounds[kernels->argmax(bounds, count)];
}

static void run_block(void *context, size_t index, unsigned thread) {
    const struct approx_run *run = context;
    struct workspace *ws = run->ws;
    size_t first = index * BLOCK, left = ws->model->config.vocab - first;
    size_t count = left < BLOCK ? left : BLOCK;
    multiply_block(run, first, count, ws->scratch[thread].logits);
    for (size_t i = 0; run->parts == 2 && i < run->rows; i++)
        bound_block(ws, i, index, first, count);
}

static void run_approx(struct workspace *ws, struct approx_run *run) {
    size_t dim = ws->model->config.dim;
    if (run->parts == 1)
        int8_kernels(ws)->prepare(ws->logits.rows, dim, ws->logits.rows_scale, NULL,
                                  ws->step.normed, dim, run->rows, dim);
    else
        for (size_t i = 0; i < run->rows; i++) split_row(ws, i);
    thread_pool_run(ws->pool, blocks_of(ws), run_block, run);
}

/* ----------------------------------------------------------------------------------- float32 */

static float logit_of(const struct workspace *ws, size_t row, size_t token) {
    const struct linear *output = &ws->model->weights.proj_out;
    float logit;
    struct matmul matmul = {
        .y = &logit,
        .x = ws->step.normed + row * output->in,
        .w = output->weight + token * output->in,
        .y_stride = output->out,
        .x_stride = output->in,
        .w_stride = output->in,
        .m = 1,
        .n = 1,
        .k = output->in,
        .scale = 1.0f,
    };
    ws->kernels->matmul(&matmul, NULL);
    return logit;
}

/* The lower logit of the two most promising tokens. */
static float find_threshold(const struct workspace *ws, size_t row) {
    size_t best = 0, second = 1;
    const float *logits = ws->logits.all + row * ws->model->config.vocab;
    const uint32_t *tokens = ws->logits.block_best + row * blocks_of(ws);
    for (size_t i = 1; i < blocks_of(ws); i++) {
        if (logits[tokens[i]] > logits[tokens[best]]) {
            second = best;
            best = i;
        } else if (logits[tokens[i]] > logits[tokens[second]]) {
            second = i;
        }
    }
    float a = logit_of(ws, row, tokens[best]), b = logit_of(ws, row, tokens[second]);
    return a < b ? a : b;
}

/* The tokens whose bound reaches `threshold`, in their order; more than CANDIDATES_MAX are not
 * listed. */
static size_t find_candidates(const struct workspace *ws, size_t row, float threshold,
                              size_t *candidates) {
    size_t vocab = ws->model->config.vocab, count = 0;
    const float *bounds = ws->logits.bounds + row * vocab;
    const float *block_bound = ws->logits.block_bound + row * blocks_of(ws);
    for (size_t block = 0; block < blocks_of(ws); block++) {
        if (block_bound[block] < threshold) continue;
        size_t last = (block + 1) * BLOCK < vocab ? (block + 1) * BLOCK : vocab;
        for (size_t token = block * BLOCK; token < last; token++) {
            if (bounds[token] < threshold) continue;
            if (count == CANDIDATES_MAX) return CANDIDATES_MAX + 1;
            candidates[count++] = token;
        }
    }
    return count;
}

/* |x|, or 0 when the bounds do not hold: products could overflow or be too small, or an error is
 * not a number (a sum is finite only if all its terms are). */
static float size_of_row(const struct workspace *ws, size_t row, double errors) {
    size_t dim = ws->model->config.dim;
    double size = sqrt(ws->kernels->sum_squares(ws->step.normed + row * dim, dim, 0));
    if (!(size > 1e-6) || !(size * errors < 1e30)) return 0;
    return nextafterf((float)size, INFINITY);
}

/* The first stage, for `rows` at once unless that is done: 1, or 0 when it cannot be. */
static int search_rows(struct workspace *ws, size_t rows) {
    struct approx_run run = {.ws = ws, .rows = rows, .parts = 2};
    int some = 0;
    if (ws->logits.searched) return 1;
    if (!has_approx(ws) || blocks_of(ws) < 2) return 0;
    double errors = ws->kernels->sum(ws->network->pack.output_error, ws->model->config.vocab);
    for (size_t i = 0; i < rows; i++)
        some |= (ws->logits.sizes[i] = size_of_row(ws, i, errors)) > 0;
    if (!some) return 0;
    run_approx(ws, &run);
    ws->logits.searched = rows;
    return 1;
}

static int search(struct workspace *ws, size_t rows, size_t row, struct logits_best *best) {
    size_t candidates[CANDIDATES_MAX];
    if (!search_rows(ws, rows) || !(ws->logits.sizes[row] > 0)) return 0;
    size_t count = find_candidates(ws, row, find_threshold(ws, row), candidates);
    if (count > CANDIDATES_MAX) return 0;
    struct logits_best found = {0, -INFINITY, 0};
    float second = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        float logit = logit_of(ws, row, candidates[i]);
        if (i == 0 || logit > found.logit) {
            second = found.logit;
            found.token = candidates[i];
            found.logit = logit;
        } else if (logit > second) {
            second = logit;
        }
    }
    found.margin = found.logit - second;
    *best = found;
    return 1;
}

int logits_search(struct workspace *ws, size_t rows, size_t row, struct logits_best *best) {
    uint64_t start = spans_start(ws->spans);
    int found = search(ws, rows, row, best);
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "best logit", start);
    return found;
}

void logits_compute(struct workspace *ws, size_t rows) {
    const struct linear *output = &ws->model->weights.proj_out;
    uint64_t start = spans_start(ws->spans);
    ws->logits.searched = 0;
    if (ws->network->precision != PST_PRECISION_F32 && has_approx(ws)) {
        struct approx_run run = {.ws = ws, .rows = rows, .parts = 1};
        run_approx(ws, &run);
    } else {
        step_run(ws, output, ws->logits.all, ws->step.normed, rows, 0);
    }
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "logits", start);
    workspace_trace(ws, "logits", ws->logits.all, rows, output->out);
}
