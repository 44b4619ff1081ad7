/* engine.c - see engine.h. */
#include "engine.h"

#include <stdlib.h>

#include "console.h"
#include "locate.h"

#define AT(field) offsetof(struct engine_choice, field)
const struct option engine_model_options[] = {
    {"revision", 0, OPTION_TEXT, "R", AT(revision),
     "branch, tag or commit of a model on the Hugging Face hub (default: main)"},
    {"offline", 0, OPTION_FLAG, NULL, AT(offline),
     "download nothing: use what is here (also by HF_HUB_OFFLINE=1)"},
    {0},
};
const struct option engine_adapter_options[] = {
    {"adapter-scale", 0, OPTION_NUMBER, "X", AT(adapter_scale),
     "scale of an adapter that stores none, as those of Moonshine's own trainer (default: 1)"},
    {0},
};
const struct option engine_device_options[] = {
    {"device", 0, OPTION_CHOICE, DEVICE_NAMES, AT(device),
     "where to compute: the cpu, or the packages of a model that convert has made, by an "
     "interpreter (mil), Core ML (coreml) or Core ML without the Neural Engine (mps), the last two "
     "on macOS; there is no cuda (default: auto, what the model is for)"},
    {"compute-units", 0, OPTION_CHOICE, "all|ane|gpu|cpu", AT(units),
     "what --device coreml may use: everything, or the CPU with the Neural Engine (ane), with the "
     "GPU, or alone (default: all)"},
    {"decoder", 0, OPTION_TEXT, "M", AT(decoder),
     "with a converted model: the model it was made from, whose decoder goes on from what the "
     "package's encoder heard (default: the folder's own, where it has one)"},
    {0},
};
const struct option engine_compute_options[] = {
    {"threads", 0, OPTION_COUNT, "N", AT(threads),
     "threads to compute with; the results are the same for any number (default: one a core, at "
     "most 8)"},
    {"cpu", 0, OPTION_CHOICE,
     "auto|reference|avx2|avx_vnni|avx512|avx512_vnni|avx512_bf16|amx|neon|neon_dotprod|neon_i8mm",
     AT(cpu), "instruction set (default: auto, the best there is)"},
    {"precision", 0, OPTION_CHOICE, "f32|bf16|int8|auto", AT(precision),
     "of the matrix products; f32 gives what transformers gives token for token, auto takes the "
     "fastest on this CPU (default: auto for transcribe, else f32)"},
    {"no-cache", 0, OPTION_FLAG, NULL, AT(no_cache),
     "neither read nor write prepared weights in $XDG_CACHE_HOME/potstill"},
    {0},
};

/* Whether it is only the instruction set asked for that is missing: the model opens without it. */
static int only_cpu_is_missing(const char *dir, pst_model_options options) {
    pst_model *model;
    if (options.cpu == PST_CPU_AUTO) return 0;
    options.cpu = PST_CPU_AUTO;
    if (pst_model_open(dir, &options, &model, NULL)) return 0;
    pst_model_free(model);
    return 1;
}

static int open_model(struct engine *engine, const struct engine_choice *choice, const char *dir,
                      const char *processor_dir, const char *cache_dir) {
    pst_error err;
    pst_model_options options;
    pst_model_options_init(&options);
    options.processor_dir = processor_dir;
    options.cpu = (pst_cpu)choice->cpu;
    options.precision = (pst_precision)choice->precision;
    options.cache_dir = cache_dir;
    pst_status status = pst_model_open(dir, &options, &engine->model, &err);
    if (status == PST_ERR_UNSUPPORTED && only_cpu_is_missing(dir, options))
        return fail(EXIT_ENVIRONMENT, "%s", err.message);
    return status ? fail_model(&err) : 0;
}

/* `cached`: keep packed weights and the tokenizer for the next time. */
static int find_model(struct engine *engine, const struct engine_choice *choice, int cached) {
    char *dir = NULL, *processor_dir = NULL;
    *engine = (struct engine){0};
    environment_read(&engine->environment, choice->offline);
    const char *name = choice->model ? choice->model : engine->environment.model;
    int code = locate(&engine->environment, name, "config.json", choice->revision, &dir);
    if (!code && choice->processor)
        code = locate(&engine->environment, choice->processor, "tokenizer.json", choice->revision,
                      &processor_dir);
    if (!code)
        code = open_model(engine, choice, dir, processor_dir,
                          cached ? engine->environment.weights_cache : NULL);
    pst_free(dir);
    pst_free(processor_dir);
    return code;
}

int engine_open_model(struct engine *engine, const struct engine_choice *choice) {
    return find_model(engine, choice, 0);
}

int engine_open_adapter(struct engine *engine, const char *name, double weight, double scale) {
    pst_error err;
    char *dir = NULL;
    int code = locate_adapter(&engine->environment, name, &dir);
    if (code) return code;
    pst_adapter_options options;
    pst_adapter_options_init(&options);
    options.warn = say_warning;
    options.adapter_scale = scale;
    size_t count = engine->adapter_count;
    engine->adapters = need(realloc(engine->adapters, (count + 1) * sizeof *engine->adapters));
    engine->weights = need(realloc(engine->weights, (count + 1) * sizeof *engine->weights));
    engine->weights[count] = weight;
    pst_status status =
        pst_adapter_open(engine->model, dir, &options, &engine->adapters[count], &err);
    engine->adapter_count += !status;
    pst_free(dir);
    return status ? fail_model(&err) : 0;
}

