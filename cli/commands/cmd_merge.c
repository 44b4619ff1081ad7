/* cmd_merge.c - adapters into their model.
 *
 * Here names are resolved and weights parsed; the folder is the library's work. */

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "output.h"
#include "potstill_tools.h"
#include "sources.h"

static int run(const void *values, char **operands, int operand_count);

enum dtype_choice { DTYPE_AS_STORED, DTYPE_FLOAT32, DTYPE_FLOAT16, DTYPE_BFLOAT16 };
static const char *const dtype_names[] = {NULL, "float32", "float16", "bfloat16"};

struct values {
    struct engine_choice engine;
    const char *output;
    int dtype;
    int safe, force;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "the model (default: the adapter's base; else as for transcribe)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(engine.adapters),
     "an adapter, WEIGHT times (default: 1); again for more"},
    {"output", 'o', OPTION_REQUIRED, "DIR", AT(output), "the folder to make"},
    {"dtype", 0, OPTION_CHOICE, "stored|float32|float16|bfloat16", AT(dtype),
     "the type of the merged weights (default: stored, as the model has them); also f32, "
     "f16, bf16"},
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
    .groups = {{"Options", options, 0},
               {NULL, engine_processor_options, AT(engine)},
               {NULL, engine_model_options, AT(engine)}},
    .operands_min = 0,
    .operands_max = 0,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

static int merge(const struct values *values, const struct sources *sources) {
    pst_error err;
    pst_merge_options settings;
    pst_merge_options_init(&settings);
    settings.processor_dir = sources->processor_dir;
    settings.dtype = dtype_names[values->dtype];
    settings.safe = values->safe;
    settings.force = values->force;
    settings.warn = say_warning;
    settings.cancelled = signals_cancelled;
    signals_hold();
    pst_status status = pst_merge(sources->model_dir, sources->adapters, sources->adapter_count,
                                  values->output, &settings, &err);
    return finish_folder(values->output, status, &err);
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operands;
    (void)operand_count;
    const struct values *values = chosen;
    if (values->engine.adapters.count == 0)
        return usage_error(&command_merge, "--adapter is missing");
    struct sources sources;
    struct environment environment;
    environment_read(&environment, values->engine.offline);
    int code = sources_find_checkpoint(&sources, &environment, &values->engine);
    if (!code) code = merge(values, &sources);
    sources_free(&sources);
    environment_free(&environment);
    return code;
}
