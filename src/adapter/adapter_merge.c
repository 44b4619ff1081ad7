/* adapter_merge.c - an effect folded into the weight it changes.
 *
 * PEFT merges in float32; here sums are in double and rounding is left to the caller, so the result
 * is within one rounding of PEFT's; what Moonshine's own trainer made has the trainer's bits. The
 * order of the steps is PEFT's: DoRA takes its norms from the weight it finds, which an earlier
 * adapter may have changed, and does not scale the bias. */
#include <math.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "base/error.h"
#include "model/model.h"

struct merge {
    const struct module *module;
    const struct effect *effect;
    double factor;
    double *weight; /* [rows, columns] in the checkpoint's order */
    size_t rows, columns;
};

static void replace(const struct merge *merge) {
    const struct effect *effect = merge->effect;
    size_t columns = merge->columns;
    if (effect->weight)
        for (size_t o = 0; o < merge->rows; o++)
            for (size_t i = 0; i < columns; i++)
                merge->weight[o * columns + i] =
                    effect->weight[o * columns + module_network_column(merge->module, i)];
    for (uint32_t r = 0; r < effect->row_count; r++)
        for (size_t i = 0; i < columns; i++)
            merge->weight[effect->row_ids[r] * columns + i] = effect->rows[r * columns + i];
}

void effect_sum_row(const struct module *module, const struct effect *effect, size_t row,
                    double *sum) {
    size_t columns = module_columns(module), rank = effect->rank;
    for (size_t i = 0; i < columns; i++)
        sum[i] = effect->delta ? effect->delta[row * columns + i] : 0;
    for (size_t r = 0; r < rank; r++) {
        if (module->kind == MODULE_EMBEDDING) {
            double at = effect->a[r * module->out + row];
            for (size_t i = 0; i < columns; i++) sum[i] += at * effect->b[i * rank + r];
        } else {
            double at = effect->b[row * rank + r];
            for (size_t i = 0; i < columns; i++) sum[i] += at * effect->a[r * columns + i];
        }
    }
}

/* The bits of W + s (B @ A) in torch: its product of float32 matrices adds a value's products one
 * after the other, each by a fused multiply-add, and the two steps that follow round as well. */
static void add_in_float(const struct merge *merge) {
    const struct effect *effect = merge->effect;
    float scale = (float)(merge->factor * effect->scale);
    for (size_t o = 0; o < merge->rows; o++)
        for (size_t i = 0; i < merge->columns; i++) {
            double *weight = &merge->weight[o * merge->columns + i];
            float sum = 0;
            for (size_t r = 0; r < effect->rank; r++)
                sum = fmaf(effect->b[o * effect->rank + r], effect->a[r * merge->columns + i], sum);
            float change = scale * sum;
            *weight = (float)*weight + change;
        }
}

static pst_status add(const struct merge *merge, pst_error *err) {
    const struct effect *effect = merge->effect;
    double scale = merge->factor * effect->scale;
    if (!effect->delta && !effect->rank) return PST_OK;
    if (effect->merged_in_float) {
        add_in_float(merge);
        return PST_OK;
    }
    double *sum = malloc(merge->columns * sizeof *sum);
    if (!sum) return error_memory(err, merge->columns * sizeof *sum);
    for (size_t o = 0; o < merge->rows; o++) {
        effect_sum_row(merge->module, effect, o, sum);
        for (size_t i = 0; i < merge->columns; i++)
            merge->weight[o * merge->columns + i] +=
                scale * sum[module_network_column(merge->module, i)];
    }
    free(sum);
    return PST_OK;
}

/* DoRA: every output of the changed weight gets the length that was learnt. The outputs of a linear
 * layer are its rows, those of an embedding its columns. */
static void set_lengths(const struct merge *merge) {
    const float *magnitude = merge->effect->magnitude;
    size_t rows = merge->rows, columns = merge->columns;
    int by_column = merge->module->kind == MODULE_EMBEDDING;
    size_t outputs = by_column ? columns : rows, step = by_column ? columns : 1;
    size_t count = by_column ? rows : columns;
    for (size_t o = 0; magnitude && o < outputs; o++) {
        double *first = merge->weight + (by_column ? o : o * columns), square = 0;
        for (size_t i = 0; i < count; i++) square += first[i * step] * first[i * step];
        double factor = magnitude[o] / sqrt(square);
        for (size_t i = 0; i < count; i++) first[i * step] *= factor;
    }
}

/* IA3: with a weight w other than 1 a factor f becomes 1 + w (f - 1). */
static void scale(const struct merge *merge, double *bias) {
    const struct effect *effect = merge->effect;
    const struct module *module = merge->module;
    double factor = merge->factor;
    int by_column = module->kind == MODULE_EMBEDDING;
    if (effect->out_scale && !effect->magnitude) {
        for (size_t i = 0; i < merge->rows * merge->columns; i++) {
            size_t output = by_column ? i % merge->columns : i / merge->columns;
            merge->weight[i] *= 1 + factor * (effect->out_scale[output] - 1.0);
        }
        for (size_t o = 0; bias && o < module->out; o++)
            bias[o] *= 1 + factor * (effect->out_scale[o] - 1.0);
    }
    for (size_t i = 0; effect->in_scale && i < merge->rows * merge->columns; i++) {
        size_t input = module_network_column(module, i % merge->columns) % module->in;
        merge->weight[i] *= 1 + factor * (effect->in_scale[input] - 1.0);
    }
}

static void add_bias(const struct merge *merge, double *bias) {
    const struct effect *effect = merge->effect;
    for (size_t o = 0; bias && effect->b_bias && o < merge->module->out; o++)
        bias[o] += merge->factor * effect->scale * effect->b_bias[o];
}

pst_status adapter_merge_module(const struct pst_adapter *adapter, uint32_t slot, double factor,
                                double *weight, double *bias, pst_error *err) {
    const struct module *module = &adapter->model->weights.modules[slot];
    const struct effect *effect = &adapter->effects[slot];
    struct merge merge = {.module = module,
                          .effect = effect,
                          .factor = factor,
                          .weight = weight,
                          .rows = module->out,
                          .columns = module_columns(module)};
    if (effect->b_bias && !bias)
        return error_set(
            err, PST_ERR_UNSUPPORTED,
            "%s: %s has no bias, which %s would have to merge into (PEFT refuses it too)",
            adapter->file.path, module->name, effect->rank ? "lora_bias" : "beft_bias");
    replace(&merge);
    if (effect->bias && bias)
        for (size_t o = 0; o < module->out; o++) bias[o] = effect->bias[o];
    pst_status status = add(&merge, err);
    if (status) return status;
    set_lengths(&merge);
    scale(&merge, bias);
    add_bias(&merge, bias);
    return PST_OK;
}
