/* lora_dora.c - DoRA: the length of each output's weight with the adapter in it.
 *
 * DoRA gives every output of W + s D the length that was learnt: its factor is magnitude /
 * |W + s D|. The square of that norm is |W|^2 + 2 s W.D + s^2 |D|^2, so three numbers for each
 * output are enough for every weight that a user may give the adapter. Outputs are the rows of a
 * linear layer, and the columns of an embedding. */
#include <math.h>
#include <stdlib.h>

#include "adapter/methods/lora_steps.h"
#include "base/error.h"
#include "model/model.h"

static void measure(const struct module *module, const struct effect *effect, double *norms,
                    double *row) {
    size_t columns = module_columns(module);
    int by_column = module->kind == MODULE_EMBEDDING;
    for (size_t o = 0; o < module->out; o++) {
        effect_sum_row(module, effect, o, row);
        for (size_t i = 0; i < columns; i++) {
            size_t at = o * columns + module_network_column(module, i);
            double w = effect->weight ? effect->weight[at] : module->weight[o * columns + i];
            double d = row[module_network_column(module, i)];
            double *norm = norms + 3 * (by_column ? i : o);
            norm[0] += w * w;
            norm[1] += w * d;
            norm[2] += d * d;
        }
    }
}

pst_status lora_find_norms(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct effect *effect = &walk->build.adapter->effects[slot];
    if (!effect->magnitude) return PST_OK;
    size_t outputs = module->kind == MODULE_EMBEDDING ? module->in : module->out;
    size_t columns = module_columns(module);
    pst_status status = PST_OK;
    double *norms = adapter_build_own(&walk->build, outputs * 3, sizeof *norms, &status, err);
    float *factors =
        status ? NULL : adapter_build_own(&walk->build, outputs, sizeof *factors, &status, err);
    double *row = status ? NULL : malloc(columns * sizeof *row);
    if (!status && !row) status = error_memory(err, columns * sizeof *row);
    if (status) return status;
    measure(module, effect, norms, row);
    free(row);
    for (size_t o = 0; o < outputs; o++) {
        double s = effect->scale;
        double norm = sqrt(norms[o * 3] + s * (2 * norms[o * 3 + 1] + s * norms[o * 3 + 2]));
        factors[o] = (float)(effect->magnitude[o] / norm);
        if (!isfinite(factors[o]))
            return error_set(
                err, PST_ERR_MODEL,
                "%s: output %zu of %s has a weight of length %g, which DoRA divides by",
                walk->build.adapter->file.path, o, adapter_shown(module->name), norm);
    }
    effect->norms = norms;
    effect->out_scale = factors;
    return PST_OK;
}
