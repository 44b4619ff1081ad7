/* step.c - see step.h. */
#include "network/step.h"

#include <string.h>

/* Slices of weights that are not packed: as many outputs as kernels sum up together. */
enum { UNPACKED_COLUMNS = 4 };

/* A(x) with less weights than this is over before another thread has the work. */
static const size_t INNER_BYTES = 64 << 10;
enum { INNER_PARTS = 4 };

/* -------------------------------------------------------------------------------- making ready */

/* A(x) of one adapter for all maps of a stage. */
struct inner_run {
    struct workspace *ws;
    const struct active *active;
    const struct step_map *maps;
    float *y[LINEAR_JOBS_MAX]; /* [rows, rank] */
};

static void run_inner(void *context, size_t index, unsigned thread) {
    const struct inner_run *run = context;
    const struct linear_job *job = &run->maps[index / INNER_PARTS].job;
    const struct effect *effect = &run->active->effects[job->slot];
    size_t rank = effect->rank, part = index % INNER_PARTS;
    size_t first = rank * part / INNER_PARTS, last = rank * (part + 1) / INNER_PARTS;
    if (first == last) return;
    struct matmul matmul = {
        .y = run->y[index / INNER_PARTS] + first,
        .x = job->x,
        .w = effect->a + first * job->in,
        .y_stride = rank,
        .x_stride = job->x_stride,
        .w_stride = job->in,
        .m = job->rows,
        .n = last - first,
        .k = job->in,
        .scale = 1.0f,
    };
    run->ws->kernels->matmul(&matmul, run->ws->scratch[thread]);
}

static void prepare_inner(struct workspace *ws, struct step_map *maps, size_t count) {
    struct inner_run run = {.ws = ws, .maps = maps};
    size_t rows = maps[0].job.rows;
    for (size_t j = 0; j < count; j++) {
        run.y[j] = ws->lora_inner + j * rows * ws->extent.rank;
        maps[j].inner = run.y[j];
    }
    for (size_t u = 0; u < ws->active_count; u++) {
        size_t bytes = 0;
        run.active = &ws->active[u];
        for (size_t j = 0; j < count; j++)
            bytes += run.active->effects[maps[j].job.slot].rank * maps[j].job.in * sizeof(float);
        if (bytes > INNER_BYTES)
            thread_pool_run(ws->pool, count * INNER_PARTS, run_inner, &run);
        else
            for (size_t i = 0; bytes && i < count * INNER_PARTS; i++) run_inner(&run, i, 0);
        for (size_t j = 0; j < count; j++)
            run.y[j] += rows * run.active->effects[maps[j].job.slot].rank;
    }
}

/* x * in_scale, where adapters scale inputs. */
static void scale_inputs(struct workspace *ws, struct step_map *map, float *scaled) {
    const struct linear_job *job = &map->job;
    for (size_t u = 0; u < ws->active_count; u++) {
        const float *scale = ws->active[u].effects[job->slot].in_scale;
        float part = (float)ws->active[u].weight;
        if (!scale) continue;
        for (size_t i = 0; i < job->rows; i++)
            for (size_t l = 0; l < job->in; l++)
                scaled[i * job->in + l] =
                    map->x[i * map->x_stride + l] * (1 + part * (scale[l] - 1));
        map->x = scaled;
        map->x_stride = job->in;
    }
}

/* Maps of one input share its prepared rows. */
static void prepare_rows(struct workspace *ws, struct step_map *maps, size_t j) {
    struct step_map *map = &maps[j];
    const struct packed *packed = map->job.packed;
    if (!packed) return;
    for (size_t i = 0; i < j; i++)
        if (maps[i].job.packed && maps[i].job.packed->precision == packed->precision &&
            maps[i].x == map->x) {
            map->prepared = maps[i].prepared;
            return;
        }
    size_t room = linear_prepared_bytes(ws, map->job.rows, ws->prepared_longest);
    map->prepared =
        linear_prepare(ws, packed->precision, map->x, map->x_stride, map->job.rows, map->job.in,
                       ws->prepared + j * room, ws->prepared_scale + j * map->job.rows);
}

void step_prepare(struct workspace *ws, struct step_map *maps, const struct linear *const *linears,
                  size_t count, const float *x, size_t rows) {
    int adapted = 0;
    for (size_t j = 0; j < count; j++) {
        maps[j] = (struct step_map){.job = linear_job_of(ws, linears[j], NULL, x, rows)};
        maps[j].x = x;
        maps[j].x_stride = maps[j].job.x_stride;
        adapted |= maps[j].job.adapted != ADAPTED_NOT;
    }
    if (adapted) prepare_inner(ws, maps, count);
    for (size_t j = 0; j < count; j++) {
        if (ws->extent.scales_inputs) scale_inputs(ws, &maps[j], ws->scaled + j * ws->scaled_room);
        prepare_rows(ws, maps, j);
    }
}

/* -------------------------------------------------------------------------------------- slices */

