/* diff.c - pst_diff(): how far two checkpoints are apart, tensor by tensor.
 *
 * Names are matched as the loader matches them, with or without a leading "model."; of the output
 * matrix and the embedding a checkpoint may store one, which serves for both. Everything is computed
 * in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/checkpoint.h"
#include "potstill_tools.h"
#include "verify/matrix_rank.h"

static const char OUTPUT[] = "proj_out.weight", EMBEDDING[] = "model.decoder.embed_tokens.weight";

/* One run of pst_diff(). */
struct comparison {
    struct checkpoint a, b;
    void (*row)(void *user, const pst_tensor_diff *diff);
    void *user;
    pst_diff_summary summary;
    double square, square_a; /* sums for the summary */
};

/* Two tensors of one shape, as matrices. */
struct pair {
    const struct tensor *a, *b;
    size_t rows, columns;
    double *difference; /* [rows, columns] */
    double threshold;   /* for the rank */
    double square_a;
};

/* ------------------------------------------------------------------------------------ one pair */

/* Half the distance of 1 to the next value: what rounding to the type can do to a value. */
static double unit_roundoff(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_F16: return 0x1p-11;
    case DTYPE_BF16: return 0x1p-8;
    default: return 0x1p-24;
    }
}

/* Largest norms of a row and of a column, of whichever tensor is larger at each place: their sum
 * bounds the norm of a matrix of independent errors of that size. */
static void set_threshold(struct pair *pair, const double *squares_by_column, double row_square) {
    double column_square = 0;
    for (size_t i = 0; i < pair->columns; i++)
        if (squares_by_column[i] > column_square) column_square = squares_by_column[i];
    double a = unit_roundoff(pair->a->dtype), b = unit_roundoff(pair->b->dtype);
    pair->threshold = (a > b ? a : b) * (sqrt(row_square) + sqrt(column_square));
}

/* b - a where the values are not the same; two NaNs are. */
static double subtract(float b, float a) {
    return a == b || (isnan(a) && isnan(b)) ? 0 : (double)b - (double)a;
}

/* Widens row by row and fills difference, the sums, and what `diff` says of single values. row_a,
 * row_b and squares_by_column are scratch, a row each. */
static void walk(struct pair *pair, float *row_a, float *row_b, double *squares_by_column,
                 pst_tensor_diff *diff) {
    double square = 0, row_square = 0;
    size_t columns = pair->columns;
    for (size_t r = 0; r < pair->rows; r++) {
        double sum = 0;
        size_t at = r * columns;
        dtype_to_float(pair->a->dtype, pair->a->data + at * dtype_bytes(pair->a->dtype), columns,
                       row_a);
        dtype_to_float(pair->b->dtype, pair->b->data + at * dtype_bytes(pair->b->dtype), columns,
                       row_b);
        for (size_t i = 0; i < columns; i++) {
            double value = subtract(row_b[i], row_a[i]), a = row_a[i], b = row_b[i];
            double larger = a * a > b * b ? a * a : b * b;
            pair->difference[at + i] = value;
            pair->square_a += a * a;
            square += value * value;
            sum += larger;
            squares_by_column[i] += larger;
            diff->changed += value != 0;
            if (!(fabs(value) <= diff->max_abs)) diff->max_abs = fabs(value);
        }
        if (sum > row_square) row_square = sum;
    }
    diff->norm = sqrt(square);
    diff->relative = square > 0 ? sqrt(square / pair->square_a) : 0;
    set_threshold(pair, squares_by_column, row_square);
}

static pst_status measure_rank(const struct pair *pair, pst_tensor_diff *diff, pst_error *err) {
    size_t rank = 0, side = pair->rows < pair->columns ? pair->rows : pair->columns;
    diff->rank = 0;
    if (diff->changed == 0) return PST_OK;
    diff->rank = -1;
    if (!isfinite(diff->norm) || side > MATRIX_RANK_SIDE_MAX) return PST_OK;
    pst_status status =
        matrix_rank(pair->difference, pair->rows, pair->columns, pair->threshold, &rank, err);
    if (!status) diff->rank = (int64_t)rank;
    return status;
}

/* Fills the numbers of `diff`. */
static pst_status compare_values(struct pair *pair, pst_tensor_diff *diff, pst_error *err) {
    size_t columns = pair->columns ? pair->columns : 1;
    pair->difference = malloc((pair->a->count + 1) * sizeof *pair->difference);
    float *rows = malloc(2 * columns * sizeof *rows);
    double *squares = calloc(columns, sizeof *squares);
    pst_status status = PST_OK;
    if (pair->difference && rows && squares) {
        walk(pair, rows, rows + columns, squares, diff);
        status = measure_rank(pair, diff, err);
    } else {
        status = error_memory(err, pair->a->count * sizeof *pair->difference);
    }
    free(pair->difference);
    free(rows);
    free(squares);
    return status;
}

static int is_number(enum dtype dtype) {
    return dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16 || dtype == DTYPE_F64;
}

static int same_shape(const struct tensor *a, const struct tensor *b) {
    if (a->dims != b->dims) return 0;
    for (uint32_t i = 0; i < a->dims; i++)
        if (a->shape[i] != b->shape[i]) return 0;
    return 1;
}

