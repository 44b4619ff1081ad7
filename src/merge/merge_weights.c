/* merge_weights.c - the merged tensors, one module after the other.
 *
 * A module is widened to double, goes through adapter_merge_module() once for each adapter, and is
 * rounded once into the stored type. Only one module exists twice at any time, so merging takes
 * little more memory than the model. */
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

static int is_changed(const struct merge_run *run, uint32_t slot) {
    for (size_t i = 0; i < run->count; i++)
        for (uint32_t j = 0; j < run->adapters[i]->slot_count; j++)
            if (run->adapters[i]->slots[j] == slot) return 1;
    return 0;
}

/* Applies every adapter to the widened module. */
static pst_status apply(const struct merge_run *run, uint32_t slot, double *weight, double *bias,
                        pst_error *err) {
    pst_status status = cancel_check(&run->cancel, err);
    for (size_t i = 0; i < run->count && !status; i++) {
        status =
            adapter_merge_module(run->adapters[i], slot, run->chosen[i].weight, weight, bias, err);
        if (!status) status = cancel_check(&run->cancel, err);
    }
    return status;
}

/* Reports a value that is not finite: an error with `safe`, else a warning. */
static pst_status report_value(const struct merge_run *run, const char *tensor, double value,
                               size_t index, pst_error *err) {
    const pst_merge_options *options = run->options;
    const char *what = isnan(value) ? "NaN" : "infinity";
    pst_error note;
    if (isfinite(value))
        error_set(&note, PST_ERR_MODEL, "merged %s[%zu] is %g, too large for %s", tensor, index,
                  value, dtype_torch_name(run->dtype));
    else
        error_set(&note, PST_ERR_MODEL, "merged %s[%zu] is %s", tensor, index, what);
    if (options->safe)
        return error_set(err, PST_ERR_MODEL, "%s: refused, not finite", note.message);
    if (options->warn) options->warn(options->user, note.message);
    return PST_OK;
}

