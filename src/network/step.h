/* step.h - linear maps of a decoder step, by slices of their outputs.
 *
 * A stage of a step is one run of the pool. Its tasks take slices of one or several maps and go on with
 * what they have computed, heads or gates, so that what can stay on a thread does. Before, the calling
 * thread makes the maps ready: rows in the precision of the weights, and A(x) of the adapters. */
#ifndef PST_NETWORK_STEP_H
#define PST_NETWORK_STEP_H

#include "network/linear.h"

/* A map of a stage, and the rows it multiplies. */
struct step_map {
    struct linear_job job;    /* whole; its y is not used */
    struct prepared prepared; /* job.x as the packed weight meets it */
    const float *x;           /* job.x, or its inputs scaled by adapters: rows x_stride apart */
    size_t x_stride;
    const float *inner; /* [rows, rank] A(x) of the first adapter; the next one's follow */
};

/* Makes maps [count] of one input x [rows, in] ready; count <= LINEAR_JOBS_MAX. */
void step_prepare(struct workspace *ws, struct step_map *maps, const struct linear *const *linears,
                  size_t count, const float *x, size_t rows);

/* Slices begin at multiples of this. */
size_t step_columns(const struct workspace *ws, const struct step_map *map);

/* y [rows, outs] (+)= outputs `first` to first + outs of the map; outs <= ws->slice_stride. */
void step_slice(struct workspace *ws, const struct step_map *map, float *y, size_t y_stride,
                size_t first, size_t outs, int accumulate, unsigned thread);

/* The same from any `first`, outs <= ws->slice_outs, into slice `number` (0 to 2) of the thread: gives
 * [rows, outs], rows ws->slice_stride apart. */
float *step_slice_aside(struct workspace *ws, const struct step_map *map, size_t first, size_t outs,
                        unsigned number, unsigned thread);

/* y [rows, out] (+)= linear(x) with what the adapters in use do to it, by all threads. */
void step_run(struct workspace *ws, const struct linear *linear, float *y, const float *x,
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
