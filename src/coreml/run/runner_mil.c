/* runner_mil.c - runs functions of packages by the interpreter; see runner.h.
 *
 * Where the package declares float16, inputs are rounded when they are written: the machine does
 * not check them again in every run. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/interpret/interpret.h"
#include "coreml/ops/round_f16.h"
#include "coreml/package/package.h"
#include "coreml/run/runner.h"

/* More than any function of ours has. */
enum { TENSORS_MAX = 32 };

struct function {
    struct mil_model *model;
    const struct mil_function *function;
    struct mil_machine *machine;
    size_t input_count, output_count;
    struct mil_tensor inputs[TENSORS_MAX];  /* in memory of their own */
    struct mil_tensor outputs[TENSORS_MAX]; /* of the last run, in the machine's */
};

/* ------------------------------------------------------------------------------------ opening */

static void unload(struct function *function) {
    if (!function) return;
    mil_machine_free(function->machine);
    mil_model_free(function->model);
    for (size_t i = 0; i < function->input_count; i++) {
        free(function->inputs[i].f);
        free(function->inputs[i].i);
    }
    free(function);
}

static pst_status find_function(struct function *function, const char *path, const char *name,
                                pst_error *err) {
    const struct mil_model *model = function->model;
    if (name)
        function->function = mil_function_find(model, name);
    else if (model->function_count)
        function->function = model->functions[0];
    return function->function ? PST_OK
                              : error_set(err, PST_ERR_MODEL, "%s: there is no function %s", path,
                                          name ? name : "");
}

static pst_status make_inputs(struct function *function, const char *path, pst_error *err) {
    const struct mil_function *program = function->function;
    if (program->input_count > TENSORS_MAX || program->block->output_count > TENSORS_MAX)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: function %s has more than %d inputs or outputs", path, program->name,
                         TENSORS_MAX);
    for (size_t i = 0; i < program->input_count; i++) {
        const struct mil_value *value = program->inputs[i];
        size_t count;
        if (value->type.state) continue; /* the machine's own */
        if (!mil_type_count(&value->type, &count))
            return error_set(err, PST_ERR_UNSUPPORTED, "%s: input '%s' has no fixed shape", path,
                             value->name);
        void *memory = calloc(count ? count : 1, sizeof(float));
        if (!memory) return error_memory(err, count * sizeof(float));
        struct mil_tensor *input = &function->inputs[function->input_count++];
        *input = (struct mil_tensor){.name = value->name, .type = value->type, .rounded = 1};
        if (mil_is_float(value->type.dtype))
            input->f = memory;
        else
            input->i = memory;
    }
    function->output_count = program->block->output_count;
    return PST_OK;
}

static pst_status load(const pst_model_options *options, unsigned threads, const char *path,
                       const char *name, struct function **out, pst_error *err) {
    (void)options;
    struct function *function = calloc(1, sizeof *function);
    if (!function) return error_memory(err, sizeof *function);
    pst_status status = package_read(path, &function->model, err);
    if (!status) status = find_function(function, path, name, err);
    if (!status)
        status = mil_machine_new(&function->machine, function->model, function->function->name,
                                 MIL_ROUND_F16, threads, err);
    if (!status) status = make_inputs(function, path, err);
    if (status)
        unload(function);
    else
        *out = function;
    return status;
}

/* ------------------------------------------------------------------------------------ running */

static pst_status find_input(struct function *function, const char *name, size_t *index,
                             pst_error *err) {
    for (*index = 0; *index < function->input_count; ++*index)
        if (strcmp(function->inputs[*index].name, name) == 0) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "function %s has no input '%s'", function->function->name,
                     name);
}

/* An output of the last run. */
static pst_status find_output(const struct function *function, const char *name,
                              const struct mil_tensor **output, pst_error *err) {
    const struct mil_block *block = function->function->block;
    for (size_t i = 0; i < function->output_count; i++) {
        *output = &function->outputs[i];
        if (strcmp(block->outputs[i]->name, name) == 0 && ((*output)->f || (*output)->i))
            return PST_OK;
    }
    return error_set(err, PST_ERR_MODEL, "function %s has no output '%s'", function->function->name,
                     name);
}

static pst_status write_input(struct function *function, const char *name, struct places places,
                              const float *data, pst_error *err) {
    size_t index;
    pst_status status = find_input(function, name, &index, err);
    if (status) return status;
    struct mil_tensor *input = &function->inputs[index];
    if (places.count == 0 ||
        places.first + (places.count - 1) * places.step >= mil_elements(&input->type))
        return error_set(err, PST_ERR_MODEL, "input '%s' has another shape than the index says",
                         name);
    if (input->f && places.step == 1) {
        memcpy(input->f + places.first, data, places.count * sizeof *data);
        if (input->type.dtype == MIL_F16) round_f16(input->f + places.first, places.count);
        return PST_OK;
    }
    for (size_t i = 0, at = places.first; i < places.count; i++, at += places.step) {
        if (input->i) input->i[at] = (int32_t)data[i];
        if (input->f) input->f[at] = data[i];
        if (input->type.dtype == MIL_F16) round_f16(&input->f[at], 1);
    }
    return PST_OK;
}

static pst_status feed(struct function *function, const char *name, struct function *from,
                       pst_error *err) {
    const struct mil_tensor *output;
    pst_status status = find_output(from, name, &output, err);
    if (status) return status;
    return write_input(function, name, (struct places){0, 1, mil_elements(&output->type)},
                       output->f, err);
}

static pst_status run_function(struct function *function, pst_error *err) {
    memset(function->outputs, 0, sizeof function->outputs);
    return mil_machine_run(function->machine, function->inputs, function->input_count,
                           function->outputs, function->output_count, err);
}

static pst_status read_output(struct function *function, const char *name, float *data,
                              size_t count, pst_error *err) {
    const struct mil_tensor *output;
    pst_status status = find_output(function, name, &output, err);
    if (status) return status;
    if (mil_elements(&output->type) != count)
        return error_set(err, PST_ERR_MODEL, "output '%s' has another shape than the index says",
                         name);
    for (size_t i = 0; i < count; i++) data[i] = output->f ? output->f[i] : (float)output->i[i];
    return PST_OK;
}

const struct runner runner_mil = {.name = "mil",
                                  .load = load,
                                  .unload = unload,
                                  .write = write_input,
                                  .feed = feed,
                                  .run = run_function,
                                  .read = read_output};
