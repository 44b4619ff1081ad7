/* step.c - see step.h. */
#include "network/step.h"

#include <string.h>

/* Slices of weights that are not packed: as many outputs as kernels sum up together. */
enum { UNPACKED_COLUMNS = 4 };

/* With fewer bytes of weights A(x) is computed before another thread could start. */
static const size_t LORA_A_BYTES = 64 << 10;
enum { LORA_A_PARTS = 4 };

/* ----------------------------------------------------------------------------------- the input */

/* A(x) of one adapter for all layers of a stage. */
struct lora_a_run {
    struct workspace *ws;
    const struct active *active;
    const struct step_linear *linears;
    float *y[PROJECTIONS_MAX]; /* [rows, rank] */
};

static void run_lora_a(void *context, size_t index, unsigned thread) {
    const struct lora_a_run *run = context;
    size_t j = index / LORA_A_PARTS, part = index % LORA_A_PARTS;
    const struct linear_job *job = &run->linears[j].job;
    const struct effect *effect = &run->active->effects[job->slot];
    size_t first = effect->rank * part / LORA_A_PARTS;
    size_t last = effect->rank * (part + 1) / LORA_A_PARTS;
    if (first < last)
        linear_lora_a(run->ws, job, effect, run->y[j], first, last, run->ws->scratch[thread].panel);
}

static void compute_lora_a(struct workspace *ws, struct step_linear *linears, size_t count) {
    struct lora_a_run run = {.ws = ws, .linears = linears};
    for (size_t j = 0; j < count; j++) linears[j].lora_a = run.y[j] = ws->step.inputs[j].lora_a;
    for (size_t u = 0; u < ws->active_count; u++) {
        size_t bytes = 0;
        run.active = &ws->active[u];
        for (size_t j = 0; j < count; j++) {
            const struct linear_job *job = &linears[j].job;
            bytes += run.active->effects[job->slot].rank * job->in * sizeof(float);
        }
        if (bytes > LORA_A_BYTES)
            thread_pool_run(ws->pool, count * LORA_A_PARTS, run_lora_a, &run);
        else
            for (size_t i = 0; bytes && i < count * LORA_A_PARTS; i++) run_lora_a(&run, i, 0);
        for (size_t j = 0; j < count; j++)
            run.y[j] += linears[j].job.rows * run.active->effects[linears[j].job.slot].rank;
    }
}

/* Layers of one input share its prepared rows. */
static void prepare_rows(struct workspace *ws, struct step_linear *linears, size_t j) {
    struct step_linear *linear = &linears[j];
    const struct packed *packed = linear->job.packed;
    if (!packed) return;
    for (size_t i = 0; i < j; i++)
        if (linears[i].job.packed && linears[i].job.packed->precision == packed->precision &&
            linears[i].base.x == linear->base.x) {
            linear->prepared = linears[i].prepared;
            return;
        }
    linear->prepared =
        linear_prepare(ws, packed->precision, &linear->base, ws->step.inputs[j].prepared,
                       ws->step.inputs[j].prepared_scale);
}

void step_prepare(struct workspace *ws, struct step_linear *linears,
                  const struct linear *const *layers, size_t count, const float *x, size_t rows) {
    int adapted = 0;
    for (size_t j = 0; j < count; j++) {
        struct step_linear *linear = &linears[j];
        *linear = (struct step_linear){.job = linear_job_of(ws, layers[j], NULL, x, rows)};
        linear->base = linear_matmul(ws, &linear->job, ws->step.inputs[j].scaled);
        prepare_rows(ws, linears, j);
        adapted |= linear->job.adapted != ADAPTED_NOT;
    }
    if (adapted) compute_lora_a(ws, linears, count);
}

/* ---------------------------------------------------------------------------------- the outputs */

size_t step_columns(const struct workspace *ws, const struct step_linear *linear) {
    const struct packed *packed = linear->job.packed;
    return packed ? ws->kernels->packed[packed->precision]->columns : UNPACKED_COLUMNS;
}

