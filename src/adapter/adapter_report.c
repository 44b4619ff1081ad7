/* adapter_report.c - what an adapter does to its model, in numbers.
 *
 * The norm of scale * B * A is found without the product [out, in]: its square is the
 * sum over all pairs of ranks of (column i of B . column j of B) * (row i of A . row j
 * of A). Sums are in double. */
#include <math.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "base/error.h"
#include "model/model.h"

void pst_adapter_describe(const pst_adapter *adapter, pst_adapter_info *info) {
    *info = adapter->info;
}

static double dot(const float *x, size_t x_step, const float *y, size_t y_step, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i * x_step] * (double)y[i * y_step];
    return sum;
}

/* ||B A||^2 over pairs of ranks: rank^2 (in + out) / 2 products. */
static double square_by_ranks(const struct effect *effect, size_t out, size_t in) {
    size_t rank = effect->rank;
    double sum = 0;
    for (size_t i = 0; i < rank; i++) {
        for (size_t j = 0; j <= i; j++) {
            double pair = dot(effect->b + i, rank, effect->b + j, rank, out) *
                          dot(effect->a + i * in, 1, effect->a + j * in, 1, in);
            sum += i == j ? pair : 2 * pair;
        }
    }
    return sum > 0 ? sum : 0; /* rounding may push an exact zero below it */
}

/* The same over entries of the product: out * in * rank products. */
static double square_by_entries(const struct effect *effect, size_t out, size_t in) {
    size_t rank = effect->rank;
    double sum = 0;
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            double entry = dot(effect->b + o * rank, 1, effect->a + i, in, rank);
            sum += entry * entry;
        }
    }
    return sum;
}

/* B A and nothing else, whose norm can be had without the product. */
static int is_plain(const struct effect *effect) {
    return effect->rank && !effect->weight && !effect->rows && !effect->delta &&
           !effect->out_scale && !effect->in_scale;
}

static double plain_norm(const struct effect *effect, const struct module *module) {
    int embeds = module->kind == MODULE_EMBEDDING; /* its A is [rank, vocab], its B [dim, rank] */
    size_t out = embeds ? module->in : module->out,
           in = embeds ? module->out : module_columns(module);
    double by_ranks = (double)effect->rank * ((double)in + (double)out) / 2;
    double square = by_ranks < (double)(out * in) ? square_by_ranks(effect, out, in)
                                                  : square_by_entries(effect, out, in);
    return fabs(effect->scale) * sqrt(square);
}

/* The norm of what merging would change. */
static pst_status merged_norm(const struct pst_adapter *adapter, uint32_t slot, double *norm,
                              pst_error *err) {
    const struct module *module = &adapter->model->weights.modules[slot];
    size_t entries = module->out * module_columns(module), outs = module->out;
    double *weight = malloc((entries + outs) * sizeof *weight), square = 0;
    if (!weight) return error_memory(err, (entries + outs) * sizeof *weight);
    double *bias = weight + entries; /* not part of the norm */
    for (size_t i = 0; i < entries; i++) weight[i] = module->weight[i];
    for (size_t o = 0; o < outs; o++) bias[o] = 0;
    pst_status status = adapter_merge_module(adapter, slot, 1, weight, bias, err);
    for (size_t i = 0; i < entries && !status; i++) {
        double change = weight[i] - module->weight[i];
        square += change * change;
    }
    free(weight);
    if (!status) *norm = sqrt(square);
    return status;
}

pst_status pst_adapter_module_at(const pst_adapter *adapter, size_t index,
                                 pst_adapter_module *module, pst_error *err) {
    if (!adapter || !module)
        return error_set(err, PST_ERR_ARGUMENT, "pst_adapter_module_at: a pointer is NULL");
    if (index >= adapter->slot_count)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_adapter_module_at: index is %zu, the adapter changes %u modules",
                         index, adapter->slot_count);
    uint32_t slot = adapter->slots[index];
    const struct module *base = &adapter->model->weights.modules[slot];
    const struct effect *effect = &adapter->effects[slot];
    double norm = 0;
    if (is_plain(effect)) {
        norm = plain_norm(effect, base);
    } else {
        pst_status status = merged_norm(adapter, slot, &norm, err);
        if (status) return status;
    }
    *module = (pst_adapter_module){
        .name = base->name,
        .out = base->out,
        .in = base->in,
        .rank = effect_rank(effect),
        .scale = effect->scale,
        .delta_norm = norm,
        .weight_norm =
            sqrt(dot(base->weight, 1, base->weight, 1, base->out * module_columns(base))),
    };
    return PST_OK;
}
