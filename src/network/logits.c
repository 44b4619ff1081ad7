/* logits.c - see logits.h. The two stages:
 *
 *  1. A row x is split in two rows of int8, x = high + low + rest, whose products with the packed
 *     matrix add up to an approximate logit. It is off by at most |x| * error_j: pack.c has put
 *     into error_j what rounding w_j took, what `rest` can be, and the rounding of both
 *     computations. The threads share the blocks of tokens; of each block the highest approximate
 *     logit and the highest bound are kept.
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
    size_t parts;      /* rows of int8 that a row is split in: 1, or 2 and with bounds */
    float size[BLOCK]; /* |x|, as often as a block has tokens */
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

/* The one row of ws->step.normed as two rows of int8 in ws->logits.rows. The first is quantised in
 * steps of max |x| / 127; what that leaves is at most half a step, and is quantised 254 times
 * finer. */
static void split_row(struct workspace *ws) {
    const struct packed_kernels *kernels = int8_kernels(ws);
    size_t dim = ws->model->config.dim;
    const float *x = ws->step.normed;
    float *high = ws->logits.split, *low = high + dim, *scale = ws->logits.rows_scale;
    unsigned char *rows = ws->logits.rows;
    float largest = 0;
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

/* Products of a block. `low` [2, BLOCK] is for those of two parts. */
static void multiply_block(const struct approx_run *run, size_t first, size_t count, float *low) {
    struct workspace *ws = run->ws;
    size_t dim = ws->model->config.dim, vocab = ws->model->config.vocab;
    int8_kernels(ws)->matmul(&(struct packed_matmul){
        .y = run->parts == 1 ? ws->logits.all + first : low,
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
    if (run->parts == 1) return;
    memcpy(ws->logits.all + first, low, count * sizeof *low);
    ws->kernels->add(ws->logits.all + first, low + BLOCK, count);
}

static void run_block(void *context, size_t index, unsigned thread) {
    const struct approx_run *run = context;
    struct workspace *ws = run->ws;
    const struct kernels *kernels = ws->kernels;
    size_t first = index * BLOCK, left = ws->model->config.vocab - first;
    size_t count = left < BLOCK ? left : BLOCK;
    multiply_block(run, first, count, ws->scratch[thread].logits);
    if (run->parts == 1) return;
    const float *logits = ws->logits.all + first;
    float *bounds = ws->logits.bounds + first;
    memcpy(bounds, ws->network->pack.output_error + first, count * sizeof *bounds);
    kernels->affine(bounds, run->size, logits, count);
    ws->logits.block_best[index] = (uint32_t)(first + kernels->argmax(logits, count));
    ws->logits.block_bound[index] = bounds[kernels->argmax(bounds, count)];
}

static void run_approx(struct workspace *ws, struct approx_run *run) {
    size_t dim = ws->model->config.dim;
    if (run->parts == 1)
        int8_kernels(ws)->prepare(ws->logits.rows, dim, ws->logits.rows_scale, NULL,
                                  ws->step.normed, dim, run->rows, dim);
    else
        split_row(ws);
    thread_pool_run(ws->pool, blocks_of(ws), run_block, run);
}

/* ----------------------------------------------------------------------------------- float32 */

static void multiply(const struct workspace *ws, float *logits, size_t first, size_t count) {
    const struct linear *output = &ws->model->weights.proj_out;
    struct matmul matmul = {
        .y = logits,
        .x = ws->step.normed,
        .w = output->weight + first * output->in,
        .y_stride = output->out,
        .x_stride = output->in,
        .w_stride = output->in,
        .m = 1,
        .n = count,
        .k = output->in,
        .scale = 1.0f,
    };
    ws->kernels->matmul(&matmul, NULL);
}

static float logit_of(const struct workspace *ws, size_t token) {
    float logit;
    multiply(ws, &logit, token, 1);
    return logit;
}

/* The lower logit of the two most promising tokens. */
static float find_threshold(const struct workspace *ws) {
    size_t best = 0, second = 1;
    const float *logits = ws->logits.all;
    const uint32_t *tokens = ws->logits.block_best;
    for (size_t i = 1; i < blocks_of(ws); i++) {
        if (logits[tokens[i]] > logits[tokens[best]]) {
            second = best;
            best = i;
        } else if (logits[tokens[i]] > logits[tokens[second]]) {
            second = i;
        }
    }
    float a = logit_of(ws, tokens[best]), b = logit_of(ws, tokens[second]);
    return a < b ? a : b;
}

/* The tokens whose bound reaches `threshold`, in their order; more than CANDIDATES_MAX are not
 * listed. */
static size_t find_candidates(const struct workspace *ws, float threshold, size_t *candidates) {
    size_t vocab = ws->model->config.vocab, count = 0;
    for (size_t block = 0; block < blocks_of(ws); block++) {
        if (ws->logits.block_bound[block] < threshold) continue;
        size_t last = (block + 1) * BLOCK < vocab ? (block + 1) * BLOCK : vocab;
        for (size_t token = block * BLOCK; token < last; token++) {
            if (ws->logits.bounds[token] < threshold) continue;
            if (count == CANDIDATES_MAX) return CANDIDATES_MAX + 1;
            candidates[count++] = token;
        }
    }
    return count;
}

/* |x|, or 0 when the bounds do not hold: products could overflow or be too small, or an error is
 * not a number (a sum is finite only if all its terms are). */
static float size_of_row(const struct workspace *ws) {
    double size = sqrt(ws->kernels->sum_squares(ws->step.normed, ws->model->config.dim, 0));
    double errors = ws->kernels->sum(ws->network->pack.output_error, ws->model->config.vocab);
    if (!(size > 1e-6) || !(size * errors < 1e30)) return 0;
    return nextafterf((float)size, INFINITY);
}

static int search(struct workspace *ws, struct logits_best *best) {
    struct approx_run run = {.ws = ws, .rows = 1, .parts = 2};
    float size = has_approx(ws) && blocks_of(ws) > 1 ? size_of_row(ws) : 0;
    size_t candidates[CANDIDATES_MAX];
    if (!(size > 0)) return 0;
    for (size_t i = 0; i < BLOCK; i++) run.size[i] = size;
    run_approx(ws, &run);
    size_t count = find_candidates(ws, find_threshold(ws), candidates);
    if (count > CANDIDATES_MAX) return 0;
    struct logits_best found = {0, -INFINITY, 0};
    float second = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        float logit = logit_of(ws, candidates[i]);
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

int logits_search(struct workspace *ws, struct logits_best *best) {
    uint64_t start = spans_start(ws->spans);
    int found = search(ws, best);
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "best logit", start);
    return found;
}

void logits_compute(struct workspace *ws, size_t rows) {
    const struct linear *output = &ws->model->weights.proj_out;
    uint64_t start = spans_start(ws->spans);
    if (ws->network->precision != PST_PRECISION_F32 && has_approx(ws)) {
        struct approx_run run = {.ws = ws, .rows = rows, .parts = 1};
        run_approx(ws, &run);
    } else {
        step_run(ws, output, ws->logits.all, ws->step.normed, rows, 0);
    }
    spans_end(ws->spans, 0, PST_STAGE_DECODER, "logits", start);
    workspace_trace(ws, "logits", ws->logits.all, rows, output->out);
}
