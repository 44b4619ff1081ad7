/* cmd_convert.c - a model, adapters merged in, as Core ML packages.
 *
 * Here names are resolved and lengths parsed; the packages are the library's work. */
#include <stdlib.h>
#include <string.h>

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "output.h"
#include "potstill_tools.h"
#include "sources.h"

static int run(const void *values, char **operands, int operand_count);

/* The choices of the library, in the order of the words below. */
static const pst_convert_precision precisions[] = {
    PST_CONVERT_FLOAT16,  PST_CONVERT_FLOAT32,  PST_CONVERT_INT8,
    PST_CONVERT_PALETTE8, PST_CONVERT_PALETTE6, PST_CONVERT_PALETTE4,
};
static const pst_convert_target targets[] = {PST_CONVERT_IOS15, PST_CONVERT_IOS16,
                                             PST_CONVERT_IOS18};
enum { TARGET_IOS16 = 1 };
static const pst_convert_layout layouts[] = {PST_CONVERT_SPLIT, PST_CONVERT_SINGLE,
                                             PST_CONVERT_STREAM};
static const pst_convert_outputs outputs[] = {PST_CONVERT_LOGITS, PST_CONVERT_TOKEN};
static const pst_convert_input inputs[] = {PST_CONVERT_SAMPLES, PST_CONVERT_BLOCKS};

struct values {
    struct engine_choice engine;
    const char *output, *drafts;
    struct option_ids seconds;
    int precision, target, layout, outputs, input;
    int state, force, with_decoder;
    int64_t piece, ahead;
};

static const struct values defaults = {.target = TARGET_IOS16};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "the model (default: the adapter's base; else as for transcribe)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(engine.adapters),
     "an adapter to merge in, WEIGHT times (default: 1); again for more"},
    {"output", 'o', OPTION_REQUIRED, "OUT", AT(output),
     "the folder to make, or the .mlpackage for --layout single"},
    {"precision", 0, OPTION_CHOICE, "float16|float32|int8|palette8|palette6|palette4",
     AT(precision), "how weights are stored (default: float16); also f16, f32"},
    {"seconds", 0, OPTION_IDS, "N,N,...", AT(seconds),
     "lengths of clips in whole seconds, 1 to 30 (default: 10,30; single has one: 10; so has "
     "stream: 30)"},
    {"target", 0, OPTION_CHOICE, "ios15|ios16|ios18", AT(target),
     "the oldest system that runs it (default: ios16)"},
    {"layout", 0, OPTION_CHOICE, "split|single|stream", AT(layout),
     "encoders and a decoder, one package, or an encoder of pieces and a decoder (default: split)"},
    {"piece", 0, OPTION_COUNT, "MS", AT(piece),
     "of stream: milliseconds of a piece, a multiple of 20 (default: 320)"},
    {"ahead", 0, OPTION_COUNT, "N", AT(ahead),
     "a second decoder function that takes N tokens of a text in one call, 2 to 32, so that drafts "
     "save calls; before ios18 a package of its own"},
    {"outputs", 0, OPTION_CHOICE, "logits|token", AT(outputs),
     "what the decoder gives: the scores of all tokens, or the best token, which is less to copy "
     "and all that greedy search without rules needs (default: logits)"},
    {"input", 0, OPTION_CHOICE, "samples|blocks", AT(input),
     "how the encoder takes samples: float32 in a row, or float16 in rows of 64, which leaves "
     "nothing of it to the CPU (default: samples)"},
    {"with-decoder", 0, OPTION_FLAG, NULL, AT(with_decoder),
     "the decoder as a checkpoint too: who opens the folder encodes by the packages and decodes by "
     "the engine"},
    {"drafts", 0, OPTION_TEXT, "FILE", AT(drafts),
     "texts that are likely to be said, one a line, as those that an adapter was trained on: tried "
     "several tokens at a time by --ahead's function or the engine's decoder"},
    {"state", 0, OPTION_FLAG, NULL, AT(state),
     "the decoder, and stream's encoder, keep their caches themselves (ios18)"},
    {"force", 0, OPTION_FLAG, NULL, AT(force), "replace OUT if it was converted before"},
    {0},
};

