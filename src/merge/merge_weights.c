/* merge_weights.c - the merged tensors, one module after the other.
 *
 * A module is widened to double, goes through adapter_merge_module() once for each adapter, and is
 * rounded once into the stored type. Only one module exists twice at any time, so merging takes little
 * more memory than the model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "merge/merge.h"

/* Room for "<module>.weight". */
enum { TENSOR_NAME_MAX = MODULE_NAME_MAX + 8 };

/* A module after the merge. */
struct merged {
    void *weight; /* in the stored type, the checkpoint's order */
    void *bias;   /* NULL: none */
};

static size_t weight_count(const struct module *module) {
    return module->out * module_columns(module);
}

static int is_changed(const struct merging *merging, uint32_t slot) {
    for (size_t i = 0; i < merging->count; i++)
        for (uint32_t j = 0; j < merging->adapters[i]->slot_count; j++)
            if (merging->adapters[i]->slots[j] == slot) return 1;
    return 0;
}

/* Applies every adapter to the widened module. */
static pst_status apply(const struct merging *merging, uint32_t slot, double *weight, double *bias,
                        pst_error *err) {
    pst_status status = PST_OK;
    for (size_t i = 0; i < merging->count && !status; i++)
        status = adapter_merge_module(merging->adapters[i], slot, merging->chosen[i].weight, weight,
                                      bias, err);
    return status;
}

/* Says what is not finite: an error with `safe`, else a warning. */
static pst_status judge(const struct merging *merging, const char *tensor, double value,
                        size_t index, pst_error *err) {
    const pst_merge_options *options = merging->options;
    const char *what = isnan(value) ? "NaN" : "infinity";
    pst_error note;
    if (isfinite(value))
        error_set(&note, PST_ERR_MODEL, "merged %s[%zu] is %g, too large for %s", tensor, index,
                  value, dtype_torch_name(merging->dtype));
    else
        error_set(&note, PST_ERR_MODEL, "merged %s[%zu] is %s", tensor, index, what);
    if (options->safe)
        return error_set(err, PST_ERR_MODEL, "%s: refused, not finite", note.message);
    if (options->warn) options->warn(options->user, note.message);
    return PST_OK;
}

/* Rounds values [count] into fresh memory. */
static pst_status store(const struct merging *merging, const char *module, const char *part,
                        const double *values, size_t count, void **stored, pst_error *err) {
    char name[TENSOR_NAME_MAX];
    *stored = malloc(count * dtype_bytes(merging->dtype));
    if (!*stored) return error_memory(err, count * dtype_bytes(merging->dtype));
    size_t bad = dtype_from_double(merging->dtype, values, count, *stored);
    if (bad == count) return PST_OK;
    snprintf(name, sizeof name, "%s.%s", module, part);
    return judge(merging, name, values[bad], bad, err);
}

static double *widen(const float *values, size_t count) {
    double *wide = malloc(count * sizeof *wide);
    for (size_t i = 0; wide && i < count; i++) wide[i] = values[i];
    return wide;
}

static void free_merged(struct merged *merged) {
    free(merged->weight);
    free(merged->bias);
    *merged = (struct merged){0};
}

/* What no adapter touches is only rounded, a piece at a time: the embedding is by far the largest module
 * and seldom changed. */
static pst_status round_values(const struct merging *merging, const char *module, const char *part,
                               const float *values, size_t count, void **stored, pst_error *err) {
    enum { AT_ONCE = 1024 };
    double wide[AT_ONCE];
    char name[TENSOR_NAME_MAX];
    size_t size = dtype_bytes(merging->dtype);
    *stored = malloc(count * size);
    if (!*stored) return error_memory(err, count * size);
    pst_status status = PST_OK;
    int said = 0;
    for (size_t at = 0; at < count && !status; at += AT_ONCE) {
        size_t some = count - at < AT_ONCE ? count - at : AT_ONCE;
        for (size_t i = 0; i < some; i++) wide[i] = values[at + i];
        size_t bad = dtype_from_double(merging->dtype, wide, some, (char *)*stored + at * size);
        if (bad == some || said++) continue;
        snprintf(name, sizeof name, "%s.%s", module, part);
        status = judge(merging, name, wide[bad], at + bad, err);
    }
    return status;
}

pst_status merge_values(const struct merging *merging, uint32_t slot, double **weight,
                        double **bias, pst_error *err) {
    const struct module *module = &merging->model->weights.modules[slot];
    size_t count = weight_count(module);
    *weight = widen(module->weight, count);
    *bias = module->bias ? widen(module->bias, module->out) : NULL;
    if (!*weight || (module->bias && !*bias)) return error_memory(err, count * sizeof **weight);
    return apply(merging, slot, *weight, *bias, err);
}

/* Fills `merged`, which is released in any case by free_merged(). */
static pst_status merge_module(const struct merging *merging, uint32_t slot, struct merged *merged,
                               pst_error *err) {
    const struct module *module = &merging->model->weights.modules[slot];
    size_t count = weight_count(module);
    if (!is_changed(merging, slot)) {
        pst_status rounded = round_values(merging, module->name, "weight", module->weight, count,
                                          &merged->weight, err);
        if (rounded || !module->bias) return rounded;
        return round_values(merging, module->name, "bias", module->bias, module->out, &merged->bias,
                            err);
    }
    double *weight, *bias;
    pst_status status = merge_values(merging, slot, &weight, &bias, err);
    if (!status)
        status = store(merging, module->name, "weight", weight, count, &merged->weight, err);
    if (!status && bias)
        status = store(merging, module->name, "bias", bias, module->out, &merged->bias, err);
    free(weight);
    free(bias);
    return status;
}

