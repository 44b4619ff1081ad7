/* engine.c - see engine.h. */
#include "engine.h"

#include <stdlib.h>
#include <unistd.h>

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
    {"device", 0, OPTION_CHOICE, "auto|cpu|mil|coreml|mps|cuda", AT(device),
     "where to compute: the cpu, or the packages of a model that convert has made, by an "
     "interpreter (mil), Core ML (coreml) or Core ML without the Neural Engine (mps), the last two "
     "on macOS; there is no cuda (default: auto, what the model is for)"},
    {"compute-units", 0, OPTION_CHOICE, "all|ane|gpu|cpu", AT(units),
     "what --device coreml may use: everything, or the CPU with the Neural Engine (ane), with the "
     "GPU, or alone (default: all)"},
    {"decoder", 0, OPTION_TEXT, "M", AT(decoder),
     "with a converted model: the model it was made from, whose decoder continues from what the "
     "packages encode (default: the folder's own, where it has one)"},
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
     "of the matrix products; f32 gives what transformers gives token for token, auto is bf16 "
     "where there are kernels for it, else f32 (default: auto for transcribe, else f32)"},
    {"no-cache", 0, OPTION_FLAG, NULL, AT(no_cache),
     "neither read nor write packed weights in $XDG_CACHE_HOME/potstill"},
    {0},
};

/* A folder of packages, or a package. */
static int is_converted(const char *name) {
    static const char *const files[] = {"potstill.json", "Manifest.json"};
    int found = 0;
    for (int i = 0; i < 2 && !found; i++) {
        char *path = text_format("%s/%s", name, files[i]);
        found = access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

/* A model is a checkpoint by any name, or a converted one by its path. */
static int locate_model(const struct engine *engine, const struct engine_choice *choice,
                        const char *name, char **dir) {
    if (!is_converted(name))
        return locate(&engine->environment, name, "config.json", choice->revision, dir);
    *dir = text_format("%s", name);
    return 0;
}

static int open_model(struct engine *engine, const struct engine_choice *choice,
                      pst_model_options *options) {
    pst_error err;
    char *dir = NULL, *processor_dir = NULL, *decoder_dir = NULL;
    const char *name = choice->model ? choice->model : engine->environment.model;
    int code = locate_model(engine, choice, name, &dir);
    if (!code && choice->processor)
        code = locate(&engine->environment, choice->processor, "tokenizer.json", choice->revision,
                      &processor_dir);
    if (!code && choice->decoder)
        code = locate(&engine->environment, choice->decoder, "config.json", choice->revision,
                      &decoder_dir);
    options->processor_dir = processor_dir;
    options->decoder_dir = decoder_dir;
    options->cpu = (pst_cpu)choice->cpu;
    options->precision = (pst_precision)choice->precision;
    options->warn = say_warning;
    if (!code && pst_model_open(dir, options, &engine->model, &err)) code = fail_model(&err);
    if (!code) pst_model_describe(engine->model, &engine->info);
    pst_free(dir);
    pst_free(processor_dir);
    pst_free(decoder_dir);
    return code;
}

int engine_open_model(struct engine *engine, const struct engine_choice *choice) {
    pst_model_options options;
    *engine = (struct engine){0};
    environment_read(&engine->environment, choice->offline);
    pst_model_options_init(&options);
    options.device = PST_DEVICE_CPU;
    return open_model(engine, choice, &options);
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

/* A model without a tokenizer gives tokens, but no text: this is checked before the first clip. */
static int check_tokenizer(const struct engine *engine) {
    pst_error err;
    int32_t none = 0;
    char *text = NULL;
    if (pst_model_decode(engine->model, &none, 0, 0, &text, &err)) return fail_model(&err);
    pst_free(text);
    return 0;
}

/* mps is Core ML on CPU and GPU. */
static int set_device(pst_model_options *options, const struct engine_choice *choice,
                      const char *command) {
    static const pst_device devices[] = {PST_DEVICE_AUTO, PST_DEVICE_CPU, PST_DEVICE_MIL,
                                         PST_DEVICE_COREML, PST_DEVICE_COREML};
    if (choice->device == DEVICE_CUDA)
        return fail(
            EXIT_ENVIRONMENT,
            "%s: --device cuda: this program computes on the cpu, with the vector "
            "instructions it finds there, and on Apple's devices; use --device cpu or leave "
            "the option out",
            command);
    if (choice->device == DEVICE_MPS && choice->units != PST_UNITS_ALL)
        return fail(EXIT_USAGE, "%s: --compute-units is for --device coreml", command);
    options->device = devices[choice->device];
    options->units =
        choice->device == DEVICE_MPS ? PST_UNITS_GPU : (pst_compute_units)choice->units;
    return 0;
}

int engine_open(struct engine *engine, const struct engine_choice *choice, const char *command) {
    pst_model_options options;
    *engine = (struct engine){0};
    pst_model_options_init(&options);
    int code = set_device(&options, choice, command);
    if (code) return code;
    environment_read(&engine->environment, choice->offline);
    options.cache_dir = choice->no_cache ? NULL : engine->environment.weights_cache;
    code = open_model(engine, choice, &options);
    if (!code && engine->info.layout && (choice->adapters.count || choice->adapter))
        code = fail(EXIT_USAGE,
                    "%s: an adapter cannot be put on a converted model: merge it in with potstill "
                    "convert --adapter",
                    command);
    if (!code) code = check_tokenizer(engine);
    if (!code) code = open_adapters(engine, choice);
    engine->device = choice->device == DEVICE_MPS ? "mps" : engine->info.device;
    return code;
}

int engine_open_session(struct engine *engine, const struct engine_choice *choice) {
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

pst_batch_options engine_batch(const struct engine *engine, const struct engine_choice *choice) {
    pst_batch_options batch;
    pst_batch_options_init(&batch);
    batch.threads = (uint32_t)choice->threads;
    batch.adapters = (const pst_adapter *const *)engine->adapters;
    batch.weights = engine->weights;
    batch.adapter_count = engine->adapter_count;
    return batch;
}

void engine_close(struct engine *engine) {
    pst_session_free(engine->session);
    for (size_t i = 0; i < engine->adapter_count; i++) pst_adapter_free(engine->adapters[i]);
    free(engine->adapters);
    free(engine->weights);
    pst_model_free(engine->model);
    environment_free(&engine->environment);
    *engine = (struct engine){0};
}