const struct command command_convert = {
    .name = "convert",
    .synopsis = "",
    .summary = "write Core ML packages for Apple's systems",
    .details = "Makes packages that iPhones and Macs run on their Neural Engine, on any system;\n"
               "adapters are merged on the way. Prints what it made.\n"
               "\n"
               "split: the folder OUT has for each length an encoder, a decoder that is called\n"
               "once a token, tokenizer.json, and potstill.json, which says what to load and how\n"
               "to feed it. A clip goes to the shortest length that it fits into, and gives the\n"
               "text that it gives by itself. Each length has the weights again; with ios18,\n"
               "lengths are functions of one package and share them.\n"
               "single: OUT is one package, input_values to token_ids, for clips of exactly that\n"
               "length. Simple to call; but what fills up a shorter clip is heard as silence,\n"
               "and its loop over tokens does not run on the Neural Engine.\n"
               "\n"
               "stream: as split, for streaming models, but the encoder hears a piece of a clip\n"
               "after the other, as sound comes in, and gives what it gives of the whole.\n"
               "\n"
               "int8 and the palettes (256, 64 or 16 values a tensor) shrink the weights; all\n"
               "but float32 compute in float16.",
    .groups = {{"Options", options, 0},
               {NULL, engine_processor_options, AT(engine)},
               {NULL, engine_model_options, AT(engine)}},
    .operands_min = 0,
    .operands_max = 0,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

static int convert(const struct values *values, const struct sources *sources) {
    pst_error err;
    pst_convert_options settings;
    pst_convert_options_init(&settings);
    settings.precision = precisions[values->precision];
    settings.target = targets[values->target];
    settings.layout = layouts[values->layout];
    settings.outputs = outputs[values->outputs];
    settings.input = inputs[values->input];
    uint32_t *seconds = need(calloc(values->seconds.count + 1, sizeof *seconds));
    for (size_t i = 0; i < values->seconds.count; i++)
        seconds[i] = (uint32_t)values->seconds.items[i];
    if (values->seconds.given) settings.seconds = seconds;
    settings.seconds_count = values->seconds.count;
    settings.piece_ms = (uint32_t)values->piece;
    settings.ahead = (uint32_t)values->ahead;
    settings.state = values->state;
    settings.with_decoder = values->with_decoder;
    settings.drafts_file = values->drafts;
    settings.force = values->force;
    settings.processor_dir = sources->processor_dir;
    settings.warn = say_warning;
    settings.cancelled = signals_cancelled;
    signals_hold();
    pst_status status = pst_convert(sources->model_dir, sources->adapters, sources->adapter_count,
                                    values->output, &settings, &err);
    free(seconds);
    return finish_folder(values->output, status, &err);
}

/* What the words of the command line tell better than the library can. */
static int check(const struct values *values) {
    static const char suffix[] = ".mlpackage";
    size_t length = strlen(values->output);
    while (length && values->output[length - 1] == '/') length--;
    int package =
        length >= sizeof suffix - 1 &&
        strncmp(values->output + length - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0;
    if (package && layouts[values->layout] != PST_CONVERT_SINGLE)
        return usage_error(&command_convert,
                           "--output %s: --layout %s makes a folder of packages; name it "
                           "without .mlpackage, or make one package by --layout single",
                           values->output,
                           layouts[values->layout] == PST_CONVERT_SPLIT ? "split" : "stream");
    if (!package && layouts[values->layout] == PST_CONVERT_SINGLE)
        return usage_error(&command_convert,
                           "--output %s: --layout single makes a package; name it %.*s.mlpackage",
                           values->output, (int)length, values->output);
    return 0;
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operands;
    (void)operand_count;
    const struct values *values = chosen;
    int wrong = check(values);
    if (wrong) return wrong;
    struct sources sources;
    struct environment environment;
    environment_read(&environment, values->engine.offline);
    int code = sources_find_checkpoint(&sources, &environment, &values->engine);
    if (!code) code = convert(values, &sources);
    sources_free(&sources);
    environment_free(&environment);
    return code;
}