/* ----------------------------------------------------------------------------------- resolving */

/* Do the embedding and the output matrix, which are one in the base, come out the same? */
static pst_status compare_ends(struct merging *merging, pst_error *err) {
    const struct weights *weights = &merging->model->weights;
    uint32_t out = weights->proj_out.slot, in = 0;
    while (weights->modules[in].kind != MODULE_EMBEDDING) in++;
    if (!is_changed(merging, in) && !is_changed(merging, out)) return PST_OK;
    struct merged embedding = {0}, output = {0};
    pst_merge_options quiet = *merging->options; /* what is said, is said when they are written */
    struct merging probe = *merging;
    quiet.safe = 0;
    quiet.warn = NULL;
    probe.options = &quiet;
    pst_status status = merge_module(&probe, in, &embedding, err);
    if (!status) status = merge_module(&probe, out, &output, err);
    if (!status)
        merging->tied =
            memcmp(embedding.weight, output.weight,
                   weight_count(&weights->modules[in]) * dtype_bytes(merging->dtype)) == 0;
    free_merged(&embedding);
    free_merged(&output);
    return status;
}

pst_status merge_resolve(struct merging *merging, pst_error *err) {
    merging->tied = merging->model->config.tie_word_embeddings;
    merging->changed = 0;
    for (uint32_t i = 0; i < merging->model->weights.module_count; i++)
        merging->changed += (uint32_t)is_changed(merging, i);
    return merging->tied ? compare_ends(merging, err) : PST_OK;
}

/* ------------------------------------------------------------------------------------- writing */

/* The tensors of the file, and the module at hand. */
struct writing {
    const struct merging *merging;
    struct tensor_source *sources; /* [count] */
    uint32_t *slots;               /* [count] of the module that a tensor belongs to */
    unsigned char *is_bias;        /* [count] */
    char (*names)[TENSOR_NAME_MAX];
    size_t count;
    struct merged merged;
    uint32_t slot; /* whose `merged` is */
};

static void list_tensor(struct writing *writing, uint32_t slot, int is_bias) {
    const struct module *module = &writing->merging->model->weights.modules[slot];
    size_t at = writing->count++;
    snprintf(writing->names[at], TENSOR_NAME_MAX, "%s.%s", module->name,
             is_bias ? "bias" : "weight");
    writing->slots[at] = slot;
    writing->is_bias[at] = (unsigned char)is_bias;
    writing->sources[at] =
        (struct tensor_source){.name = writing->names[at],
                               .dtype = writing->merging->dtype,
                               .dims = 1,
                               .shape = {module->out, module->in, module->kernel}};
    if (is_bias || module->kind == MODULE_NORM) return;
    writing->sources[at].dims = module->kind == MODULE_CONV1D ? 3 : 2;
}

static pst_status list_tensors(struct writing *writing, pst_error *err) {
    const struct weights *weights = &writing->merging->model->weights;
    size_t most = 2 * (size_t)weights->module_count;
    writing->sources = calloc(most, sizeof *writing->sources);
    writing->slots = calloc(most, sizeof *writing->slots);
    writing->is_bias = calloc(most, 1);
    writing->names = calloc(most, sizeof *writing->names);
    if (!writing->sources || !writing->slots || !writing->is_bias || !writing->names)
        return error_memory(err, 0);
    for (uint32_t i = 0; i < weights->module_count; i++) {
        if (i == weights->proj_out.slot && writing->merging->tied) continue;
        list_tensor(writing, i, 0);
        if (weights->modules[i].bias) list_tensor(writing, i, 1);
    }
    return PST_OK;
}

/* Weight and bias of a module stand side by side in the file, so it is merged once. */
static pst_status fill(void *user, const struct tensor_source *source, const void **data,
                       pst_error *err) {
    struct writing *writing = user;
    size_t at = (size_t)(source - writing->sources);
    if (!writing->merged.weight || writing->slot != writing->slots[at]) {
        free_merged(&writing->merged);
        writing->slot = writing->slots[at];
        pst_status status = merge_module(writing->merging, writing->slot, &writing->merged, err);
        if (status) return status;
    }
    *data = writing->is_bias[at] ? writing->merged.bias : writing->merged.weight;
    return PST_OK;
}

pst_status merge_write_weights(const struct merging *merging, const char *dir, pst_error *err) {
    struct writing writing = {.merging = merging};
    char *path = path_join(dir, "model.safetensors");
    pst_status status = path ? list_tensors(&writing, err) : error_memory(err, 0);
    if (!status)
        status = safetensors_write_by(path, writing.sources, writing.count, fill, &writing, err);
    free(path);
    free(writing.sources);
    free(writing.slots);
    free(writing.is_bias);
    free(writing.names);
    free_merged(&writing.merged);
    return status;
}