/* Rounds values [count] into fresh memory. */
static pst_status store(const struct merge_run *run, const char *module, const char *part,
                        const double *values, size_t count, void **stored, pst_error *err) {
    char name[TENSOR_NAME_MAX];
    *stored = malloc(count * dtype_bytes(run->dtype));
    if (!*stored) return error_memory(err, count * dtype_bytes(run->dtype));
    size_t bad = dtype_from_double(run->dtype, values, count, *stored);
    if (bad == count) return PST_OK;
    snprintf(name, sizeof name, "%s.%s", module, part);
    return report_value(run, name, values[bad], bad, err);
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

/* What no adapter touches is only rounded, a piece at a time: the embedding is by far the largest
 * module and seldom changed. */
static pst_status round_values(const struct merge_run *run, const char *module, const char *part,
                               const float *values, size_t count, void **stored, pst_error *err) {
    enum { AT_ONCE = 1024 };
    double wide[AT_ONCE];
    char name[TENSOR_NAME_MAX];
    size_t size = dtype_bytes(run->dtype);
    *stored = malloc(count * size);
    if (!*stored) return error_memory(err, count * size);
    pst_status status = PST_OK;
    int reported = 0;
    for (size_t at = 0; at < count && !status; at += AT_ONCE) {
        size_t some = count - at < AT_ONCE ? count - at : AT_ONCE;
        for (size_t i = 0; i < some; i++) wide[i] = values[at + i];
        size_t bad = dtype_from_double(run->dtype, wide, some, (char *)*stored + at * size);
        if (bad == some || reported++) continue;
        snprintf(name, sizeof name, "%s.%s", module, part);
        status = report_value(run, name, wide[bad], at + bad, err);
    }
    return status;
}

pst_status merge_values(const struct merge_run *run, uint32_t slot, double **weight, double **bias,
                        pst_error *err) {
    const struct module *module = &run->model->weights.modules[slot];
    size_t count = weight_count(module);
    *weight = widen(module->weight, count);
    *bias = module->bias ? widen(module->bias, module->out) : NULL;
    if (!*weight || (module->bias && !*bias)) return error_memory(err, count * sizeof **weight);
    return apply(run, slot, *weight, *bias, err);
}

/* Fills `merged`, which is released in any case by free_merged(). */
static pst_status merge_module(const struct merge_run *run, uint32_t slot, struct merged *merged,
                               pst_error *err) {
    const struct module *module = &run->model->weights.modules[slot];
    size_t count = weight_count(module);
    if (!is_changed(run, slot)) {
        pst_status rounded = round_values(run, module->name, module->part, module->weight, count,
                                          &merged->weight, err);
        if (rounded || !module->bias) return rounded;
        return round_values(run, module->name, "bias", module->bias, module->out, &merged->bias,
                            err);
    }
    double *weight, *bias;
    pst_status status = merge_values(run, slot, &weight, &bias, err);
    if (!status)
        status = store(run, module->name, module->part, weight, count, &merged->weight, err);
    if (!status && bias)
        status = store(run, module->name, "bias", bias, module->out, &merged->bias, err);
    free(weight);
    free(bias);
    return status;
}

/* ----------------------------------------------------------------------------------- resolving */

/* Do the embedding and the output matrix, which are one in the base, come out the same? */
static pst_status compare_ends(struct merge_run *run, pst_error *err) {
    const struct weights *weights = &run->model->weights;
    uint32_t out = weights->proj_out.slot, in = weights->embed_tokens.slot;
    if (!is_changed(run, in) && !is_changed(run, out)) return PST_OK;
    struct merged embedding = {0}, output = {0};
    pst_merge_options quiet = *run->options; /* reports come when they are written */
    struct merge_run probe = *run;
    quiet.safe = 0;
    quiet.warn = NULL;
    probe.options = &quiet;
    pst_status status = merge_module(&probe, in, &embedding, err);
    if (!status) status = merge_module(&probe, out, &output, err);
    if (!status)
        run->tied = memcmp(embedding.weight, output.weight,
                           weight_count(&weights->modules[in]) * dtype_bytes(run->dtype)) == 0;
    free_merged(&embedding);
    free_merged(&output);
    return status;
}

pst_status merge_resolve(struct merge_run *run, pst_error *err) {
    run->tied = run->model->config.tie_word_embeddings;
    run->changed = 0;
    for (uint32_t i = 0; i < run->model->weights.module_count; i++)
        run->changed += (uint32_t)is_changed(run, i);
    return run->tied ? compare_ends(run, err) : PST_OK;
}

/* ------------------------------------------------------------------------------------- writing */

/* The tensors of the file, and the module at hand. */
struct tensor_writer {
    const struct merge_run *run;
    struct tensor_source *sources; /* [count] */
    uint32_t *slots;               /* [count] of the module that a tensor belongs to */
    unsigned char *is_bias;        /* [count] */
    char (*names)[TENSOR_NAME_MAX];
    size_t count;
    struct merged merged;
    uint32_t slot; /* whose `merged` is */
};

static void list_tensor(struct tensor_writer *writer, uint32_t slot, int is_bias) {
    const struct module *module = &writer->run->model->weights.modules[slot];
    size_t at = writer->count++;
    snprintf(writer->names[at], TENSOR_NAME_MAX, "%s.%s", module->name,
             is_bias ? "bias" : module->part);
    writer->slots[at] = slot;
    writer->is_bias[at] = (unsigned char)is_bias;
    writer->sources[at] =
        (struct tensor_source){.name = writer->names[at],
                               .dtype = writer->run->dtype,
                               .dims = is_bias ? 1 : module_dims(module),
                               .shape = {module->out, module->in, module->kernel}};
}

static int is_left_out(const struct merge_run *run, uint32_t slot) {
    static const char ENCODER[] = "model.encoder.";
    const struct weights *weights = &run->model->weights;
    if (slot == weights->proj_out.slot && run->tied) return 1;
    return run->decoder_only &&
           strncmp(weights->modules[slot].name, ENCODER, sizeof ENCODER - 1) == 0;
}

static pst_status list_tensors(struct tensor_writer *writer, pst_error *err) {
    const struct weights *weights = &writer->run->model->weights;
    size_t most = 2 * (size_t)weights->module_count;
    writer->sources = calloc(most, sizeof *writer->sources);
    writer->slots = calloc(most, sizeof *writer->slots);
    writer->is_bias = calloc(most, 1);
    writer->names = calloc(most, sizeof *writer->names);
    if (!writer->sources || !writer->slots || !writer->is_bias || !writer->names)
        return error_memory(err, 0);
    for (uint32_t i = 0; i < weights->module_count; i++) {
        if (is_left_out(writer->run, i)) continue;
        list_tensor(writer, i, 0);
        if (weights->modules[i].bias) list_tensor(writer, i, 1);
    }
    return PST_OK;
}

/* Weight and bias of a module stand side by side in the file, so it is merged once. */
static pst_status fill(void *user, const struct tensor_source *source, const void **data,
                       pst_error *err) {
    struct tensor_writer *writer = user;
    size_t at = (size_t)(source - writer->sources);
    if (!writer->merged.weight || writer->slot != writer->slots[at]) {
        free_merged(&writer->merged);
        writer->slot = writer->slots[at];
        pst_status status = cancel_check(&writer->run->cancel, err);
        if (!status) status = merge_module(writer->run, writer->slot, &writer->merged, err);
        if (status) return status;
    }
    *data = writer->is_bias[at] ? writer->merged.bias : writer->merged.weight;
    return PST_OK;
}

pst_status merge_write_weights(const struct merge_run *run, const char *dir, pst_error *err) {
    struct tensor_writer writer = {.run = run};
    char *path = path_join(dir, "model.safetensors");
    pst_status status = path ? list_tensors(&writer, err) : error_memory(err, 0);
    if (!status)
        status = safetensors_write_by(path, writer.sources, writer.count, fill, &writer, err);
    free(path);
    free(writer.sources);
    free(writer.slots);
    free(writer.is_bias);
    free(writer.names);
    free_merged(&writer.merged);
    return status;
}
