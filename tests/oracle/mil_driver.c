/* mil_driver.c - runs a Core ML package through the interpreter, for test_coreml_programs.py.
 *
 *     mil_driver [--f16] [--trace] [--function NAME] IN.mlpackage OUT_FOLDER
 *         NAME=FILE[:DIM,DIM...] ...
 *
 * A file holds float32 or int32 as they lie in memory; without dimensions the declared ones are
 * meant. Every output is written to OUT_FOLDER/NAME.bin and printed as a line "NAME TYPE DIM DIM
 * ...", and with --trace every result of an operation before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/interpret/interpret.h"
#include "coreml/package/package.h"

enum { INPUTS_MAX = 64, THREADS = 2 };

static const char *out_folder;

static int fail(const char *what, const char *why) {
    fprintf(stderr, "mil_driver: %s: %s\n", what, why);
    return 1;
}

/* Reads all of a file, or ends the program. */
static void *read_all(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END)) exit(fail(path, "cannot be read"));
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*bytes + 1);
    if (data == NULL || fread(data, 1, *bytes, file) != *bytes) exit(fail(path, "cannot be read"));
    fclose(file);
    return data;
}

static void write_result(void *user, const char *type, const struct mil_tensor *result) {
    (void)user;
    (void)type;
    char path[1024];
    size_t count = 1;
    printf("%s %s", result->name, mil_dtype_name(result->type.dtype));
    for (uint32_t i = 0; i < result->type.rank; i++) {
        printf(" %lld", (long long)result->type.dims[i]);
        count *= (size_t)result->type.dims[i];
    }
    printf("\n");
    snprintf(path, sizeof path, "%s/%s.bin", out_folder, result->name);
    FILE *file = fopen(path, "wb");
    const void *data = result->f ? (const void *)result->f : (const void *)result->i;
    if (file == NULL || fwrite(data, 4, count, file) != count || fclose(file))
        exit(fail(path, "cannot be written"));
}

/* "NAME=FILE[:DIMS]" */
static struct mil_tensor read_input(char *word, const struct mil_function *function) {
    struct mil_tensor input = {.name = word};
    char *path = strchr(word, '=');
    if (path == NULL) exit(fail(word, "is not NAME=FILE"));
    *path++ = '\0';
    for (size_t i = 0; i < function->input_count; i++)
        if (strcmp(function->inputs[i]->name, word) == 0) input.type = function->inputs[i]->type;
    char *dims = strrchr(path, ':');
    if (dims != NULL) {
        *dims++ = '\0';
        input.type.rank = 0;
        for (char *dim = strtok(dims, ","); dim && input.type.rank < MIL_RANK_MAX;
             dim = strtok(NULL, ","))
            input.type.dims[input.type.rank++] = atoll(dim);
    }
    size_t bytes, count = 4;
    void *data = read_all(path, &bytes);
    for (uint32_t i = 0; i < input.type.rank; i++) count *= (size_t)input.type.dims[i];
    if (count != bytes) exit(fail(path, "has not the size of its type"));
    if (input.type.dtype == MIL_F16 || input.type.dtype == MIL_F32)
        input.f = data;
    else
        input.i = data;
    return input;
}

static const struct mil_function *find(const struct mil_model *model, const char *name) {
    for (size_t i = 0; i < model->function_count; i++)
        if (name == NULL || strcmp(model->functions[i]->name, name) == 0)
            return model->functions[i];
    exit(fail(name ? name : "main", "no such function"));
}

int main(int argc, char **argv) {
    enum mil_rounding rounding = MIL_ROUND_NONE;
    const char *function = NULL;
    int trace = 0, at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--f16") == 0) rounding = MIL_ROUND_F16;
        if (strcmp(argv[at], "--trace") == 0) trace = 1;
        if (strcmp(argv[at], "--function") == 0 && at + 1 < argc) function = argv[++at];
    }
    if (argc - at < 2 || argc - at - 2 > INPUTS_MAX) return fail("usage", "see mil_driver.c");
    pst_error err = {0};
    struct mil_model *model = NULL;
    struct mil_machine *machine = NULL;
    struct mil_tensor inputs[INPUTS_MAX], outputs[INPUTS_MAX];
    if (package_read(argv[at], &model, &err)) return fail(argv[at], err.message);
    out_folder = argv[at + 1];
    const struct mil_function *used = find(model, function);
    size_t count = (size_t)(argc - at - 2), output_count = used->block->output_count;
    for (size_t i = 0; i < count; i++) inputs[i] = read_input(argv[at + 2 + (int)i], used);
    if (output_count > INPUTS_MAX ||
        mil_machine_new(&machine, model, used->name, rounding, THREADS, &err))
        return fail(argv[at], err.message);
    if (trace) mil_machine_trace(machine, write_result, NULL);
    if (mil_machine_run(machine, inputs, count, outputs, output_count, &err))
        return fail(argv[at], err.message);
    for (size_t i = 0; i < output_count; i++) write_result(NULL, "", &outputs[i]);
    for (size_t i = 0; i < count; i++) free(inputs[i].f ? (void *)inputs[i].f : inputs[i].i);
    mil_machine_free(machine);
    mil_model_free(model);
    return 0;
}
