/* stored_weights.c - see stored_weights.h.
 *
 * A module is merged in double precision, its rows are put in the order of the graphs, and
 * it is rounded once, straight into what is stored. Only matrices of more than 2,048
 * numbers are compressed. What takes the samples is not, and is small; nor are positions that are
 * added to the memory, where every error stays. */
#include "coreml/weights/stored_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/weights/kmeans.h"
#include "model/moonshine.h"

/* coremltools' threshold: below it tables and scales cost what compression gains. */
enum { COMPRESSED_MIN = 2049 };

/* The taps of the first convolution are filled up to two blocks of this: see graph_encoder.c. */
enum { BLOCK = STEM_STRIDE1 };

enum { F16_VALUES = 65536, INT8_LIMIT = 127, ROWS_AT_ONCE = 1024 };

/* ----------------------------------------------------------------------------------- arranging */

/* What is done to the rows of a module before they are stored. */
enum arrangement {
    AS_IT_IS,
    PAIRED,  /* rows of a head: even members of the pairs that are rotated, odd ones, the rest */
    BLOCKED, /* taps filled up and laid out as [out, block, 2] */
    LESS_ONE /* stored less by 1 than what it means */
};

/* What is to be done with a module, and how it went. */
struct store_job {
    enum arrangement arrangement;
    double scale; /* that is taken in: of attention; 0: none */
    int whole;    /* never compressed */
    pst_status status;
    pst_error error;
};

struct store_run {
    struct stored_weights *weights;
    const struct merge_run *merge;
    struct store_job *jobs; /* [module_count] */
    enum weight_precision precision;
    unsigned bits;
};

static void arrange_encoder(struct store_run *run) {
    const struct config *config = &run->merge->model->config;
    const struct weights *weights = &run->merge->model->weights;
    int streaming = config->family == FAMILY_STREAMING;
    struct store_job *of = run->jobs;
    if (streaming) {
        of[weights->frames.slot].whole = of[weights->pos_emb.slot].whole = 1;
        of[weights->encoder_norm.slot].arrangement = LESS_ONE;
    } else {
        of[weights->conv1.slot].arrangement = BLOCKED;
        of[weights->conv1.slot].whole = 1;
    }
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        const struct encoder_layer *layer = &weights->encoder_layers[i];
        const struct attention *attention = &layer->self_attn;
        of[attention->q_proj.slot].scale = 1 / sqrt((double)config->encoder_head_dim);
        if (!streaming) {
            of[attention->q_proj.slot].arrangement = of[attention->k_proj.slot].arrangement =
                PAIRED;
            continue;
        }
        of[layer->input_layernorm.slot].arrangement = LESS_ONE;
        of[layer->post_attention_layernorm.slot].arrangement = LESS_ONE;
    }
}

static void arrange_decoder(struct store_run *run) {
    const struct config *config = &run->merge->model->config;
    const struct weights *weights = &run->merge->model->weights;
    struct store_job *of = run->jobs;
    double scale = 1 / sqrt((double)config->head_dim);
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct attention *own = &weights->decoder_layers[i].self_attn;
        of[own->q_proj.slot].arrangement = of[own->k_proj.slot].arrangement = PAIRED;
        of[own->q_proj.slot].scale = scale;
        of[weights->decoder_layers[i].encoder_attn.q_proj.slot].scale = scale;
    }
}

/* Which row of the checkpoint is row `row` of the graphs'. */
static size_t source_row(const struct config *config, size_t row) {
    size_t pairs = config->rotary_pairs, at = row % config->head_dim;
    size_t from = at < pairs ? 2 * at : at < 2 * pairs ? 2 * (at - pairs) + 1 : at;
    return row - at + from;
}

/* values [rows, columns], rearranged: into fresh memory, and the old freed, but for what stays as
 * it is. NULL: out of memory. */
static double *arranged(const struct config *config, const struct store_job *job, double *values,
                        size_t rows, size_t columns) {
    if ((job->arrangement == AS_IT_IS && job->scale == 0) || !values) return values;
    double *result = malloc(rows * columns * sizeof *result);
    double scale = job->scale == 0 ? 1 : job->scale, more = job->arrangement == LESS_ONE;
    for (size_t row = 0; result && row < rows; row++) {
        size_t from = job->arrangement == PAIRED ? source_row(config, row) : row;
        for (size_t i = 0; i < columns; i++)
            result[row * columns + i] = values[from * columns + i] * scale + more;
    }
    free(values);
    return result;
}

