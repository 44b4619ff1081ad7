/* hra.c - HRA: the inputs are reflected, once for each column of a matrix.
 *
 *     W' = W H1 H2 ... Hr       Hi = I - 2 ui uiT, ui of length 1
 *
 * Each reflection takes a product away from the weight, so that W' - W is one of rank r: A has the
 * ui as rows, and column i of B is -2 W H1 ... Hi-1 ui. With apply_GS the ui are made orthogonal to
 * each other first. */
#include <math.h>
#include <stdlib.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

struct reflections {
    size_t rank, in;
    double *u; /* [rank, in] */
};

static double dot(const double *x, const double *y, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i] * y[i];
    return sum;
}

/* Rows of u from the columns of hra_u [in, rank], of length 1. */
static pst_status normalise(const struct adapter_walk *walk, const struct module *module,
                            const float *values, int orthogonal, struct reflections *reflections,
                            pst_error *err) {
    size_t rank = reflections->rank, in = reflections->in;
    for (size_t r = 0; r < rank; r++) {
        double *u = reflections->u + r * in;
        for (size_t i = 0; i < in; i++) u[i] = values[i * rank + r];
        for (size_t before = 0; orthogonal && before < r; before++) {
            const double *other = reflections->u + before * in;
            double along = dot(u, other, in);
            for (size_t i = 0; i < in; i++) u[i] -= along * other[i];
        }
        double length = sqrt(dot(u, u, in));
        if (!(length > 0))
            return error_set(err, PST_ERR_MODEL,
                             "%s: column %zu of %s hra_u has no direction of its own, and HRA "
                             "divides by its length",
                             walk->build.adapter->file.path, r, adapter_shown(module->name));
        for (size_t i = 0; i < in; i++) u[i] /= length;
    }
    return PST_OK;
}

/* b [out, rank], row by row: what each reflection finds left. */
static pst_status reflect(const struct adapter_walk *walk, uint32_t slot,
                          const struct reflections *reflections, float *b, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t rank = reflections->rank, in = reflections->in;
    double *row = malloc(in * sizeof *row);
    if (!row) return error_memory(err, in * sizeof *row);
    for (size_t o = 0; o < module->out; o++) {
        for (size_t i = 0; i < in; i++) row[i] = change_base(walk, slot, o, i);
        for (size_t r = 0; r < rank; r++) {
            const double *u = reflections->u + r * in;
            double taken = -2 * dot(row, u, in);
            for (size_t i = 0; i < in; i++) row[i] += taken * u[i];
            b[o * rank + r] = (float)taken;
        }
    }
    free(row);
    return PST_OK;
}

static pst_status use(struct adapter_walk *walk, uint32_t slot, const float *values, int orthogonal,
                      struct reflections *reflections, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t rank = reflections->rank, in = reflections->in;
    pst_status status = normalise(walk, module, values, orthogonal, reflections, err);
    if (status) return status;
    float *a = adapter_build_own(&walk->build, rank * in, sizeof *a, &status, err);
    float *b =
        a ? adapter_build_own(&walk->build, rank * module->out, sizeof *b, &status, err) : NULL;
    if (!b) return status;
    for (size_t i = 0; i < rank * in; i++) a[i] = (float)reflections->u[i];
    status = reflect(walk, slot, reflections, b, err);
    walk->build.adapter->effects[slot].from_base = 1;
    return status ? status : change_use_product(walk, slot, rank, a, b, 1, err);
}

/* An even rank starts as pairs of equal reflections, which undo each other; an odd one does not,
 * and of a pair apply_GS can make nothing. */
static pst_status start(struct adapter_walk *walk, pst_error *err) {
    int orthogonal = 0;
    const struct json_file *file = &walk->config->file;
    pst_status status = json_get_bool(file->root, file->path, "apply_GS", &orthogonal, err);
    walk->random_init |= orthogonal || walk->config->selection.r % 2 != 0;
    return status;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    const struct json_file *file = &walk->config->file;
    struct reflections reflections = {.rank = walk->config->selection.r, .in = module->in};
    struct part part = {.name = "hra_u", .dims = 2, .shape = {reflections.in, reflections.rank}};
    int orthogonal = 0, complete;
    pst_status status = json_get_bool(file->root, file->path, "apply_GS", &orthogonal, err);
    if (!status) status = adapter_walk_take(walk, module, &part, 1, &complete, err);
    if (status || !complete) return status;
    reflections.u = calloc(reflections.rank * reflections.in, sizeof *reflections.u);
    if (!reflections.u)
        return error_memory(err, reflections.rank * reflections.in * sizeof *reflections.u);
    status = use(walk, slot, part.values, orthogonal, &reflections, err);
    free(reflections.u);
    return status;
}

const struct adapter_method HRA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .start = start, .apply = apply, .missing = "nothing"};
