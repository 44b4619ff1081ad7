/* lora_report.c - what an adapter does to its model, in numbers.
 *
 * The norm of scale * B * A is found without the product [out, in]: its square is the sum over all
 * pairs of ranks of (column i of B . column j of B) * (row i of A . row j of A). Sums are in double. */
#include <math.h>

#include "base/error.h"
#include "model/lora.h"
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
static double square_by_ranks(const struct lora *lora, size_t out, size_t in) {
    size_t rank = lora->rank;
    double sum = 0;
    for (size_t i = 0; i < rank; i++) {
        for (size_t j = 0; j <= i; j++) {
            double pair = dot(lora->b + i, rank, lora->b + j, rank, out) *
                          dot(lora->a + i * in, 1, lora->a + j * in, 1, in);
            sum += i == j ? pair : 2 * pair;
        }
    }
    return sum > 0 ? sum : 0; /* rounding may push an exact zero below it */
}

/* The same over entries of the product: out * in * rank products. */
static double square_by_entries(const struct lora *lora, size_t out, size_t in) {
    size_t rank = lora->rank;
    double sum = 0;
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            double entry = dot(lora->b + o * rank, 1, lora->a + i, in, rank);
            sum += entry * entry;
        }
    }
    return sum;
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
    const struct lora *lora = &adapter->loras[slot];
    size_t out = base->out, in = base->in, entries = out * in;
    double by_ranks = (double)lora->rank * ((double)in + (double)out) / 2;
    double square = by_ranks < (double)entries ? square_by_ranks(lora, out, in)
                                               : square_by_entries(lora, out, in);
    *module = (pst_adapter_module){
        .name = base->name,
        .out = base->out,
        .in = base->in,
        .rank = lora->rank,
        .scale = lora->exact_scale,
        .delta_norm = fabs(lora->exact_scale) * sqrt(square),
        .weight_norm = sqrt(dot(base->weight, 1, base->weight, 1, entries)),
    };
    return PST_OK;
}