/* values [rows, 127] as [rows, 64, 2]: tap 64 j + b at [b, j]. */
static double *blocked(double *values, size_t rows) {
    double *result = calloc(rows * 2 * BLOCK, sizeof *result);
    for (size_t row = 0; result && row < rows; row++)
        for (size_t tap = 0; tap < STEM_KERNEL1; tap++)
            result[row * 2 * BLOCK + tap % BLOCK * 2 + tap / BLOCK] =
                values[row * STEM_KERNEL1 + tap];
    free(values);
    return result;
}

/* ------------------------------------------------------------------------------------- storing */

static pst_status round_all(struct stored *stored, enum dtype dtype, const double *values,
                            const char *name, pst_error *err) {
    size_t count = stored->rows * stored->columns;
    stored->dtype = dtype == DTYPE_F32 ? MIL_F32 : MIL_F16;
    stored->bytes = count * dtype_bytes(dtype);
    stored->data = malloc(stored->bytes);
    if (!stored->data) return error_memory(err, stored->bytes);
    size_t bad = dtype_from_double(dtype, values, count, stored->data);
    if (bad == count) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s[%zu] is %g, expected a finite %s", name, bad,
                     values[bad], dtype == DTYPE_F32 ? "float32" : "float16");
}

/* A row's scale in float16, and its values in steps of it. */
static void store_row(struct stored *stored, size_t row, const double *values) {
    double largest = 0, scale;
    float rounded;
    for (size_t i = 0; i < stored->columns; i++) largest = fmax(largest, fabs(values[i]));
    scale = largest / INT8_LIMIT;
    dtype_from_double(DTYPE_F16, &scale, 1, &stored->scale[row]);
    dtype_to_float(DTYPE_F16, (const unsigned char *)&stored->scale[row], 1, &rounded);
    if (rounded == 0) { /* a row of zeros, or as good as that: any scale will do */
        scale = 1;
        dtype_from_double(DTYPE_F16, &scale, 1, &stored->scale[row]);
        rounded = 1;
    }
    int8_t *out = (int8_t *)stored->data + row * stored->columns;
    for (size_t i = 0; i < stored->columns; i++) {
        double step = rint(values[i] / (double)rounded);
        out[i] = (int8_t)fmin(fmax(step, -INT8_LIMIT), INT8_LIMIT);
    }
}