size_t step_columns(const struct workspace *ws, const struct step_map *map) {
    const struct packed *packed = map->job.packed;
    return packed ? ws->kernels->packed[packed->precision]->columns : UNPACKED_COLUMNS;
}

/* Each thread has three slices and one for what adapters are to scale, with two rows behind it. */
static float *slice_of(const struct workspace *ws, unsigned number, unsigned thread) {
    size_t size = (ws->extent.beams + 2) * ws->slice_stride;
    return ws->slices + (4 * (size_t)thread + number) * size;
}

static struct adapted_block block_of(const struct step_map *map, const struct matmul *base,
                                     size_t first) {
    return (struct adapted_block){
        .slot = map->job.slot,
        .y = base->y,
        .y_stride = base->y_stride,
        .x = map->job.x,
        .x_stride = map->job.x_stride,
        .in = map->job.in,
        .bias = base->bias,
        .rows = base->m,
        .first_out = first,
        .outs = base->n,
        .inner = map->inner,
        .all_rows = base->m,
    };
}

/* What adapters scale is had alone first, and then added. */
static void slice_scaled(struct workspace *ws, const struct step_map *map,
                         const struct matmul *base, size_t first, unsigned thread) {
    struct matmul alone = *base;
    float *aside = slice_of(ws, 3, thread), *room = aside + base->m * ws->slice_stride;
    alone.y = aside;
    alone.y_stride = ws->slice_stride;
    alone.accumulate = 0;
    linear_product(ws, map->job.packed, first, &alone, &map->prepared, ws->scratch[thread]);
    struct adapted_block block = block_of(map, &alone, first);
    adapted_apply(ws, &block, ws->scratch[thread], room);
    for (size_t i = 0; i < base->m; i++, aside += ws->slice_stride) {
        float *y = base->y + i * base->y_stride;
        if (base->accumulate)
            ws->kernels->add(y, aside, base->n);
        else
            memcpy(y, aside, base->n * sizeof *y);
    }
}

void step_slice(struct workspace *ws, const struct step_map *map, float *y, size_t y_stride,
                size_t first, size_t outs, int accumulate, unsigned thread) {
    const struct linear_job *job = &map->job;
    struct matmul base = {
        .y = y,
        .x = map->x,
        .w = job->weight + first * job->in,
        .bias = job->bias ? job->bias + first : NULL,
        .y_stride = y_stride,
        .x_stride = map->x_stride,
        .w_stride = job->in,
        .m = job->rows,
        .n = outs,
        .k = job->in,
        .scale = 1.0f,
        .accumulate = accumulate,
    };
    if (job->adapted == ADAPTED_SCALES) {
        slice_scaled(ws, map, &base, first, thread);
        return;
    }
    linear_product(ws, job->packed, first, &base, &map->prepared, ws->scratch[thread]);
    if (job->adapted == ADAPTED_NOT) return;
    struct adapted_block block = block_of(map, &base, first);
    adapted_apply(ws, &block, ws->scratch[thread], NULL);
}

float *step_slice_aside(struct workspace *ws, const struct step_map *map, size_t first, size_t outs,
                        unsigned number, unsigned thread) {
    size_t before =
        first % step_columns(ws, map); /* outputs of the panel that others are to have */
    float *y = slice_of(ws, number, thread);
    step_slice(ws, map, y, ws->slice_stride, first - before, before + outs, 0, thread);
    return y + before;
}

struct step_cut step_cut(const struct workspace *ws, size_t units, size_t most) {
    size_t threads = thread_pool_size(ws->pool), each = (units + threads - 1) / threads;
    size_t parts = threads * (each / most + (each % most > 0));
    return (struct step_cut){units, parts < units ? parts : units};
}

/* -------------------------------------------------------------------------------- a map by itself */

struct whole {
    struct workspace *ws;
    struct step_map map;
    struct step_cut cut;
    size_t columns;
    float *y;
    int accumulate;
};

static void run_part(void *context, size_t index, unsigned thread) {
    const struct whole *whole = context;
    size_t out = whole->map.job.out, first = step_begin(whole->cut, index) * whole->columns;
    size_t last = step_begin(whole->cut, index + 1) * whole->columns;
    if (last > out) last = out;
    step_slice(whole->ws, &whole->map, whole->y + first, out, first, last - first,
               whole->accumulate, thread);
}

void step_run(struct workspace *ws, const struct linear *linear, float *y, const float *x,
              size_t rows, int accumulate) {
    struct whole whole = {.ws = ws, .y = y, .accumulate = accumulate};
    step_prepare(ws, &whole.map, &linear, 1, x, rows);
    whole.columns = step_columns(ws, &whole.map);
    whole.cut = step_cut(ws, (linear->out + whole.columns - 1) / whole.columns,
                         ws->slice_outs / whole.columns);
    thread_pool_run(ws->pool, whole.cut.parts, run_part, &whole);
}
