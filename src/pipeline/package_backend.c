/* package_backend.c - see package_backend.h. */
#include "pipeline/package_backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/package/package.h"

/* More than any function of ours has. */
enum { TENSORS_MAX = 32 };

struct interpreted {
    struct mil_model *model;
    const struct mil_function *function;
    struct mil_machine *machine;
};

static void unload(void *loaded) {
    struct interpreted *interpreted = loaded;
    if (!interpreted) return;
    mil_machine_free(interpreted->machine);
    mil_model_free(interpreted->model);
    free(interpreted);
}

static pst_status find_function(struct interpreted *interpreted, const char *path, const char *name,
                                pst_error *err) {
    const struct mil_model *model = interpreted->model;
    for (size_t i = 0; i < model->function_count; i++)
        if (!name || strcmp(model->functions[i]->name, name) == 0) {
            interpreted->function = model->functions[i];
            return PST_OK;
        }
    return error_set(err, PST_ERR_MODEL, "%s: there is no function %s", path, name ? name : "");
}

static pst_status load(const struct runner_options *options, const char *path, const char *function,
                       void **loaded, pst_error *err) {
    struct interpreted *interpreted = calloc(1, sizeof *interpreted);
    if (!interpreted) return error_memory(err, sizeof *interpreted);
    pst_status status = package_read(path, &interpreted->model, err);
    if (!status) status = find_function(interpreted, path, function, err);
    if (!status)
        status = mil_machine_new(&interpreted->machine, interpreted->model,
                                 interpreted->function->name, MIL_ROUND_F16, options->threads, err);
    if (status) {
        unload(interpreted);
        return status;
    }
    *loaded = interpreted;
    return PST_OK;
}

/* Float numbers are given as float32; the machine wants the type that is declared. */
static void declare(struct mil_tensor *input, const struct mil_function *function) {
    for (size_t i = 0; i < function->input_count; i++) {
        const struct mil_value *value = function->inputs[i];
        if (strcmp(value->name, input->name) == 0 && input->type.dtype == MIL_F32 &&
            value->type.dtype == MIL_F16)
            input->type.dtype = MIL_F16;
    }
}

static pst_status pick(const struct interpreted *interpreted, const struct mil_tensor *results,
                       struct mil_tensor *output, pst_error *err) {
    const struct mil_block *block = interpreted->function->block;
    for (size_t i = 0; i < block->output_count; i++) {
        if (strcmp(block->outputs[i]->name, output->name) != 0) continue;
        *output = results[i];
        return PST_OK;
    }
    return error_set(err, PST_ERR_MODEL, "function %s has no output '%s'",
                     interpreted->function->name, output->name);
}

static pst_status run(void *loaded, const struct mil_tensor *inputs, size_t input_count,
                      struct mil_tensor *outputs, size_t output_count, pst_error *err) {
    const struct interpreted *interpreted = loaded;
    size_t result_count = interpreted->function->block->output_count;
    struct mil_tensor given[TENSORS_MAX], results[TENSORS_MAX];
    if (input_count > TENSORS_MAX || result_count > TENSORS_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED, "function %s has more than %d outputs",
                         interpreted->function->name, TENSORS_MAX);
    for (size_t i = 0; i < input_count; i++) {
        given[i] = inputs[i];
        declare(&given[i], interpreted->function);
    }
    pst_status status =
        mil_machine_run(interpreted->machine, given, input_count, results, result_count, err);
    for (size_t i = 0; !status && i < output_count; i++)
        status = pick(interpreted, results, &outputs[i], err);
    return status;
}

const struct runner runner_mil = {"mil", load, run, unload};

/* ----------------------------------------------------------------------------------------- Core ML */

static pst_status load_coreml(const struct runner_options *options, const char *path,
                              const char *function, void **loaded, pst_error *err) {
    struct coreml_options chosen = options->coreml;
    struct coreml_model *model = NULL;
    chosen.function = function;
    pst_status status = coreml_model_open(&model, path, &chosen, err);
    if (!status) *loaded = model;
    return status;
}

static pst_status run_coreml(void *loaded, const struct mil_tensor *inputs, size_t input_count,
                             struct mil_tensor *outputs, size_t output_count, pst_error *err) {
    return coreml_model_run(loaded, inputs, input_count, outputs, output_count, err);
}

static void unload_coreml(void *loaded) {
    coreml_model_free(loaded);
}

const struct runner runner_coreml = {"coreml", load_coreml, run_coreml, unload_coreml};

/* ---------------------------------------------------------------------------------------- devices */

pst_status pst_device_check(pst_device device, pst_error *err) {
    const struct runner *runner;
    return runner_get(&runner, device, err);
}

pst_status runner_get(const struct runner **runner, pst_device device, pst_error *err) {
    switch (device) {
    case PST_DEVICE_MIL: *runner = &runner_mil; return PST_OK;
    case PST_DEVICE_COREML: *runner = &runner_coreml; return coreml_check(err);
    }
    return error_set(err, PST_ERR_ARGUMENT, "there is no device %d", (int)device);
}