static int open_weighted(struct engine *engine, const char *text, double scale) {
    double weight;
    char *name = locate_split_weight(text, &weight);
    int code = engine_open_adapter(engine, name, weight, scale);
    free(name);
    return code;
}

static int open_adapters(struct engine *engine, const struct engine_choice *choice) {
    double scale = choice->adapter_scale;
    int code = choice->adapter ? engine_open_adapter(engine, choice->adapter, 1, scale) : 0;
    for (size_t i = 0; i < choice->adapters.count && !code; i++)
        code = open_weighted(engine, choice->adapters.items[i], scale);
    return code;
}

int engine_locate(const struct engine_choice *choice, const char *name, const char *required,
                  char **dir) {
    struct environment environment;
    environment_read(&environment, choice->offline);
    int code = required ? locate(&environment, name, required, choice->revision, dir)
                        : locate_any(&environment, name, choice->revision, dir);
    environment_free(&environment);
    return code;
}

static int open_session(struct engine *engine, const struct engine_choice *choice) {
    pst_error err;
    pst_session_options options;
    pst_session_options_init(&options);
    options.threads = (uint32_t)choice->threads;
    pst_status status = pst_session_new(engine->model, &options, &engine->session, &err);
    if (status) return fail(exit_code_of(&err), "%s", err.message);
    status = pst_session_use_adapters(engine->session, (const pst_adapter *const *)engine->adapters,
                                      engine->weights, engine->adapter_count, &err);
    return status ? fail(EXIT_MODEL, "%s", err.message) : 0;
}

/* A model without a tokenizer gives tokens, but no text: this is checked before the first clip. */
static int check_tokenizer(const struct engine *engine) {
    pst_error err;
    int32_t none = 0;
    char *text = NULL;
    if (pst_model_decode(engine->model, &none, 0, 0, &text, &err)) return fail_model(&err);
    pst_free(text);
    return 0;
}

int engine_open(struct engine *engine, const struct engine_choice *choice) {
    int code = find_model(engine, choice, !choice->no_cache);
    if (!code) code = check_tokenizer(engine);
    if (!code) code = open_adapters(engine, choice);
    return code ? code : open_session(engine, choice);
}

/* The engine that decodes what the converted model `name` has heard: the one that was asked for, or
 * that of the checkpoint beside the packages. */
static int open_decoder(struct engine *engine, const struct engine_choice *choice,
                        const char *name) {
    struct engine_choice whole = *choice;
    enum device device = engine->device;
    whole.model = choice->decoder ? choice->decoder : name;
    if (!choice->decoder && !device_has_checkpoint(name)) return 0;
    environment_free(&engine->environment);
    int code = engine_open(engine, &whole);
    engine->device = device;
    return code;
}

/* Packages have their adapters merged in, and their own precision. */
static int open_package(struct engine *engine, const struct engine_choice *choice, const char *name,
                        const char *command) {
    pst_error err;
    pst_converted_options options;
    pst_compute_units units;
    char *processor_dir = NULL;
    int code = device_units(command, engine->device, choice->units, &units);
    if (code) return code;
    if (choice->adapters.count || choice->adapter)
        return fail(EXIT_USAGE,
                    "%s: an adapter cannot be put on a converted model: merge it in with potstill "
                    "convert --adapter",
                    command);
    code = open_decoder(engine, choice, name);
    if (!code && choice->processor)
        code = locate(&engine->environment, choice->processor, "tokenizer.json", choice->revision,
                      &processor_dir);
    if (code) return code;
    pst_converted_options_init(&options);
    options.device = engine->device == DEVICE_MIL ? PST_DEVICE_MIL : PST_DEVICE_COREML;
    options.threads = (uint32_t)choice->threads;
    options.processor_dir = processor_dir;
    options.units = units;
    options.cache_dir = choice->no_cache ? NULL : engine->environment.weights_cache;
    options.warn = say_warning;
    options.decoder = engine->session;
    pst_status status = pst_converted_open(name, &options, &engine->package, &err);
    pst_free(processor_dir);
    return status ? fail_model(&err) : 0;
}

int engine_open_device(struct engine *engine, const struct engine_choice *choice,
                       const char *command) {
    enum device device;
    *engine = (struct engine){0};
    environment_read(&engine->environment, choice->offline);
    const char *name = choice->model ? choice->model : engine->environment.model;
    int code = device_settle(command, (enum device)choice->device, name, &device);
    engine->device = device;
    if (code) return code;
    if (device_is_package(device)) return open_package(engine, choice, name, command);
    if (choice->units != PST_UNITS_ALL || choice->decoder)
        return fail(EXIT_USAGE, "%s: %s is for a converted model", command,
                    choice->decoder ? "--decoder" : "--compute-units");
    environment_free(&engine->environment);
    code = engine_open(engine, choice);
    engine->device = device;
    return code;
}

pst_batch_options engine_batch(const struct engine *engine, const struct engine_choice *choice) {
    pst_batch_options batch;
    pst_batch_options_init(&batch);
    batch.threads = (uint32_t)choice->threads;
    batch.adapters = (const pst_adapter *const *)engine->adapters;
    batch.weights = engine->weights;
    batch.adapter_count = engine->adapter_count;
    batch.package = engine->package;
    return batch;
}

void engine_close(struct engine *engine) {
    pst_converted_free(engine->package);
    pst_session_free(engine->session);
    for (size_t i = 0; i < engine->adapter_count; i++) pst_adapter_free(engine->adapters[i]);
    free(engine->adapters);
    free(engine->weights);
    pst_model_free(engine->model);
    environment_free(&engine->environment);
    *engine = (struct engine){0};
}
