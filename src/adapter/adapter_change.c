/* adapter_change.c - see adapter_change.h. */
#include "adapter/adapter_change.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

static const struct module *module_of(const struct adapter_walk *walk, uint32_t slot) {
    return &walk->build.adapter->model->weights.modules[slot];
}

static size_t entries_of(const struct adapter_walk *walk, uint32_t slot) {
    const struct module *module = module_of(walk, slot);
    return module->out * module_columns(module);
}

double change_base(const struct adapter_walk *walk, uint32_t slot, size_t row, size_t column) {
    const struct module *module = module_of(walk, slot);
    const float *replaced = walk->build.adapter->effects[slot].weight;
    size_t columns = module_columns(module);
    if (replaced) return replaced[row * columns + column];
    if (module->kind == MODULE_CONV1D)
        column = column % module->in * module->kernel + column / module->in;
    return module->weight[row * columns + column];
}

float *change_new(struct adapter_walk *walk, uint32_t slot, pst_status *status, pst_error *err) {
    return adapter_build_own(&walk->build, entries_of(walk, slot), sizeof(float), status, err);
}

/* Numbers that are finite may have a product that is not. */
static pst_status check_finite(const struct adapter_walk *walk, uint32_t slot, const float *values,
                               size_t count, pst_error *err) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return error_set(
                err, PST_ERR_MODEL, "%s: the tensors of %s multiply to numbers beyond float32",
                walk->build.adapter->file.path, adapter_shown(module_of(walk, slot)->name));
    return PST_OK;
}

pst_status change_use_delta(struct adapter_walk *walk, uint32_t slot, const float *delta,
                            double scale, pst_error *err) {
    struct effect *effect = &walk->build.adapter->effects[slot];
    pst_status status = check_finite(walk, slot, delta, entries_of(walk, slot), err);
    if (status) return status;
    effect->delta = delta;
    effect->scale = scale;
    walk->applied++;
    return PST_OK;
}

static pst_status multiply_out(struct adapter_walk *walk, uint32_t slot, size_t rank,
                               const float *a, const float *b, double scale, pst_error *err) {
    const struct module *module = module_of(walk, slot);
    size_t columns = module_columns(module);
    pst_status status = PST_OK;
    float *delta = change_new(walk, slot, &status, err);
    double *row = delta ? malloc(columns * sizeof *row) : NULL;
    if (!row) return status ? status : error_memory(err, columns * sizeof *row);
    for (size_t o = 0; o < module->out; o++) {
        for (size_t i = 0; i < columns; i++) row[i] = 0;
        for (size_t r = 0; r < rank; r++) {
            double at = b[o * rank + r];
            for (size_t i = 0; i < columns; i++) row[i] += at * a[r * columns + i];
        }
        for (size_t i = 0; i < columns; i++) delta[o * columns + i] = (float)row[i];
    }
    free(row);
    return change_use_delta(walk, slot, delta, scale, err);
}

pst_status change_use_product(struct adapter_walk *walk, uint32_t slot, size_t rank, const float *a,
                              const float *b, double scale, pst_error *err) {
    const struct module *module = module_of(walk, slot);
    struct effect *effect = &walk->build.adapter->effects[slot];
    size_t columns = module_columns(module);
    pst_status status = check_finite(walk, slot, a, rank * columns, err);
    if (!status) status = check_finite(walk, slot, b, rank * module->out, err);
    if (status) return status;
    if (rank * (columns + module->out) > columns * module->out)
        return multiply_out(walk, slot, rank, a, b, scale, err);
    effect->rank = (uint32_t)rank;
    effect->a = a;
    effect->b = b;
    effect->scale = scale;
    walk->applied++;
    return PST_OK;
}

pst_status change_use_weight(struct adapter_walk *walk, uint32_t slot, const float *weight,
                             pst_error *err) {
    struct effect *effect = &walk->build.adapter->effects[slot];
    pst_status status = check_finite(walk, slot, weight, entries_of(walk, slot), err);
    if (status) return status;
    effect->weight = weight;
    effect->from_base = 1;
    effect->scale = 1;
    walk->applied++;
    return PST_OK;
}
