/* cmd_merge.c - adapters into their model.
 *
 * Here names are resolved and weights parsed; the folder is the library's work. */
#include <stdio.h>
#include <stdlib.h>

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "locate.h"
#include "output.h"

static int run(const void *values, char **operands, int operand_count);

enum dtype_choice { DTYPE_AS_STORED, DTYPE_FLOAT32, DTYPE_FLOAT16, DTYPE_BFLOAT16 };
static const char *const dtype_names[] = {NULL, "float32", "float16", "bfloat16"};

struct values {
    struct engine_choice engine;
    struct option_texts adapters;
    const char *output;
    int dtype;
    int safe, force;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model), "the model (default: as for transcribe)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(adapters),
     "an adapter, WEIGHT times (default: 1); again for more"},
    {"output", 'o', OPTION_REQUIRED, "DIR", AT(output), "the folder to make"},
    {"dtype", 0, OPTION_CHOICE, "stored|float32|float16|bfloat16", AT(dtype),
     "the type of the merged weights (default: stored, as the model has them)"},
    {"processor-dir", 0, OPTION_TEXT, "DIR", AT(engine.processor),
     "whose tokenizer and processor files are copied (default: the model's)"},
    {"safe", 0, OPTION_FLAG, NULL, AT(safe), "refuse results that are not finite"},
    {"force", 0, OPTION_FLAG, NULL, AT(force), "replace the model folder DIR if it is there"},
    {0},
};

const struct command command_merge = {
    .name = "merge",
    .synopsis = "",
    .summary = "fold adapters into their model",
    .details = "Makes a model folder that needs no adapter, for this program and for\n"
               "transformers, as merge_and_unload() and save_pretrained() do. Prints the folder\n"
               "made.\n"
               "\n"
               "A weight becomes the base's plus the sum of each adapter's change times WEIGHT\n"
               "(what PEFT calls cat), in double precision, rounded once. An adapter on the\n"
               "embedding or the output matrix alone changes that one alone, as it does\n"
               "unmerged, and the result has both. potstill_merge.json says what went in.",
    .groups = {{"Options", options, 0}, {NULL, engine_model_options, AT(engine)}},
    .operands_min = 0,
    .operands_max = 0,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

static void warn(void *user, const char *message) {
    (void)user;
    say("%s", message);
}

static void free_adapters(pst_merge_adapter *adapters, size_t count) {
    for (size_t i = 0; i < count; i++) pst_free((char *)adapters[i].dir);
    free(adapters);
}

/* The folders and weights of the adapters. 0, or an exit code with the reason said. */
static int find_adapters(const struct values *values, const struct environment *environment,
                         pst_merge_adapter *adapters) {
    for (size_t i = 0; i < values->adapters.count; i++) {
        char *dir = NULL;
        char *name = locate_split_weight(values->adapters.items[i], &adapters[i].weight);
        int code = locate_adapter(environment, name, &dir);
        adapters[i].dir = dir;
        free(name);
        if (code) return code;
    }
    return 0;
}

static int merge(const struct values *values, const char *model_dir, const char *processor_dir,
                 const pst_merge_adapter *adapters) {
    pst_error err;
    pst_merge_options settings;
    pst_merge_options_init(&settings);
    settings.processor_dir = processor_dir;
    settings.dtype = dtype_names[values->dtype];
    settings.safe = values->safe;
    settings.force = values->force;
    settings.warn = warn;
    signals_hold();
    pst_status status =
        pst_merge(model_dir, adapters, values->adapters.count, values->output, &settings, &err);
    signals_release();
    if (status == PST_ERR_INPUT) return fail(EXIT_MODEL, "%s", err.message);
    if (status) return fail(exit_code_of(&err), "%s", err.message);
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    fprintf(output.stream, "%s\n", values->output);
    return output_close(&output, 1);
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operands;
    (void)operand_count;
    const struct values *values = chosen;
    if (values->adapters.count == 0) return usage_error(&command_merge, "--adapter is missing");
    struct environment environment;
    environment_read(&environment);
    if (values->engine.offline) environment_go_offline(&environment);
    const char *revision = values->engine.revision;
    const char *name = values->engine.model ? values->engine.model : environment.model;
    const char *processor = values->engine.processor;
    pst_merge_adapter *adapters = need(calloc(values->adapters.count, sizeof *adapters));
    char *model_dir = NULL, *processor_dir = NULL;
    int code = find_adapters(values, &environment, adapters);
    if (!code) code = locate(&environment, name, "config.json", revision, &model_dir);
    if (!code && processor)
        code = locate(&environment, processor, "tokenizer.json", revision, &processor_dir);
    if (!code) code = merge(values, model_dir, processor_dir, adapters);
    free_adapters(adapters, values->adapters.count);
    pst_free(model_dir);
    pst_free(processor_dir);
    environment_free(&environment);
    return code;
}