static pst_status store_int8(struct stored *stored, const double *values,
                             const struct cancel *cancel, pst_error *err) {
    stored->form = STORED_INT8;
    stored->dtype = MIL_F16;
    stored->bytes = stored->rows * stored->columns;
    stored->data = malloc(stored->bytes);
    stored->scale = malloc(stored->rows * sizeof *stored->scale);
    stored->zeros = calloc(stored->rows, 1);
    if (!stored->data || !stored->scale || !stored->zeros) return error_memory(err, stored->bytes);
    pst_status status = PST_OK;
    for (size_t row = 0; row < stored->rows && !status; row++) {
        store_row(stored, row, values + row * stored->columns);
        if (row % ROWS_AT_ONCE == 0) status = cancel_check(cancel, err);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ palettes */

/* What occurs in a tensor: distinct float16 values, ascending. */
struct histogram {
    uint64_t tally[F16_VALUES];  /* by bits */
    uint64_t counts[F16_VALUES]; /* by value */
    double values[F16_VALUES];
    uint16_t f16[F16_VALUES];  /* the bits of values[i] */
    size_t starts[F16_VALUES]; /* of runs */
    uint8_t entry[F16_VALUES]; /* in the palette, by bits */
    size_t count;
};

static void collect(struct histogram *histogram, const uint16_t *f16, size_t count) {
    uint64_t *tally = histogram->tally;
    for (size_t i = 0; i < count; i++) tally[f16[i] == 0x8000 ? 0 : f16[i]]++; /* -0 is 0 */
    for (uint32_t i = 0; i < F16_VALUES; i++) {
        uint16_t bits = (uint16_t)(i < 0x8000 ? 0xFFFF - i : i - 0x8000); /* from the least up */
        float value;
        if (!tally[bits]) continue;
        dtype_to_float(DTYPE_F16, (const unsigned char *)&bits, 1, &value);
        histogram->values[histogram->count] = (double)value;
        histogram->counts[histogram->count] = tally[bits];
        histogram->f16[histogram->count++] = bits;
    }
}

static void pack_indices(struct stored *stored, const struct histogram *histogram,
                         const uint16_t *f16, size_t count) {
    unsigned char *out = stored->data;
    for (size_t i = 0, bit = 0; i < count; i++, bit += stored->bits) {
        unsigned entry = histogram->entry[f16[i]];
        out[bit / 8] |= (unsigned char)(entry << bit % 8);
        if (bit % 8 + stored->bits > 8) out[bit / 8 + 1] |= (unsigned char)(entry >> (8 - bit % 8));
    }
}

static pst_status fill_table(struct stored *stored, struct histogram *histogram,
                             const struct cancel *cancel, pst_error *err) {
    size_t entries = (size_t)1 << stored->bits;
    size_t runs = kmeans_runs(histogram->values, histogram->counts, histogram->count, entries,
                              histogram->starts, cancel);
    if (!runs) return cancel_check(cancel, err) ? PST_ERR_CANCELLED : error_memory(err, 0);
    for (size_t run = 0; run < entries; run++) {
        size_t at = run < runs ? run : runs - 1; /* the rest repeats the last */
        size_t first = histogram->starts[at], last = histogram->starts[at + 1];
        double centre = kmeans_mean(histogram->values, histogram->counts, first, last);
        dtype_from_double(DTYPE_F16, &centre, 1, &stored->table[run]);
        for (size_t i = first; i < last && run < runs; i++)
            histogram->entry[histogram->f16[i]] = (uint8_t)run;
    }
    histogram->entry[0x8000] = histogram->entry[0];
    return PST_OK;
}

/* f16 [rows * columns]: what the palette is to stand for. */
static pst_status store_palette(struct stored *stored, const uint16_t *f16,
                                const struct cancel *cancel, pst_error *err) {
    size_t count = stored->rows * stored->columns;
    stored->form = STORED_PALETTE;
    stored->dtype = MIL_F16;
    stored->bytes = (count * stored->bits + 7) / 8;
    stored->data = calloc(stored->bytes, 1);
    stored->table = calloc((size_t)1 << stored->bits, sizeof *stored->table);
    struct histogram *histogram = calloc(1, sizeof *histogram);
    pst_status status = PST_OK;
    if (!stored->data || !stored->table || !histogram) status = error_memory(err, stored->bytes);
    if (!status) {
        collect(histogram, f16, count);
        status = fill_table(stored, histogram, cancel, err);
    }
    if (!status) pack_indices(stored, histogram, f16, count);
    free(histogram);
    return status;
}

/* -------------------------------------------------------------------------------------- modules */

static void free_stored(struct stored *stored) {
    free(stored->data);
    free(stored->scale);
    free(stored->zeros);
    free(stored->table);
    *stored = (struct stored){0};
}

static pst_status store_weight(const struct store_run *run, uint32_t slot, struct stored *stored,
                               const double *values, pst_error *err) {
    const struct module *module = &run->merge->model->weights.modules[slot];
    size_t count = stored->rows * stored->columns;
    enum dtype dtype =
        run->precision == WEIGHTS_FLOAT32 || module->kind == MODULE_NUMBER ? DTYPE_F32 : DTYPE_F16;
    int compressed = run->precision >= WEIGHTS_INT8 && module->kind != MODULE_NORM &&
                     count >= COMPRESSED_MIN && !run->jobs[slot].whole;
    /* Rounded first in any case: what float16 cannot hold is an error. */
    struct stored plain = *stored;
    pst_status status = cancel_check(&run->merge->cancel, err);
    if (!status) status = round_all(&plain, dtype, values, module->name, err);
    if (!status) status = cancel_check(&run->merge->cancel, err);
    if (status || !compressed) {
        *stored = plain;
        return status;
    }
    if (run->precision == WEIGHTS_INT8)
        status = store_int8(stored, values, &run->merge->cancel, err);
    else {
        stored->bits = run->bits;
        status = store_palette(stored, plain.data, &run->merge->cancel, err);
    }
    free_stored(&plain);
    return status;
}

static pst_status store_module(const struct store_run *run, uint32_t slot, double *weight,
                               double *bias, pst_error *err) {
    const struct module *module = &run->merge->model->weights.modules[slot];
    struct stored_module *stored = &run->weights->modules[slot];
    stored->weight.rows = stored->bias.rows = module->out;
    stored->weight.columns =
        run->jobs[slot].arrangement == BLOCKED ? 2 * BLOCK : module_columns(module);
    stored->bias.columns = 1;
    pst_status status = store_weight(run, slot, &stored->weight, weight, err);
    if (status || !bias) return status;
    enum dtype dtype = run->precision == WEIGHTS_FLOAT32 ? DTYPE_F32 : DTYPE_F16;
    return round_all(&stored->bias, dtype, bias, module->name, err);
}

static void make_module(void *context, size_t index, unsigned thread) {
    (void)thread;
    struct store_run *run = context;
    const struct merge_run *merge = run->merge;
    const struct config *config = &merge->model->config;
    uint32_t slot = (uint32_t)index;
    const struct module *module = &merge->model->weights.modules[slot];
    const struct store_job *job = &run->jobs[slot];
    double *weight = NULL, *bias = NULL;
    pst_error *err = &run->jobs[slot].error;
    if (slot == merge->model->weights.proj_out.slot && merge->tied) return;
    pst_status status = merge_values(merge, slot, &weight, &bias, err);
    if (!status) {
        int has_bias = bias != NULL;
        weight = job->arrangement == BLOCKED
                     ? blocked(weight, module->out)
                     : arranged(config, job, weight, module->out, module_columns(module));
        bias = arranged(config, job, bias, module->out, 1);
        if (!weight || (has_bias && !bias)) status = error_memory(err, 0);
    }
    if (!status) status = store_module(run, slot, weight, bias, err);
    free(weight);
    free(bias);
    run->jobs[slot].status = status;
}

pst_status stored_weights_make(struct stored_weights *weights, const struct merge_run *merge,
                               enum weight_precision precision, unsigned bits,
                               struct thread_pool *pool, pst_error *err) {
    uint32_t count = merge->model->weights.module_count;
    *weights = (struct stored_weights){.count = count};
    struct store_run run = {
        .weights = weights, .merge = merge, .precision = precision, .bits = bits};
    weights->modules = calloc(count, sizeof *weights->modules);
    run.jobs = calloc(count, sizeof *run.jobs);
    pst_status status = PST_OK;
    if (!weights->modules || !run.jobs) {
        status = error_memory(err, 0);
    } else {
        arrange_encoder(&run);
        arrange_decoder(&run);
        thread_pool_run(pool, count, make_module, &run);
    }
    for (uint32_t i = 0; i < count && !status; i++) {
        status = run.jobs[i].status;
        if (status && err) *err = run.jobs[i].error;
    }
    free(run.jobs);
    return status;
}

struct stored stored_rows(const struct stored *stored, size_t first, size_t rows) {
    struct stored some = *stored;
    size_t bits = stored->form == STORED_INT8      ? 8
                  : stored->form == STORED_PALETTE ? stored->bits
                  : stored->dtype == MIL_F32       ? 32
                                                   : 16;
    some.rows = rows;
    some.data = (unsigned char *)stored->data + first * stored->columns * bits / 8;
    some.bytes = (rows * stored->columns * bits + 7) / 8;
    if (stored->scale) some.scale += first;
    if (stored->zeros) some.zeros = (unsigned char *)stored->zeros + first;
    return some;
}

/* numbers [count] of dtype */
static void scale_numbers(enum mil_dtype dtype, void *numbers, size_t count, float factor) {
    uint16_t *halves = numbers;
    float *floats = numbers;
    for (size_t i = 0; numbers && i < count; i++) {
        float number;
        if (dtype == MIL_F32) {
            floats[i] *= factor;
            continue;
        }
        dtype_to_float(DTYPE_F16, (const unsigned char *)&halves[i], 1, &number);
        double scaled = (double)(number * factor);
        dtype_from_double(DTYPE_F16, &scaled, 1, &halves[i]);
    }
}

void stored_module_scale(struct stored_module *module, float factor) {
    struct stored *weight = &module->weight, *bias = &module->bias;
    if (weight->form == STORED_PALETTE)
        scale_numbers(MIL_F16, weight->table, (size_t)1 << weight->bits, factor);
    else
        scale_numbers(weight->dtype, weight->data, weight->rows * weight->columns, factor);
    scale_numbers(bias->dtype, bias->data, bias->rows, factor);
}

void stored_weights_free(struct stored_weights *weights) {
    for (size_t i = 0; weights->modules && i < weights->count; i++) {
        free_stored(&weights->modules[i].weight);
        free_stored(&weights->modules[i].bias);
    }
    free(weights->modules);
    *weights = (struct stored_weights){0};
}