/* Scaled outputs are computed aside, then added to y. */
static void multiply_scaled(struct workspace *ws, const struct step_linear *linear,
                            const struct matmul *base, size_t first, struct scratch *scratch) {
    struct matmul aside = *base;
    aside.y = scratch->aside;
    aside.y_stride = ws->step.slice_stride;
    aside.accumulate = 0;
    linear_product(ws, linear->job.packed, first, &aside, &linear->prepared, scratch->panel);
    linear_adapt(ws, &linear->job, &aside, first, linear->lora_a, scratch);
    for (size_t i = 0; i < base->m; i++) {
        float *y = base->y + i * base->y_stride;
        const float *scaled = aside.y + i * aside.y_stride;
        if (base->accumulate)
            ws->kernels->add(y, scaled, base->n);
        else
            memcpy(y, scaled, base->n * sizeof *y);
    }
}

/* y [rows, outs] (+)= outputs `first` to first + outs; `first` is a multiple of step_columns(). */
static void multiply(struct workspace *ws, const struct step_linear *linear, float *y,
                     size_t y_stride, size_t first, size_t outs, int accumulate,
                     struct scratch *scratch) {
    struct matmul base = linear->base;
    base.y = y;
    base.y_stride = y_stride;
    base.w += first * base.w_stride;
    if (base.bias) base.bias += first;
    base.n = outs;
    base.accumulate = accumulate;
    if (linear->job.adapted == ADAPTED_SCALES) {
        multiply_scaled(ws, linear, &base, first, scratch);
        return;
    }
    linear_product(ws, linear->job.packed, first, &base, &linear->prepared, scratch->panel);
    if (linear->job.adapted == ADAPTED_ADDS)
        linear_adapt(ws, &linear->job, &base, first, linear->lora_a, scratch);
}

float *step_slice(struct workspace *ws, const struct step_linear *linear, size_t first, size_t outs,
                  unsigned number, unsigned thread) {
    struct scratch *scratch = &ws->scratch[thread];
    size_t before = first % step_columns(ws, linear); /* outputs of the panel that others need */
    float *y = scratch->slices[number];
    multiply(ws, linear, y, ws->step.slice_stride, first - before, before + outs, 0, scratch);
    return y + before;
}

struct step_cut step_cut(const struct workspace *ws, size_t units, size_t most) {
    size_t threads = thread_pool_size(ws->pool), each = (units + threads - 1) / threads;
    size_t parts = threads * (each / most + (each % most > 0));
    return (struct step_cut){units, parts < units ? parts : units};
}

/* ------------------------------------------------------------------------------- a whole layer */

struct whole {
    struct workspace *ws;
    struct step_linear linear;
    struct step_cut cut;
    size_t columns;
    float *y;
    int accumulate;
};

static void run_part(void *context, size_t index, unsigned thread) {
    const struct whole *whole = context;
    size_t out = whole->linear.job.out, first = step_begin(whole->cut, index) * whole->columns;
    size_t last = step_begin(whole->cut, index + 1) * whole->columns;
    if (last > out) last = out;
    multiply(whole->ws, &whole->linear, whole->y + first, out, first, last - first,
             whole->accumulate, &whole->ws->scratch[thread]);
}

void step_run(struct workspace *ws, const struct linear *layer, float *y, const float *x,
              size_t rows, int accumulate) {
    struct whole whole = {.ws = ws, .y = y, .accumulate = accumulate};
    step_prepare(ws, &whole.linear, &layer, 1, x, rows);
    whole.columns = step_columns(ws, &whole.linear);
    whole.cut = step_cut(ws, (layer->out + whole.columns - 1) / whole.columns,
                         ws->step.slice_outs / whole.columns);
    thread_pool_run(ws->pool, whole.cut.parts, run_part, &whole);
}
