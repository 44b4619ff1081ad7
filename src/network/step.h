/* step.h - linear layers of a decoder step, by slices of their outputs.
 *
 * A stage of a step is one run of the pool. Its tasks take slices of one or several projections and
 * go on with what they have computed, heads or gates, so that values stay on their thread. Before,
 * the calling thread makes the input ready: rows in the precision of the weights, and A(x) of the
 * adapters. */
#ifndef PST_NETWORK_STEP_H
#define PST_NETWORK_STEP_H

#include "network/linear.h"

/* Gated outputs of a feed-forward layer that one task of a step handles at most. */
enum { STEP_GATE_OUTS = 256 };

/* A linear layer of a stage, ready to be multiplied. */
struct step_linear {
    struct linear_job job;    /* its y is not used */
    struct matmul base;       /* of all outputs */
    struct prepared prepared; /* the x of `base` for the packed weight */
    const float *lora_a;      /* A(x) [rows, rank] of the first adapter; the next one's follow */
};

/* Makes layers [count] of one input x [rows, in] ready; count <= PROJECTIONS_MAX. */
void step_prepare(struct workspace *ws, struct step_linear *linears,
                  const struct linear *const *layers, size_t count, const float *x, size_t rows);

/* Slices are cut at multiples of this. */
size_t step_columns(const struct workspace *ws, const struct step_linear *linear);

/* Outputs `first` to first + outs, from any `first`, outs <= ws->step.slice_outs, into slice
 * `number` of the thread: [rows, outs], rows ws->step.slice_stride apart. */
float *step_slice(struct workspace *ws, const struct step_linear *linear, size_t first, size_t outs,
                  unsigned number, unsigned thread);

/* y [rows, out] (+)= layer(x) with what the adapters in use do to it, by all threads. */
void step_run(struct workspace *ws, const struct linear *layer, float *y, const float *x,
              size_t rows, int accumulate);

/* `units` of work as parts of at most `most` units, of which all threads get equally many. */
struct step_cut {
    size_t units, parts;
};

struct step_cut step_cut(const struct workspace *ws, size_t units, size_t most);

/* The first unit of a part. */
static inline size_t step_begin(struct step_cut cut, size_t part) {
    return cut.units * part / cut.parts;
}

#endif