/* Both are there, with one shape. */
static pst_status compare_pair(struct comparison *run, const struct tensor *a,
                               const struct tensor *b, pst_tensor_diff *diff, pst_error *err) {
    struct pair pair = {.a = a, .b = b, .rows = a->dims ? a->shape[0] : 1};
    pair.columns = pair.rows ? a->count / pair.rows : 0;
    if (!is_number(a->dtype) || !is_number(b->dtype))
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is %s, expected F32, F16, BF16 or F64",
                         run->a.path, a->name,
                         dtype_name(is_number(a->dtype) ? b->dtype : a->dtype));
    diff->values = a->count;
    pst_status status = compare_values(&pair, diff, err);
    if (status) return status;
    run->square += diff->norm * diff->norm;
    run->square_a += pair.square_a;
    run->summary.tensors++;
    if (diff->changed == 0) return PST_OK;
    run->summary.changed++;
    if (diff->rank > run->summary.rank) run->summary.rank = diff->rank;
    if (run->row) run->row(run->user, diff);
    return PST_OK;
}

/* -------------------------------------------------------------------------------- all of them */

/* Every name of either checkpoint, as the network has it, sorted. */
struct names {
    char **items; /* [count] */
    size_t count;
};

static void free_names(struct names *names) {
    for (size_t i = 0; i < names->count; i++) free(names->items[i]);
    free(names->items);
}

static pst_status add_names(struct names *names, const struct checkpoint *checkpoint,
                            pst_error *err) {
    for (uint32_t f = 0; f < checkpoint->count; f++)
        for (size_t i = 0; i < checkpoint->files[f].count; i++) {
            const char *name = checkpoint->files[f].tensors[i].name;
            int bare = strncmp(name, "encoder.", 8) == 0 || strncmp(name, "decoder.", 8) == 0;
            struct buffer full = {0};
            buffer_format(&full, "%s%s", bare ? "model." : "", name);
            if (full.failed) return error_memory(err, 0);
            names->items[names->count++] = full.data;
        }
    return PST_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static pst_status list_names(struct names *names, const struct comparison *run, pst_error *err) {
    size_t most = (size_t)run->a.tensors + run->b.tensors;
    names->items = calloc(most + 1, sizeof *names->items);
    if (!names->items) return error_memory(err, most * sizeof *names->items);
    pst_status status = add_names(names, &run->a, err);
    if (!status) status = add_names(names, &run->b, err);
    qsort(names->items, names->count, sizeof *names->items, by_text);
    return status;
}

/* The tensor that serves as `name`. */
static const struct tensor *find(const struct checkpoint *checkpoint, const char *name) {
    const struct tensor *tensor = checkpoint_find(checkpoint, name);
    if (!tensor && strcmp(name, OUTPUT) == 0) return checkpoint_find(checkpoint, EMBEDDING);
    if (!tensor && strcmp(name, EMBEDDING) == 0) return checkpoint_find(checkpoint, OUTPUT);
    return tensor;
}

static pst_status compare(struct comparison *run, const char *name, pst_error *err) {
    const struct tensor *a = find(&run->a, name), *b = find(&run->b, name);
    char shape_a[128], shape_b[128];
    pst_tensor_diff diff = {.name = name, .rank = -1};
    if (a) diff.dtype_a = dtype_name(a->dtype), diff.shape_a = tensor_shape_text(a, shape_a);
    if (b) diff.dtype_b = dtype_name(b->dtype), diff.shape_b = tensor_shape_text(b, shape_b);
    if (a && b && same_shape(a, b)) return compare_pair(run, a, b, &diff, err);
    if (a && b)
        run->summary.reshaped++;
    else if (a)
        run->summary.only_a++;
    else
        run->summary.only_b++;
    if (run->row) run->row(run->user, &diff);
    return PST_OK;
}

static pst_status compare_all(struct comparison *run, pst_error *err) {
    struct names names = {0};
    pst_status status = list_names(&names, run, err);
    for (size_t i = 0; i < names.count && !status; i++)
        if (i == 0 || strcmp(names.items[i], names.items[i - 1]) != 0)
            status = compare(run, names.items[i], err);
    free_names(&names);
    run->summary.norm = sqrt(run->square);
    run->summary.relative = run->square > 0 ? sqrt(run->square / run->square_a) : 0;
    return status;
}

pst_status pst_diff(const char *dir_a, const char *dir_b,
                    void (*row)(void *user, const pst_tensor_diff *diff), void *user,
                    pst_diff_summary *summary, pst_error *err) {
    if (!dir_a || !dir_b || !summary)
        return error_set(err, PST_ERR_ARGUMENT, "pst_diff: a folder or summary is NULL");
    struct comparison run = {.row = row, .user = user};
    pst_status status = checkpoint_open(&run.a, dir_a, err);
    if (!status) status = checkpoint_open(&run.b, dir_b, err);
    if (!status) status = compare_all(&run, err);
    checkpoint_close(&run.a);
    checkpoint_close(&run.b);
    if (!status) *summary = run.summary;
    return status;
}
